"""Sends a page through Apprise, which supports more than a hundred services."""

import asyncio
import logging

import structlog
from apprise import Apprise, NotifyType

from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret

log = structlog.get_logger(__name__)

# What it logs quotes the URL that it cannot read, or that did not answer: whoever has that can ring
# our people, or keep them from being rung.
logging.getLogger("apprise").addFilter(lambda _: False)

PATIENCE = 20.0  #: seconds for one try


class AppriseBell:
    """One service.

    Args:
        name: of the pager, for errors.
        url: as Apprise has it.

    Raises:
        BadSettings: Apprise knows no such service; the URL is not shown.
    """

    def __init__(self, name: str, url: Secret) -> None:
        self._name = name
        self._apprise = Apprise()
        if not self._apprise.add(url.reveal()):
            raise BadSettings(f"pager {name}: url is none that Apprise knows")

    async def ring(self, title: str, body: str) -> bool:
        """See ``Bell``. Why a service refused stays unsaid: its words may repeat the URL."""
        try:
            async with asyncio.timeout(PATIENCE):
                told = await self._apprise.async_notify(
                    body=body, title=title, notify_type=NotifyType.FAILURE
                )
        except Exception as error:
            log.warning("page.failed", pager=self._name, error=type(error).__name__)
            return False
        return bool(told)

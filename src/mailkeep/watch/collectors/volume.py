"""Polls how much mail providers say they sent for our accounts.

Security: asks providers with the key that sends; reads a number out of a bounded reply. One that is
cut off is not asked: no request to it starts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from mailkeep.events.types import Fact
from mailkeep.mail import queries
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.types import HttpRequest, ProviderConfig, Reply
from mailkeep.providers.volume import Counts
from mailkeep.store.database import Database
from mailkeep.watch.events import VolumeTold

log = structlog.get_logger(__name__)

SECONDS = 900.0  #: their own counting is minutes behind, and their limits on such calls are low

Carry = Callable[[HttpRequest], Awaitable[Reply]]


class Volume:
    """The collector.

    Args:
        providers: by name; those whose API does not tell are left out.
        carry: sends a request and says what came of it; never raises.
    """

    name = "volume"
    seconds = SECONDS

    def __init__(
        self, database: Database, providers: Mapping[str, ProviderConfig], carry: Carry
    ) -> None:
        self._database = database
        self._carry = carry
        self._asked = {
            name: (module, config)
            for name, config in providers.items()
            if isinstance(module := registry.get(config.kind), Counts)
        }

    async def collect(self) -> Sequence[Fact]:
        """Ask every provider that tells and is not cut off."""
        async with self._database.read() as tx:
            cut = await queries.cut(tx)
        asked = {name: one for name, one in self._asked.items() if name not in cut}
        told = await asyncio.gather(*(self._ask(*one) for one in asked.values()))
        return [
            VolumeTold(provider=name, window="all_time", count=count, what="sent")
            for name, count in zip(asked, told, strict=True)
            if count is not None
        ]

    async def _ask(self, module: Counts, config: ProviderConfig) -> int | None:
        try:
            return module.volume(await self._carry(module.ask_volume(config)))
        except MisconfiguredProvider as error:
            log.warning("volume.not_asked", provider=config.name, error=str(error))
            return None

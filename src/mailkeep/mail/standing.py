"""A cache of which providers are cut off, so that not every send has to ask the database."""

import asyncio
import time

from mailkeep.store.database import Database

from . import outbox

FRESH_SECONDS = 0.25  #: how long an answer counts: no request starts a second after a cut


class Standing:
    """The cut-offs as they were a moment ago.

    Args:
        database: where they are written, by whichever process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cut: frozenset[str] = frozenset()
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def cut(self) -> frozenset[str]:
        """Providers to which no request may start.

        Raises:
            Unavailable: it cannot be known now, so nothing may be sent.
        """
        if time.monotonic() < self._until:
            return self._cut
        async with self._asking:
            asked = time.monotonic()
            if asked >= self._until:
                async with self._database.glance() as tx:
                    self._cut = await outbox.cut_providers(tx)
                self._until = asked + FRESH_SECONDS
        return self._cut

    def forget(self) -> None:
        """Something changed: ask anew."""
        self._until = 0.0

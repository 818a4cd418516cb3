"""A cache of parsed mails for the development mailbox's list and search.

Parsing a thousand mails takes a second or two; the parsed list stays in memory, bounded by
``letter.MAX_SOUGHT``.
"""

import asyncio

from mailkeep.base.keys import digest
from mailkeep.mail import queries
from mailkeep.store.database import Database

from .letter import Brief, brief

AT_ONCE = 10  #: mails that are held in full while the shelf is filled


class Shelf:
    """Args:
    database: the app's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._briefs: dict[str, Brief] = {}
        self._filling = asyncio.Lock()

    async def all(self) -> list[Brief]:
        """Every mail, newest first."""
        async with self._filling:
            ids = await self.ids()
            missing = [one for one in ids if one not in self._briefs]
            for start in range(0, len(missing), AT_ONCE):
                async with self._database.read() as tx:
                    found = await queries.caught(tx, missing[start : start + AT_ONCE])
                made = await asyncio.to_thread(_briefs, found)
                self._briefs |= {one.id: one for one in made}
            self._briefs = {one: self._briefs[one] for one in ids if one in self._briefs}
            return list(self._briefs.values())

    async def ids(self) -> list[str]:
        """The ids of every mail, newest first."""
        async with self._database.read() as tx:
            return await queries.caught_ids(tx)

    async def version(self) -> str:
        """Another word for each other content."""
        return digest(" ".join(await self.ids()).encode())


def _briefs(found: list[queries.CaughtMail]) -> list[Brief]:
    return [brief(one.id, one.at, one.recipient, one.raw) for one in found]

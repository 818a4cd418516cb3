"""A cache of incidents as pages show them: computed once for all open pages, when their data
changed.

A case depends on its own rows, which are cheap to read, and on events of recoveries, providers and
incidents. Events of mail are many and do not invalidate it; the numbers that they change (how many
are overdue, how many addresses a suspect was given) are at most ``FRESH`` old.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.keys import digest
from mailkeep.events import queries as events
from mailkeep.incidents import queries as incidents
from mailkeep.response import approval, queries
from mailkeep.response.actions.port import Means
from mailkeep.response.types import CaseView
from mailkeep.store.database import Database, Tx

FRESH = 10 * SECOND  #: for which a case is good of which nothing is told
MEMO = SECOND * 9 // 10  #: for which open pages share one look
MOST = 200  #: cases that are remembered

_KINDS = ("accounts.frozen", "incidents.", "mail.provider_", "recovery.", "response.", "watch.s")


class _Known(msgspec.Struct, frozen=True):
    stamp: tuple[str, int]
    at: Instant
    case: CaseView


class Cases:
    """Computes and caches incidents for pages.

    Args:
        database: where they are.
        means: what their actions know.
    """

    def __init__(self, database: Database, means: Means) -> None:
        self._database = database
        self._means = means
        self._turn = asyncio.Lock()
        self._known: dict[str, _Known] = {}
        self._versions: dict[str, tuple[Instant, str]] = {}
        self._position, self._changes = 0, 0

    async def look(self, incident: str) -> CaseView:
        """An incident with everything that is known of it. Raises ``NotFound``."""
        async with self._turn, self._database.read() as tx:
            return await self._look(tx, incident)

    async def version(self, incident: str) -> str:
        """A number that changes with the case; for pages that listen. Raises ``NotFound``."""

        async def work(tx: Tx) -> str:
            return version_of(await self._look(tx, incident))

        return await self.once(incident, work)

    async def version_of_all(self) -> str:
        """The same of the list of incidents."""

        async def work(tx: Tx) -> str:
            found, _ = await incidents.page(tx)
            deciding = await queries.to_decide(tx, found)
            waiting = [one.id for one in await approval.all_waiting(tx)]
            return digest(msgspec.json.encode((found, deciding, waiting)))

        return await self.once("", work)

    async def once(
        self, name: str, work: Callable[[Tx], Awaitable[str]], good: Instant = MEMO
    ) -> str:
        """A version that is worked out once for all open pages.

        Args:
            name: of which it is.
            good: microseconds, for which it is not worked out anew.
        """
        async with self._turn:
            now = self._database.clock.now()
            at, found = self._versions.get(name, (0, ""))
            if not at <= now < at + good:
                async with self._database.read() as tx:
                    found = await work(tx)
                if len(self._versions) >= MOST:
                    self._versions.clear()
                self._versions[name] = (now, found)
            return found

    async def _look(self, tx: Tx, incident: str) -> CaseView:
        stamp = await queries.stamp(tx, incident), await self._facts(tx)
        known = self._known.get(incident)
        if known is not None and known.stamp == stamp and known.at <= tx.now < known.at + FRESH:
            return known.case
        case = await queries.case(tx, self._means, incident)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[incident] = _Known(stamp, tx.now, case)
        return case

    async def _facts(self, tx: Tx) -> int:
        """A number that changes when an event that may affect a case happened."""
        position, changed = await events.changed(tx, self._position, _KINDS)
        if changed:
            self._changes += 1
        self._position = position
        return self._changes


def version_of(case: CaseView) -> str:
    """A number that changes with what a page shows of a case (pure)."""
    # The window of an open incident always ends now, which is no change.
    still_there = msgspec.structs.replace(case.blast, until=0)
    return digest(msgspec.json.encode(msgspec.structs.replace(case, blast=still_there)))

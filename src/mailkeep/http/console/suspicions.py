"""Console pages of what may be going on, and of what others report: read-only."""

import asyncio

from litestar import Controller, get
from litestar.response import Template

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.events import queries as events
from mailkeep.http.port import Running
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspicions import Standing, Suspicion
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Database
from mailkeep.watch import queries
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.lookalikes import progress

from .operator import Operator, needs
from .showing import page

HERE = "/suspicions"
LEAST = 5 * SECOND  #: for which one weighing is good, whatever is signalled
MOST = MINUTE  #: and while nothing is: evidence fades slowly
_KINDS = (SignalRaised.kind, "incidents.")

_SEE = needs(Permission.INCIDENTS_SEE)


class Suspected:
    """What may be going on, weighed once for all open pages: it takes the processor, and whoever
    only looks must not take that from everybody else."""

    def __init__(self, database: Database, incidents: Incidents) -> None:
        self._database = database
        self._incidents = incidents
        self._turn = asyncio.Lock()
        self._known: tuple[Instant, list[Suspicion]] | None = None
        self._position = 0

    async def look(self) -> list[Suspicion]:
        """Every suspicion, the likeliest first."""
        async with self._turn, self._database.read() as tx:
            at, found = self._known or (0, [])
            if self._known is not None and at <= tx.now < at + LEAST:
                return found
            position, changed = await events.changed(tx, self._position, _KINDS)
            if self._known is None or changed or not at <= tx.now < at + MOST:
                found = await self._incidents.suspicions(tx)
                self._known = (tx.now, found)
            self._position = position
            return found

    async def quiet(self) -> int:
        """How many of them no incident holds."""
        return sum(one.standing is not Standing.HELD for one in await self.look())


class SuspicionPages(Controller):
    """What may be going on, and what others say."""

    path = "/console"
    include_in_schema = False

    @get(HERE, opt=_SEE)
    async def show(self, operator: Operator, suspected: Suspected) -> Template:
        found = await suspected.look()
        groups = {one: [some for some in found if some.standing is one] for one in Standing}
        most = max(
            (abs(nats) for one in found for nats in _nats(one)),
            default=1.0,
        )
        return page(operator, "suspicions", HERE, found=found, groups=groups, most=most)

    @get("/reports", opt=_SEE)
    async def reports(self, running: Running, operator: Operator) -> Template:
        async with running.database.read() as tx:
            told, turned_away = await queries.reports(tx)
            names = await progress(tx)
        return page(
            operator,
            "reports",
            HERE,
            told=told,
            turned_away=turned_away,
            names=names,
            looking=running.looking,
        )


def _nats(one: Suspicion) -> list[float]:
    return [one.opinion.prior, *(term.counted for term in one.opinion.terms)]

"""Pages everybody about a provider cut off or restored by hand, and flags what nobody confirmed.

Each page is a row, so a kill loses none; at worst somebody gets it twice. It goes to every pager
that the provider's own party cannot drop.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from sqlalchemy import select, update

from mailkeep.base.clock import MINUTE
from mailkeep.events import audit
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import provider_subject

from . import hands
from .hands import HandCut
from .paging.types import Pager
from .paging.whom import whom
from .tables import hand_cuts
from .types import HandCutState

AGAIN = MINUTE  #: after nobody took it
MOST = 30  #: tries

SYSTEM = "mailkeep"  #: who flags

_h = hand_cuts


class Crier:
    """Pages everybody about cuts by hand.

    Args:
        database: where they are.
        house: our providers and who stands behind them.
        pagers: of everybody.
        url: where people reach Mailkeep.
    """

    def __init__(
        self, database: Database, house: ProviderParties, pagers: Sequence[Pager], url: str
    ) -> None:
        self._database = database
        self._house = house
        self._pagers = pagers
        self._url = url.rstrip("/")

    async def step(self) -> None:
        """Flag cuts whose time is over, and page what nobody has been told."""
        async with self._database.read() as tx:
            due = await tx.value(select(_h.c.id).where(_h.c.ended_at.is_(None)).limit(1))
        if due is None:
            return
        for one in await self._database.retrying(self._claim):
            title, body = words(one, self._url)
            suspects = self._house.suspects(provider_subject(one.provider))
            names = set(whom(self._pagers, suspects, self._house).names)
            rung = await asyncio.gather(
                *(pager.bell.ring(title, body) for pager in self._pagers if pager.name in names)
            )
            if any(rung):
                await self._database.retrying(partial(_heard, one=one))

    async def _claim(self, tx: Tx) -> list[HandCut]:
        found = await hands.current(tx)
        for one in found.values():
            if one.state is HandCutState.WAITING and one.due_at <= tx.now:
                flagged = {"flagged_at": tx.now, "ring_at": tx.now, "rings": 0}
                still = (_h.c.id == one.id, _h.c.flagged_at.is_(None))
                if await tx.run(update(_h).where(*still).values(**flagged)):
                    said = {"provider": one.provider, "cut": one.id, "by": one.by}
                    await audit.write(tx, SYSTEM, "hand_cut_unconfirmed", said)
        out = []
        for one in (await hands.current(tx)).values():
            due = (_h.c.id == one.id, _h.c.ring_at <= tx.now, _h.c.rings < MOST)
            rung = update(_h).values(ring_at=tx.now + AGAIN, rings=_h.c.rings + 1)
            if self._pagers and await tx.run(rung.where(*due)):
                out.append(one)
        return out


async def _heard(tx: Tx, one: HandCut) -> None:
    """Nothing is rung again of what it is now."""
    same = (_h.c.id == one.id, _h.c.flagged_at.is_not_distinct_from(one.flagged_at))
    of = _h.c.back_by.is_not_distinct_from(one.back_by)
    await tx.run(update(_h).where(*same, of).values(ring_at=None))


def words(one: HandCut, url: str) -> tuple[str, str]:
    """Title and body (pure). A reason is what somebody wrote: it stays inside."""
    says = {
        HandCutState.ASKED: f"One person wants to cut {one.provider} off, and mail would stop.",
        HandCutState.WAITING: f"One person cut {one.provider} off by hand.",
        HandCutState.FLAGGED: f"Nobody confirmed that {one.provider} was cut off by hand.",
        HandCutState.RESTORING: f"One person wants {one.provider} to carry mail again.",
    }.get(one.state, f"{one.provider} was cut off by hand.")
    minutes = max(0, one.due_at - one.at) // MINUTE
    in_time = one.state in {HandCutState.ASKED, HandCutState.WAITING}
    within = f" within {minutes} minutes" if in_time else ""
    body = f"{says}\nA second person has to look{within}:\n\n{url}/console/providers/{one.provider}"
    return "Mailkeep: a provider, by one person's hand", body

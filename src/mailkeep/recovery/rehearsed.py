"""Statistics of the resets that applications reported: no name, no address, no id."""

from collections import Counter
from collections.abc import Mapping

import msgspec
from sqlalchemy import func, select

from mailkeep.accounts import throttle
from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import tables
from .holding import Reason
from .rehearsing import LANE
from .types import Way, Would

_t = tables.rehearsals

_HELD = {
    Reason.DEVICE: "a class of accounts waits before a device that it does not know",
    Reason.RISK: "does not fit the account's history",
    Reason.ROUTE: "a route is in doubt",
    Reason.DENIED: "one was denied of late",
    Reason.ALONE: "both mails over one route",
    Reason.LOST: "the factor is lost",
    Reason.ORDERED: "operators want them held",
    Reason.FACTOR: "a factor was added of late",
}
#: Of what a bound second factor answers, as ``holding.decide`` has it.
_ANSWERED = frozenset({Reason.ROUTE, Reason.DENIED, Reason.ORDERED, Reason.ALONE})


class Rehearsed(msgspec.Struct, frozen=True):
    """Resets of a while, as counts.

    Attributes:
        asked: all that was told of; ``here`` of them were recovered here, and are no rehearsals.
        pending: not worked out yet; ``failed``: never will be.
        at_once, held, waits, not_registered, limit, by_class: see ``types.Would``.
        longest: of the holds, microseconds.
        reasons: of the holds; one may have several. ``why``: of those that wait: ``one_route``,
            ``dependent``. ``factors``: who would have asked for one, of those that would be mailed.
    """

    asked: int = 0
    here: int = 0
    pending: int = 0
    failed: int = 0
    at_once: int = 0
    held: int = 0
    waits: int = 0
    not_registered: int = 0
    limit: int = 0
    by_class: int = 0
    longest: Instant = 0
    reasons: Mapping[str, int] = {}
    why: Mapping[str, int] = {}
    factors: Mapping[str, int] = {}

    @property
    def rehearsed(self) -> int:
        """Those of which it is known what would have become of them."""
        return self.asked - self.here - self.pending - self.failed


async def summary(tx: Tx, since: Instant, application: str = "") -> Rehearsed:
    """What was told of since an instant, by one application where one is named (its id)."""
    mine = (_t.c.application == application,) if application else ()
    due = _t.c.due_at.is_not(None).label("due")
    by = (_t.c.way, due, _t.c.would, _t.c.why, _t.c.reasons, _t.c.factor)
    rows = await tx.all(
        select(*by, func.count().label("count"), func.max(_t.c.length).label("longest"))
        .where(_t.c.id >= earliest("reh", since), *mine)
        .group_by(*by)
    )
    would: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    why: Counter[str] = Counter()
    factors: Counter[str] = Counter()
    for row in rows:
        count = row["count"]
        if row["way"] == Way.HERE:
            would["here"] += count
        elif row["would"] is None:
            would["pending" if row["due"] else "failed"] += count
        else:
            would[row["would"]] += count
            reasons.update(dict.fromkeys(filter(None, row["reasons"].split(",")), count))
            if row["would"] == Would.WAITS:
                why[row["why"]] += count
            if row["factor"]:
                factors[row["factor"]] += count
    return Rehearsed(
        asked=sum(would.values()),
        here=would["here"],
        pending=would["pending"],
        failed=would["failed"],
        at_once=would[Would.AT_ONCE],
        held=would[Would.HELD],
        waits=would[Would.WAITS],
        not_registered=would[Would.NOT_REGISTERED],
        limit=would[Would.LIMIT],
        by_class=would[Would.CLASS],
        longest=max((int(row["longest"]) for row in rows), default=0),
        reasons=dict(sorted(reasons.items())),
        why=dict(sorted(why.items())),
        factors=dict(sorted(factors.items())),
    )


async def full(tx: Tx, application: str, most: int) -> bool:
    """Whether an application has told of as many as are kept in a day."""
    return await throttle.spent(tx, application, LANE, limit=most, window=DAY)


def sentence(found: Rehearsed) -> str:
    """The counts in words; what there was none of is left out."""
    if not found.rehearsed:
        return "no reset was rehearsed"
    held = ", ".join(f"{_HELD[Reason(name)]}: {n}" for name, n in found.reasons.items())
    dependent = found.why.get("dependent", 0)
    parts = [
        f"{found.at_once} would have gone through at once",
        found.held and f"{found.held} held for up to {_lasting(found.longest)} ({held})",
        found.waits - dependent and f"{found.waits - dependent} waited for a second route",
        dependent and f"{dependent} waited: one party reads at each two routes",
        found.not_registered and f"{found.not_registered} not registered",
        found.limit and f"{found.limit} over a limit",
        found.by_class and f"{found.by_class} of a class that is not recovered by mail",
    ]
    return f"of {found.rehearsed} resets {', '.join(str(one) for one in parts if one)}"


def step(found: Rehearsed) -> str:
    """The cheapest step by which more of them would go through; "" when all do."""
    dependent = found.why.get("dependent", 0)
    answered = sum(found.reasons.get(one.value, 0) for one in _ANSWERED)
    steps = (
        (found.not_registered, "register these users: PUT /v1/subjects, all of them, every night"),
        (found.waits - dependent, "give the recovery stream a second independent route"),
        (dependent, "give the recovery stream a route of another owner: mailkeep trust check"),
        (answered, "have users bind a second factor here, which answers these holds"),
        (found.held - answered, "look whether recovery_hold of the class is meant to be so long"),
        (found.limit, "look who asks so often: mailkeep watch"),
    )
    return next((words for count, words in steps if count > 0), "")


def _lasting(length: Instant) -> str:
    """A hold's length in words."""
    if length >= DAY:
        return f"{length / DAY:g} d"
    return f"{length / HOUR:g} h" if length >= HOUR else f"{length / MINUTE:g} min"

"""Canaries of one provider to our own listener: which are under way, which came late, which are
missed, and what that adds up to in nats (pure). ``delivery_silence`` says so."""

import math

import msgspec

from mailkeep.base.clock import SECOND, Instant

from . import punctuality
from .punctuality import IN_A_ROW, LOSSY, MEMORY, Days
from .rates import Delays
from .types import MOST_EVENTS, SilenceSettings, seconds

MOST = 64  #: canaries under way


class Passed(msgspec.Struct, frozen=True):
    """A canary whose deadline has passed; nats that it adds to the binomial test, and to the sum of
    those that are overdue."""

    sent: Instant
    told: float
    alone: float


class UnderWay(msgspec.Struct, frozen=True):
    """The canaries.

    ``waiting``: when each was sent; ``passed``: those that may still come late. ``sent``: when the
    newest was, ``gap`` seconds apart; ``arrived``: when one last came in time, and ``seen`` when
    the newest of those was sent. ``overdue``: nats of those that are, ``tardy`` of those that came
    late, since then. ``lost``: nats of the binomial test, ``late`` of those in it that came late,
    after ``row`` misses one after the other; ``losing``: it was above the limit and is not down
    again. ``returned``: in time in a row since one was missed.
    """

    delays: Delays = Delays()
    days: Days = Days()
    waiting: dict[str, Instant] = {}
    passed: dict[str, Passed] = {}
    sent: Instant = 0
    gap: float = 0.0
    arrived: Instant = 0
    seen: Instant = 0
    overdue: float = 0.0
    tardy: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    row: int = 0
    losing: bool = False
    returned: int = 0
    ids: tuple[str, ...] = ()

    def fresh(self) -> list[Instant]:
        """Those not overtaken by one that arrived in time: that is no silence of all."""
        return [at for at in self.waiting.values() if at > self.seen]


def sent(flow: UnderWay, message: str, at: Instant, event: str) -> UnderWay:
    """With one more."""
    gap = (at - flow.sent) / SECOND if flow.sent else 0.0
    mean = flow.gap + 0.1 * (gap - flow.gap) if flow.gap else max(gap, 0.0)
    waiting = {**flow.waiting, message: at}
    if len(waiting) > MOST:
        waiting.pop(next(iter(waiting)))
    ids = (*flow.ids, event)[-MOST_EVENTS:]
    return msgspec.structs.replace(flow, waiting=waiting, sent=at, gap=mean, ids=ids)


def deadline(flow: UnderWay, settings: SilenceSettings) -> float:
    """Seconds within which one is in time."""
    return punctuality.deadline(flow.days, settings.canary_deadline)


def usual(flow: UnderWay, settings: SilenceSettings) -> float:
    """Seconds after which a canary that may still come in time is overdue already."""
    return punctuality.usual(flow.delays, flow.days, deadline(flow, settings))


def passing(flow: UnderWay, now: Instant, settings: SilenceSettings) -> UnderWay:
    """With those counted as missed whose deadline has passed."""
    before = now - seconds(deadline(flow, settings))
    gone = {name: at for name, at in flow.waiting.items() if at <= before}
    forgotten = now - seconds(punctuality.latest(settings.canary_deadline))
    if not gone and all(one.sent >= forgotten for one in flow.passed.values()):
        return flow
    ratio, each = _ratios(settings)[0], -math.log(settings.canary_late)
    passed = {name: one for name, one in flow.passed.items() if one.sent >= forgotten}
    lost, overdue = flow.lost, flow.overdue
    for number, (name, at) in enumerate(gone.items()):
        told = ratio if flow.row + number < IN_A_ROW else 0.0
        alone = each if at > flow.seen else 0.0
        lost, overdue = lost + told, overdue + alone
        if at >= forgotten:
            passed[name] = Passed(at, told, alone)
    return msgspec.structs.replace(
        flow,
        waiting={name: at for name, at in flow.waiting.items() if at > before},
        passed=dict(list(passed.items())[-MOST:]),
        overdue=min(overdue, 1000.0),
        returned=0 if gone else flow.returned,
        lost=lost,
        row=flow.row + len(gone),
    )


def came(flow: UnderWay, message: str, at: Instant, settings: SilenceSettings) -> UnderWay | None:
    """With one that came in time, or late; None: it was never sent, or was held back."""
    when = flow.waiting.get(message)
    if when is None or at - when > seconds(deadline(flow, settings)):
        return _came_late(passing(flow, at, settings), message, at, settings)
    ok = _ratios(settings)[1]
    lost, late = max(0.0, flow.lost + ok), max(0.0, flow.late + ok)
    took = (at - when) / SECOND
    return msgspec.structs.replace(
        flow,
        waiting={name: one for name, one in flow.waiting.items() if name != message},
        # Overtaken, they add nothing any more.
        passed={name: msgspec.structs.replace(one, alone=0.0) for name, one in flow.passed.items()},
        arrived=at,
        delays=flow.delays.add(took, MEMORY),
        days=punctuality.heard(flow.days, took, at),
        seen=max(when, flow.seen),
        overdue=0.0,
        tardy=0.0,
        returned=min(flow.returned + 1, settings.returned),
        lost=lost,
        late=late,
        row=0,
        losing=flow.losing and lost + late > 0,
    )


def _came_late(
    flow: UnderWay, message: str, at: Instant, settings: SilenceSettings
) -> UnderWay | None:
    one = flow.passed.get(message)
    if one is None or at - one.sent > seconds(punctuality.latest(settings.canary_deadline)):
        return None
    return msgspec.structs.replace(
        flow,
        passed={name: other for name, other in flow.passed.items() if name != message},
        days=punctuality.heard(flow.days, (at - one.sent) / SECOND, at),
        overdue=max(0.0, flow.overdue - one.alone),
        tardy=min(flow.tardy + one.alone, 1000.0),
        lost=max(0.0, flow.lost - one.told),
        late=flow.late + one.told,
    )


def sums(
    flow: UnderWay, now: Instant, missing: float, settings: SilenceSettings
) -> tuple[float, float]:
    """What is lost, and what is lost or late, in nats.

    Args:
        missing: nats of the ordinary mail that nobody reported, which count once one is overdue.
    """
    each, by = -math.log(settings.canary_late), usual(flow, settings)
    waits = [(now - at) / SECOND for at in flow.fresh()]
    longest = max(waits, default=0.0)

    def summed(overdue: float, by: float) -> float:
        if overdue < each and longest < by:
            return 0.0
        return overdue + each * math.fsum(min(1.0, one / by) for one in waits) + missing

    if not flow.tardy:
        return (found := summed(flow.overdue, by)), found
    # While some come late, those on their way are expected as late.
    latest = punctuality.latest(settings.canary_deadline)
    may_come = math.fsum(
        one.alone * (1 - min(1.0, (now - one.sent) / SECOND / latest))
        for one in flow.passed.values()
    )
    firm = summed(max(0.0, flow.overdue - may_come), max(by, latest))
    return firm, max(firm, summed(flow.overdue + flow.tardy, by))


def _ratios(settings: SilenceSettings) -> tuple[float, float]:
    """What a canary missed, and one in time, add to the binomial test, in nats."""
    seldom = min(settings.canary_late, 0.5)
    lossy = max(LOSSY, min(0.9, 5 * seldom))
    return math.log(lossy / seldom), math.log((1 - lossy) / (1 - seldom))

"""Canaries of one provider stop arriving at one mailbox, while others arrive.

Sees: ``CanarySent`` and ``CanaryArrived`` by provider and mailbox: our own listener, decoys of
recovery mail to it, and mailboxes that others keep (``canary.mailbox``). ``delivery_silence`` asks
whether a provider carries mail at all, by our own listener; this asks where it does not.
Method: of each pair the usual delay is learned; past its deadline (three times the 99th percentile,
never more than the setting, or what a day taught: ``punctuality``) a canary is late with a chance
that is learned too, 0.01 at first and 0.001 at best. Those that wait add -ln(chance) nats each, in
step with their waiting, once the oldest is overdue; an arrival sets the sum to 0. Canaries lost now
and then add up in the CUSUM of a binomial test (a quarter lost against the learned chance). The
alarm is at ln(1 + γn/g) nats, n pairs with a canary every g seconds, γ the mean time between false
alarms of the whole system (measured: one every 5 seconds to our listener is missed within 15
seconds and its latency).
What other pairs say: where no provider's canaries come to a mailbox, the mailbox is ill and no
provider (nothing is said of them). Where this provider's canaries come elsewhere, it is blocked
there, or drops that mail.
Likelihood ratios: provider silent, the sum of the test, at most 9.0 nats, when its canaries come
nowhere, or when two decoys of recovery mail or more do not come to our listener and others do
(measured on canaries late by chance); 3.0 when they do elsewhere (judged: a block by one mailbox
provider is no outage of this one; nor is one decoy that came seconds too late, which of a million
some do). Provider compromised 0.5 where some come (judged: whoever drops some mail
chooses, but a block is far commoner; too little to back what outsiders could stage).
One that comes late, within three times the setting, is no lost one: where that is all, provider
silent 3.0 nats (judged), as what outsiders can stage, who may have mail sent through the provider
that slows what it sends to our listener: it opens nothing and allows no act. Lateness near to that
bound is told of as loss until the first has come, and then no longer.
Taken back when three came in time one after the other; where some were lost, when the test lets go.
Parameters: ``[watch.canary_missing]``. False alarms: greylisting by a mailbox that others keep, a
forwarding rule that somebody switched off (all providers: nothing is said). Delay: the deadline and
two intervals. Evasion: dropping less than a tenth, or mail that does not look like a canary.
Who could forge it: nobody outside of arrivals, which need a secret. Of losses, who keeps the
mailbox: so what is said of mailboxes that others keep counts as what customers can stage. A flood
at our listener falls on all providers alike, and says nothing of one.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch import punctuality
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.punctuality import IN_A_ROW, LATE, LOSSY, MEMORY, Days
from mailkeep.watch.rates import Delays, gap_alarm
from mailkeep.watch.thresholds import CanaryMissingSettings
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    MOST_EVENTS,
    NEVER,
    OURS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "canary_missing"
MOST = 128  #: pairs watched
MOST_WAITING = 32  #: canaries under way of each
DECOYS = 2  #: of recovery mail that are overdue before anything is said
HIGHEST, BLOCKED, DROPS = 9.0, 3.0, 0.5


class Passed(msgspec.Struct, frozen=True):
    """A canary that was overtaken, and may still come late; nats that it adds to the binomial
    test."""

    sent: Instant
    told: float


class Box(msgspec.Struct, frozen=True):
    """One provider's canaries to one mailbox.

    ``waiting``: when each was sent; ``newest``: when the newest of those that arrived was.
    ``missed`` of ``seen`` were lost, ``row`` of them one after the other; ``lost``: nats of the
    binomial test. ``said``: when it was last said that they are missing, 0 when that is taken back;
    ``lossy``: since some of them were lost; ``returned``: in time since. ``tardy``: those of
    ``waiting`` that came too late, and not by much; ``passed``: those overtaken; ``light``: no more
    than lateness was said.
    """

    provider: str
    mailbox: str
    deadline: float
    waiting: dict[str, Instant] = {}
    ids: tuple[str, ...] = ()
    sent: Instant = 0
    gap: float = 0.0
    newest: Instant = 0
    delays: Delays = Delays()
    seen: int = 0
    missed: int = 0
    row: int = 0
    lost: float = 0.0
    said: Instant = 0
    lossy: bool = False
    returned: int = 0
    days: Days = Days()
    tardy: tuple[str, ...] = ()
    passed: dict[str, Passed] = {}
    light: bool = False

    def fresh(self, *, lost: bool = False) -> list[Instant]:
        """Those not overtaken by one that arrived; ``lost``: without those that came late."""
        return [
            at
            for name, at in self.waiting.items()
            if at > self.newest and not (lost and name in self.tardy)
        ]


class State(msgspec.Struct, frozen=True):
    """``boxes``: by ``provider mailbox``."""

    settings: CanaryMissingSettings
    boxes: dict[str, Box] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.canary_missing)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanarySent | CanaryArrived):
        return state, []
    key = f"{fact.provider} {fact.mailbox}"
    box = state.boxes.get(key)
    if box is None:
        if isinstance(fact, CanaryArrived) or len(state.boxes) >= MOST:
            return state, []
        box = Box(fact.provider, fact.mailbox, _longest(state.settings, fact.mailbox))
    at = min(recorded.at, recorded.placed_at)
    if isinstance(fact, CanarySent):
        return _with(state, key, _sent(box, fact.message, at, recorded.id)), []
    return _arrived(state, key, box, fact, recorded)


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    for key in tuple(state.boxes):
        box = state.boxes[key]
        if _due(state, box) > now or _strength(box, now) < limit(state, box):
            continue
        light = not _is_lost(state, box, now)
        again = box.said and now < box.said + seconds(state.settings.repeat_after)
        if _mailbox_is_ill(state, box) or (light and again):
            continue
        lossy = box.lost >= limit(state, box)
        said = msgspec.structs.replace(box, said=now, lossy=lossy, returned=0, light=light)
        before, state = state, _with(state, key, said)
        signal = _signal(state, box.provider, now)
        if signal.evidence:
            signals.append(signal)
        else:
            state = before
    return state, signals


def due(state: State) -> Instant:
    return min((_due(state, box) for box in state.boxes.values()), default=NEVER)


def limit(state: State, box: Box) -> float:
    """The nats at which a pair is missed."""
    between = state.settings.between_false_alarms * DAY / SECOND * len(state.boxes)
    return gap_alarm(between, box.gap) + math.log(2)  # two tests share the budget


def _due(state: State, box: Box) -> Instant:
    fresh = box.fresh()
    needed = DECOYS if box.mailbox == DECOY_MAILBOX else 1
    if box.lost >= limit(state, box):
        overdue = 0
    elif len(fresh) >= needed and -math.log(_late(box)) * len(fresh) >= limit(state, box):
        overdue = sorted(fresh)[needed - 1] + seconds(box.deadline) + 1
    else:
        return NEVER  # however long they wait
    if _mailbox_is_ill(state, box):
        return NEVER
    again = box.said + seconds(state.settings.repeat_after) if box.said else 0
    # That they come late was said: that they are lost is said as soon as it is seen.
    return overdue if box.light else max(overdue, again)


def _longest(settings: CanaryMissingSettings, mailbox: str) -> float:
    return settings.deadline if mailbox in OURS else settings.elsewhere


def _sent(box: Box, message: str, at: Instant, event: str) -> Box:
    gap = max(0, at - box.sent) / SECOND if box.sent else 0.0
    waiting = {**box.waiting, message: at}
    if len(waiting) > MOST_WAITING:
        # The oldest and the newest are kept: how long it has lasted, and that it goes on.
        waiting.pop(list(waiting)[1])
    return msgspec.structs.replace(
        box,
        waiting=waiting,
        sent=max(at, box.sent),
        gap=box.gap + 0.1 * (gap - box.gap) if box.gap else gap,
        ids=(*box.ids, event)[-MOST_EVENTS:],
    )


def _arrived(
    state: State, key: str, box: Box, fact: CanaryArrived, recorded: Recorded
) -> tuple[State, list[Signal]]:
    at = min(recorded.at, recorded.placed_at)
    overtaken = box.passed.get(fact.message)
    sent = box.waiting.get(fact.message) if overtaken is None else overtaken.sent
    setting = _longest(state.settings, box.mailbox)
    forgotten = at - seconds(punctuality.latest(setting))
    if sent is None or sent < forgotten:
        return state, []  # held back is missing as well
    days = punctuality.heard(box.days, (at - sent) / SECOND, at)
    # What a day taught holds also where none is in time by what was learned before.
    by = max(box.deadline, min(days.usual, punctuality.latest(setting)))
    box = msgspec.structs.replace(box, days=days, deadline=by)
    if overtaken is not None or at - sent > seconds(box.deadline):
        return _late_after_all(state, key, _came_late(box, fact.message), recorded)
    passed = at - seconds(box.deadline)
    overdue = {name: one for name, one in box.waiting.items() if one < passed}
    missed, gone = len(overdue), [name for name in overdue if name not in box.tardy]
    chance = _late(box)
    row = min(missed, max(0, IN_A_ROW - box.row))
    told = math.log(LOSSY / chance)
    lost = box.lost + min(row, len(gone)) * told + math.log((1 - LOSSY) / (1 - chance))
    over = [(name, one) for name, one in box.passed.items() if one.sent >= forgotten]
    over += [(name, Passed(overdue[name], told)) for name in gone[:row]]
    delays = box.delays.add((at - sent) / SECOND, MEMORY)
    longest = punctuality.deadline(days, setting)
    returned = min(box.returned + 1, state.settings.returned)
    box = msgspec.structs.replace(
        box,
        waiting={
            name: one for name, one in box.waiting.items() if name != fact.message and one >= passed
        },
        newest=max(sent, box.newest),
        delays=delays,
        deadline=punctuality.usual(delays, days, longest),
        seen=box.seen + 1 + missed,
        missed=box.missed + row,
        row=0,
        lost=min(max(0.0, lost), limit(state, box)),
        returned=returned if not missed else 0,
        tardy=(),
        passed=dict(over[-MOST_WAITING:]),
    )
    box = _halved(box)
    back = box.said and box.returned >= state.settings.returned
    # With occasional losses three in a row still arrive now and then: here the test itself must let
    # go.
    if not back or (box.lossy and box.lost > 0):
        return _with(state, key, box), []
    state = _with(state, key, msgspec.structs.replace(box, said=0, lost=0.0, light=False))
    return state, [_signal(state, box.provider, recorded.placed_at, recorded.id)]


def _late_after_all(
    state: State, key: str, box: Box, recorded: Recorded
) -> tuple[State, list[Signal]]:
    """Say so where it was said that they are lost."""
    now, waits = recorded.placed_at, box.said and not box.light and not box.lossy
    if not waits or _is_lost(state, box, now):
        return _with(state, key, box), []
    state = _with(state, key, msgspec.structs.replace(box, light=True, said=now))
    return state, [_signal(state, box.provider, now, recorded.id)]


def _came_late(box: Box, message: str) -> Box:
    """With one that is no lost one."""
    overtaken = box.passed.get(message)
    if overtaken is None:
        tardy = (*(one for one in box.tardy if one in box.waiting), message)
        return msgspec.structs.replace(box, tardy=tardy)
    return msgspec.structs.replace(
        box,
        passed={name: one for name, one in box.passed.items() if name != message},
        lost=max(0.0, box.lost - overtaken.told),
    )


def _halved(box: Box) -> Box:
    if box.seen <= 2000:
        return box
    return msgspec.structs.replace(box, seen=box.seen // 2, missed=box.missed // 2)


def _late(box: Box) -> float:
    """The chance that a canary of this pair is late without a reason."""
    return min(LOSSY / 2, max(0.001, (box.missed + 1) / (box.seen + 100)))


def _is_lost(state: State, box: Box, now: Instant) -> bool:
    """Whether a pair is missed without those that came late too. While some do, those on their way
    are expected as late."""
    late = any(name in box.waiting for name in box.tardy)
    latest = punctuality.latest(_longest(state.settings, box.mailbox))
    by = max(box.deadline, latest) if late else box.deadline
    return _strength(box, now, by=by, lost=True) >= limit(state, box)


def _strength(box: Box, now: Instant, *, by: float = 0.0, lost: bool = False) -> float:
    """The nats of what is missing of a pair.

    Args:
        by: seconds after which one weighs whole; 0: its deadline.
        lost: without those that came late.
    """
    fresh = box.fresh(lost=lost)
    deadline = seconds(by or box.deadline)
    if box.gap <= 0 or not fresh or now - min(fresh) <= deadline:
        return box.lost
    waited = sum(min(1.0, max(0, now - at) / deadline) for at in fresh)
    return max(box.lost, -math.log(_late(box)) * waited)


def _mailbox_is_ill(state: State, box: Box) -> bool:
    """Whether nobody's canaries come to this mailbox any more, or others are lost there too."""
    others = [
        one
        for one in state.boxes.values()
        if one.mailbox == box.mailbox and one.provider != box.provider and one.newest
    ]
    if box.lost >= limit(state, box):
        return any(one.lost >= box.lost / 2 for one in others)
    since = min(box.fresh(), default=0)
    return bool(others) and all(one.newest < since for one in others)


def _signal(state: State, provider: str, now: Instant, event: str = "") -> Signal:
    """All that is missing of a provider now."""
    boxes = [one for one in state.boxes.values() if one.provider == provider]
    said = [one for one in boxes if one.said]
    # What comes late beside what is lost adds nothing, and makes it no less sure.
    missing = [one for one in said if not one.light] or said
    evidence: dict[Hypothesis, float] = {}
    for box in missing:
        overdue = [at for at in box.fresh(lost=not box.light) if now - at > seconds(box.deadline)]
        elsewhere = any(_comes(one, overdue, now) for one in boxes if one is not box)
        strength = min(HIGHEST, max(_strength(box, now, lost=True), BLOCKED))
        if box.light:
            strength = LATE
        elif elsewhere and box.mailbox == DECOY_MAILBOX:
            # The same listener has the other canaries: what is missing is recovery mail. Of those
            # that wait now alone: what was lost an outage ago comes seldom enough to last a day.
            waiting = _strength(msgspec.structs.replace(box, lost=0.0), now, lost=True)
            strength = min(HIGHEST, max(waiting, BLOCKED)) if len(overdue) >= DECOYS else BLOCKED
        elif elsewhere:
            strength = BLOCKED
        silent = evidence.get(Hypothesis.PROVIDER_SILENT, 0.0)
        evidence[Hypothesis.PROVIDER_SILENT] = max(strength, silent)
        if elsewhere and not box.light:
            evidence[Hypothesis.PROVIDER_COMPROMISED] = DROPS
    names = ", ".join(sorted(one.mailbox for one in missing))
    own = all(one.mailbox in OURS and not one.light for one in missing)
    late = "come late" if any(one.light for one in missing) else "do not come"
    ids = tuple(one for box in missing for one in box.ids) or (event,)
    return Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(provider),
        evidence=evidence,
        at=now,
        reason=f"canaries sent through {provider} {late} to: {names}"
        if missing
        else f"canaries sent through {provider} come to every mailbox again",
        events=ids[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.NOBODY if own else Forger.CUSTOMERS,
        half_life=1800.0,
        expires_at=now + seconds(86_400),
        restates=True,
    )


def _comes(box: Box, overdue: list[Instant], now: Instant) -> bool:
    """Whether canaries come to this mailbox while those to another are missing: since the first
    of those that wait there; where none of them does any more, of late."""
    since = min(overdue, default=now - 2 * seconds(max(box.gap, box.deadline)))
    return not box.said and box.newest >= since


def _with(state: State, key: str, box: Box) -> State:
    return msgspec.structs.replace(state, boxes={**state.boxes, key: box})


DETECTOR = Detector(NAME, State, start, step, (CanaryArrived, CanarySent), tick=tick, due=due)

"""Tunes detector settings to a budget of false alarms, from an installation's own log (pure).

What is tuned is what the traffic decides: how long after it was sent a canary counts as missing,
how often resets come, how far above that a surge begins, and how often silence and surges may be
reported wrongly on Poisson traffic, which real traffic is not. Each is set to the mildest value
with which the log would have raised no more than its part of the budget.

An alarm is a signal that would open an incident by itself: missing reports while canaries arrive
are none. The log is assumed to be quiet: an alarm in it was a false one, except for silence near a
time at which the same provider refused mail in words, which is a visible outage. Tuning on the log
of an attack teaches the installation to tolerate it, so what would change is shown beside what it
costs in delay.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import DeliveryReported
from mailkeep.recovery.events import RecoveryRequested

from .detector import Detects
from .detectors import delivery_silence, provider_refusal, reset_surge
from .events import CanaryArrived
from .types import Signal, WatchSettings

MILDER = (
    1.0,
    3.0,
    10.0,
    30.0,
    100.0,
    1000.0,
    10_000.0,
)  #: times between false alarms, tried in turn
FACTORS = (5.0, 10.0, 20.0, 50.0)
AN_EPISODE = HOUR  #: alarms nearer than this are one
NEAR = HOUR  #: of a refusal in words
FEWEST = 100  #: canaries and resets of which something can be learned


class Proposal(msgspec.Struct, frozen=True):
    """One setting.

    Attributes:
        table, name: where it stands.
        now, proposed: the value today, and the one for the budget.
        alarms_now, alarms_then: that the log raises with each.
        cost: what the proposed value means, in words.
    """

    table: str
    name: str
    now: float
    proposed: float
    alarms_now: int
    alarms_then: int
    cost: str

    @property
    def changes(self) -> bool:
        return self.now != self.proposed


class Alarm(msgspec.Struct, frozen=True):
    """An alarm that the log raises today. ``at``: when, microseconds since 1970."""

    at: Instant
    detector: str
    subject: str
    reason: str


class Tuned(msgspec.Struct, frozen=True):
    """The result for a log of ``days``, with the alarms allowed to each of two detectors;
    ``within``: the proposals keep to that. ``gone``: alarms of today that the proposals would not
    raise, in the order of their times: whoever takes them should know what each was."""

    days: float
    allowed: float
    within: bool
    proposals: tuple[Proposal, ...]
    gone: tuple[Alarm, ...] = ()


TUNED = (delivery_silence, reset_surge)  #: of whose settings anything is proposed; of no others
HEARS = tuple(
    dict.fromkeys(
        kind
        for one in (delivery_silence, provider_refusal, reset_surge)
        for kind in one.DETECTOR.hears
    )
)


def tune(facts: Sequence[Recorded], settings: WatchSettings, budget: float) -> Tuned:
    """Proposals for at most one false alarm in ``budget`` days, of both detectors together.

    Args:
        facts: of the kinds that ``HEARS`` names; others are passed over.
    """
    facts = [one for one in facts if isinstance(one.fact, HEARS)]
    span = facts[-1].placed_at - facts[0].placed_at if facts else 0
    days = span / DAY
    allowed = days / budget / 2
    proposals, found = _canaries(facts, settings)
    silence, found = _silence(facts, found, allowed)
    surge, found = _surge(facts, found, allowed, days)
    tuned = Tuned(
        round(days, 2),
        round(allowed, 2),
        all(one.alarms_then <= allowed for one in (*silence, *surge)),
        (*proposals, *silence, *surge),
    )
    return msgspec.structs.replace(tuned, gone=_gone(facts, settings, found))


def _gone(
    facts: Sequence[Recorded], settings: WatchSettings, then: WatchSettings
) -> tuple[Alarm, ...]:
    """Alarms of today near which the settings proposed raise none of the same subject."""
    if then == settings:
        return ()
    besides = {delivery_silence.NAME: alarms(provider_refusal.DETECTOR, facts, settings)}
    out = []
    for module in TUNED:
        now, after = (
            distinct(loud(module.DETECTOR, facts, one), besides.get(module.NAME, ()))
            for one in (settings, then)
        )
        out += [
            Alarm(one.at, one.detector, one.subject.id, one.reason)
            for one in now
            if not any(
                one.subject == other.subject and abs(one.at - other.at) < AN_EPISODE
                for other in after
            )
        ]
    return tuple(sorted(out, key=lambda one: one.at))


def episodes(signals: Iterable[Signal], besides: Iterable[Signal] = ()) -> int:
    """The number of alarms; see ``distinct``."""
    return len(distinct(signals, besides))


def distinct(signals: Iterable[Signal], besides: Iterable[Signal] = ()) -> list[Signal]:
    """The alarms, where of those close together the first counts, and those near ``besides`` do not
    count."""
    near = [(one.subject, one.at) for one in besides if one.evidence]
    last: dict[object, Instant] = {}
    out = []
    for one in signals:
        if not one.evidence:
            continue
        if any(who == one.subject and abs(one.at - at) < NEAR for who, at in near):
            continue
        if one.at - last.get(one.subject, -AN_EPISODE) >= AN_EPISODE:
            out.append(one)
        last[one.subject] = one.at
    return out


def count_of(
    detector: Detects,
    facts: Iterable[Recorded],
    settings: WatchSettings,
    besides: Iterable[Signal] = (),
) -> int:
    """How many alarms of a detector a log raises that would open an incident by themselves."""
    return episodes(loud(detector, facts, settings), besides)


def loud(detector: Detects, facts: Iterable[Recorded], settings: WatchSettings) -> list[Signal]:
    """The signals of a detector that would open an incident by themselves."""
    weighs = settings.correlation
    least = {one: weighs.open_at - prior for one, prior in weighs.prior.items()}
    return [
        signal
        for signal in alarms(detector, facts, settings)
        if any(nats >= least[one] for one, nats in signal.evidence.items())
    ]


def alarms(detector: Detects, facts: Iterable[Recorded], settings: WatchSettings) -> list[Signal]:
    """One detector alone over a log, ticked when it is due."""
    running = detector.run(settings)
    signals: list[Signal] = []
    second: Instant = 0
    for one in facts:
        while (due := max(-(-running.due() // SECOND) * SECOND, second + SECOND)) <= one.placed_at:
            second = due
            signals += running.tick(due)
        if not detector.hears or type(one.fact) in detector.hears:
            signals += running.step(one)
    return signals


def _canaries(
    facts: Sequence[Recorded], settings: WatchSettings
) -> tuple[list[Proposal], WatchSettings]:
    """The deadline after which no more canaries arrive than ``canary_late`` says."""
    silence = settings.delivery_silence
    took = sorted(one.fact.seconds for one in facts if isinstance(one.fact, CanaryArrived))
    if len(took) < FEWEST:
        return [], settings
    place = min(len(took) - 1, math.ceil((1 - silence.canary_late) * len(took)))
    deadline = max(1.0, math.ceil(took[place] * 1.25))
    changed = msgspec.structs.replace(silence, canary_deadline=float(deadline))
    after = msgspec.structs.replace(settings, delivery_silence=changed)
    counts = [count_of(delivery_silence.DETECTOR, facts, one) for one in (settings, after)]
    late = sum(one > silence.canary_deadline for one in took) / len(took)
    cost = f"{late:.1%} of {len(took)} canaries came later than the deadline of today"
    return [
        Proposal(
            "watch.delivery_silence",
            "canary_deadline",
            silence.canary_deadline,
            float(deadline),
            counts[0],
            counts[1],
            cost,
        )
    ], after


def _silence(
    facts: Sequence[Recorded], settings: WatchSettings, allowed: float
) -> tuple[list[Proposal], WatchSettings]:
    """The false alarm rate of silence with which the log keeps to its part of the budget."""
    refused = alarms(provider_refusal.DETECTOR, facts, settings)
    silence = settings.delivery_silence
    first, count, chosen = None, 0, settings
    for times in MILDER:
        value = silence.between_false_alarms * times
        changed = msgspec.structs.replace(silence, between_false_alarms=value)
        chosen = msgspec.structs.replace(settings, delivery_silence=changed)
        count = count_of(delivery_silence.DETECTOR, facts, chosen, refused)
        first = count if first is None else first
        if count <= allowed:
            break
    then = chosen.delivery_silence.between_false_alarms
    rate = _rate(facts)
    cost = "no reports are in this log"
    if rate > 0:
        delays = [
            math.log1p(rate * days * 86_400) / rate for days in (silence.between_false_alarms, then)
        ]
        cost = (
            f"at {rate * 3600:,.0f} reports an hour, total loss shows after {delays[1]:.0f} s "
            f"(today {delays[0]:.0f} s)"
        )
    return [
        Proposal(
            "watch.delivery_silence",
            "between_false_alarms",
            silence.between_false_alarms,
            then,
            first or 0,
            count,
            cost,
        )
    ], chosen


def _surge(
    facts: Sequence[Recorded], settings: WatchSettings, allowed: float, days: float
) -> tuple[list[Proposal], WatchSettings]:
    """The base rate as it was, and the smallest surge that does not occur in this log by itself."""
    surge = settings.reset_surge
    asked = sum(isinstance(one.fact, RecoveryRequested) for one in facts)
    if asked < FEWEST or days <= 0:
        return [], settings
    base = float(f"{asked / (days * DAY / MINUTE):.2g}")
    before = count_of(reset_surge.DETECTOR, facts, settings)
    count, chosen = before, settings
    factors = [surge.factor, *(one for one in FACTORS if one > surge.factor)]
    for factor in factors:
        for times in MILDER:
            changed = msgspec.structs.replace(
                surge,
                base_per_minute=base,
                factor=factor,
                between_false_alarms=surge.between_false_alarms * times,
            )
            chosen = msgspec.structs.replace(settings, reset_surge=changed)
            count = count_of(reset_surge.DETECTOR, facts, chosen)
            if count <= allowed:
                return _of_surge(settings, chosen, before, count), chosen
    return _of_surge(settings, chosen, before, count), chosen


def _of_surge(
    settings: WatchSettings, chosen: WatchSettings, before: int, after: int
) -> list[Proposal]:
    old, new = settings.reset_surge, chosen.reset_surge
    needed = [reset_surge.needed(one) for one in (old, new)]
    cost = f"{needed[1]} resets at once are an alarm (today {needed[0]})"
    return [
        Proposal("watch.reset_surge", name, was, proposed, before, after, cost)
        for name in ("base_per_minute", "factor", "between_false_alarms")
        if (was := getattr(old, name)) is not None and (proposed := getattr(new, name)) is not None
    ]


def _rate(facts: Sequence[Recorded]) -> float:
    """Delivery reports a second, of the provider that has most."""
    of: dict[str, int] = {}
    for one in facts:
        if isinstance(one.fact, DeliveryReported) and one.fact.event == "delivered":
            of[one.fact.provider] = of.get(one.fact.provider, 0) + 1
    span = (facts[-1].placed_at - facts[0].placed_at) / SECOND if facts else 0
    return max(of.values(), default=0) / span if span > 0 else 0.0


def applied(found: Tuned, settings: WatchSettings) -> WatchSettings:
    """The settings with the proposals in them."""
    tables: dict[str, dict[str, float]] = {}
    for one in found.proposals:
        tables.setdefault(one.table.removeprefix("watch."), {})[one.name] = one.proposed
    changed = {
        name: msgspec.structs.replace(getattr(settings, name), **of) for name, of in tables.items()
    }
    return msgspec.structs.replace(settings, **changed)


def toml(found: Tuned) -> str:
    """What changes, as it would stand in ``mailkeep.toml``."""
    tables: dict[str, list[str]] = {}
    for one in found.proposals:
        if one.changes:
            tables.setdefault(one.table, []).append(f"{one.name} = {one.proposed:g}")
    return "\n\n".join("\n".join([f"[{table}]", *lines]) for table, lines in tables.items())

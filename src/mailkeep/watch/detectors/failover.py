"""Routing fails over back and forth, or to a provider that is under suspicion.

Sees: ``FailedOver`` for reasons that lie with a provider (out of order, suspended, key refused, no
answer), each message once; ``SignalRaised`` by other detectors about the provider it moved to.
Method: moves of one stream are counted in a window. Moves in the other direction than the last one
are turns; enough of them say that two providers fail in turn. Moves to a suspect (a provider that a
sign of our own, which nobody outside could stage, speaks against) are counted by message: somebody
who reads at one provider gains by an outage of the others.
Likelihood ratios: turns: silent 2.0 nats, of the provider left most (judged: flapping is an outage
half seen). To a suspect: compromised 0.7 (judged, and below what would back evidence that outsiders
can stage: an outage beside a compromise is mostly chance); campaign 0.5.
Parameters: ``[watch.failover]``. False alarms: two outages in a row. Delay: the moves counted.
Evasion: reading where most of the mail goes anyway.
Who could forge it: what a message or its receiver brings about (deferred, suppressed there, sender
refused, throttled by somebody's flood) is not counted. Whoever can take a provider down from
outside moves mail to another, but makes no suspect of it: so it counts as what customers can stage.
State: 32 streams, 64 moves each, 64 suspects.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import FailedOver
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.rates import kept
from mailkeep.watch.thresholds import FailoverSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "failover"
MOST = 32  #: streams
MOST_MOVES = 64  #: of each
MOST_SUSPECTS = 64
TURNS, FORCED, CAMPAIGN = 2.0, 0.7, 0.5
SPEAKS = 1.0  #: nats from which a sign makes a suspect
_THEIRS = frozenset({"suspended", "unauthorised", "unavailable", "ambiguous", "cut short"})


class Move(msgspec.Struct, frozen=True):
    at: Instant
    message: str
    left: str
    taken: str
    id: str


class State(msgspec.Struct, frozen=True):
    """``moves``: by stream, the newest last. ``suspects``: until when. ``said``: when ``stream
    kind`` was."""

    settings: FailoverSettings
    moves: dict[str, tuple[Move, ...]] = {}
    suspects: dict[str, Instant] = {}
    said: dict[str, Instant] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.failover)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, SignalRaised):
        return _suspect(state, fact.signal, recorded.placed_at), []
    if not isinstance(fact, FailedOver) or fact.because not in _THEIRS:
        return state, []
    now = recorded.placed_at
    since = now - seconds(state.settings.window)
    before = [one for one in state.moves.get(fact.stream, ()) if one.at > since]
    if any(one.message == fact.message and one.taken == fact.taken for one in before):
        return state, []
    moves = (*before, Move(now, fact.message, fact.left, fact.taken, recorded.id))[-MOST_MOVES:]
    state = msgspec.structs.replace(state, moves=kept(state.moves, fact.stream, moves, MOST))
    signals = []
    for kind, signal in (
        ("turns", _turns(state, fact.stream, moves, now)),
        (f"to {fact.taken}", _forced(state, fact, moves, now)),
    ):
        key = f"{fact.stream} {kind}"
        if signal is not None and state.said.get(key, 0) <= since:
            state = msgspec.structs.replace(state, said=kept(state.said, key, now, 4 * MOST))
            signals.append(signal)
    return state, signals


def _suspect(state: State, signal: Signal, now: Instant) -> State:
    weight = signal.evidence.get(Hypothesis.PROVIDER_COMPROMISED, 0.0)
    firm = signal.own_observation and signal.forger is Forger.NOBODY and signal.detector != NAME
    if not firm or weight < SPEAKS or signal.subject.kind != "provider":
        return state
    until = now + seconds(state.settings.suspect_for)
    suspects = kept(state.suspects, signal.subject.id, until, MOST_SUSPECTS)
    return msgspec.structs.replace(state, suspects=suspects)


def _turns(state: State, stream: str, moves: tuple[Move, ...], now: Instant) -> Signal | None:
    """Whether the stream went back and forth. A message that tries every route is no turn: a turn
    is another message that goes back."""
    turns, last = [], None
    for one in moves:
        if last is not None and one.left == last.taken and one.message != last.message:
            turns.append(one)
        last = one
    if len(turns) < state.settings.turns:
        return None
    left = [one.left for one in moves]
    worst = max(sorted(set(left)), key=left.count)
    reason = f"mail of the stream {stream} went back and forth between providers {len(turns)} times"
    return _signal(worst, {Hypothesis.PROVIDER_SILENT: TURNS}, now, reason, moves)


def _forced(state: State, fact: FailedOver, moves: tuple[Move, ...], now: Instant) -> Signal | None:
    if state.suspects.get(fact.taken, 0) <= now:
        return None
    moved = tuple(one for one in moves if one.taken == fact.taken)
    if len({one.message for one in moved}) < state.settings.forced:
        return None
    evidence = {Hypothesis.PROVIDER_COMPROMISED: FORCED, Hypothesis.CAMPAIGN: CAMPAIGN}
    reason = (
        f"others' failures moved mail of the stream {fact.stream} to {fact.taken}, "
        "which something speaks against"
    )
    return _signal(fact.taken, evidence, now, reason, moved)


def _signal(
    provider: str,
    evidence: dict[Hypothesis, float],
    now: Instant,
    reason: str,
    moves: tuple[Move, ...],
) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(provider),
        evidence=evidence,
        at=now,
        reason=reason,
        events=tuple(one.id for one in moves)[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.CUSTOMERS,
        half_life=3600.0,
        expires_at=now + seconds(86_400),
    )


DETECTOR = Detector(NAME, State, start, step, (FailedOver, SignalRaised))

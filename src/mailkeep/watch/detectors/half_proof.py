"""A strange browser redeemed one proof of a recovery, and the other never came.

Sees: ``ProofRedeemed`` from a browser that did not ask, without its partner within the patience;
or the recovery denied meanwhile. It is what reading the mail at one provider looks like.
Evidence: each provider that the proof was attempted through, compromised 2.5 nats for one account,
1.5 for each more within the window, at most 6.0 (judged: one recovery in twenty is begun on one
device, opened on another and given up); shared evenly among several. Campaign, 1.5 nats.
False alarms: people with two devices. Delay: the patience, ten minutes. Evasion: redeeming nothing
until both are in hand; asking from the browser that redeems, as an attacker does who starts the
reset himself. Who could forge it: anyone with accounts can stage it against a provider; so alone it
never makes one compromised.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import (
    ProofRedeemed,
    RecoveryCompleted,
    RecoveryVoided,
    StoppedByFactor,
)
from mailkeep.watch.detector import Detector
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    Family,
    Forger,
    HalfProofSettings,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "half_proof"
MOST_WAITING = 512
MOST_PROVIDERS = 64
MOST_ACCOUNTS = 32
FIRST, MORE, HIGHEST, CAMPAIGN = 2.5, 1.5, 6.0, 1.5
#: A recovery that ended for these reasons says nothing about who held the proof.
_INNOCENT = frozenset({"superseded", "completed_another", "provider_cut", "dependent_proofs"})


class Half(msgspec.Struct, frozen=True):
    """A proof that waits for its partner."""

    proof: str
    account: str
    providers: tuple[str, ...]
    until: Instant
    id: str


class Seen(msgspec.Struct, frozen=True):
    """One account's half proof through one provider."""

    account: str
    at: Instant
    id: str


class State(msgspec.Struct, frozen=True):
    """``waiting``: by recovery, the oldest first. ``seen``: by provider, the newest last."""

    settings: HalfProofSettings
    waiting: dict[str, Half] = {}
    seen: dict[str, tuple[Seen, ...]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.half_proof)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, ProofRedeemed):
        return _redeemed(state, fact, recorded), []
    if isinstance(fact, RecoveryCompleted | StoppedByFactor):
        return _forget(state, fact.recovery), []
    if isinstance(fact, RecoveryVoided) and fact.recovery in state.waiting:
        half = state.waiting[fact.recovery]
        state = _forget(state, fact.recovery)
        if fact.why == "denied":
            return _say(state, half, recorded.placed_at)
        if fact.why not in _INNOCENT:
            waiting = {**state.waiting, fact.recovery: half}
            return msgspec.structs.replace(state, waiting=waiting), []
    return state, []


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    late = [name for name, half in state.waiting.items() if half.until <= now]
    for recovery in late:
        half = state.waiting[recovery]
        state, said = _say(_forget(state, recovery), half, now)
        signals += said
    return state, signals


def due(state: State) -> Instant:
    return min((half.until for half in state.waiting.values()), default=NEVER)


def _redeemed(state: State, fact: ProofRedeemed, recorded: Recorded) -> State:
    half = state.waiting.get(fact.recovery)
    if half is not None:
        return state if half.proof == fact.proof else _forget(state, fact.recovery)
    if fact.same_browser:
        return state
    until = recorded.placed_at + seconds(state.settings.patience)
    new = Half(fact.proof, fact.account, fact.providers[:8], until, recorded.id)
    waiting = {**state.waiting, fact.recovery: new}
    if len(waiting) > MOST_WAITING:
        waiting.pop(next(iter(waiting)))
    return msgspec.structs.replace(state, waiting=waiting)


def _forget(state: State, recovery: str) -> State:
    if recovery not in state.waiting:
        return state
    waiting = {name: half for name, half in state.waiting.items() if name != recovery}
    return msgspec.structs.replace(state, waiting=waiting)


def _say(state: State, half: Half, now: Instant) -> tuple[State, list[Signal]]:
    signals = []
    for provider in half.providers:
        if provider not in state.seen and len(state.seen) >= MOST_PROVIDERS:
            continue
        since = now - seconds(state.settings.remembers)
        before = [one for one in state.seen.get(provider, ()) if one.at > since]
        others = [one for one in before if one.account != half.account]
        seen = (*others, Seen(half.account, now, half.id))[-MOST_ACCOUNTS:]
        state = msgspec.structs.replace(state, seen={**state.seen, provider: seen})
        weight = min(HIGHEST, FIRST + MORE * (len(seen) - 1)) / len(half.providers)
        signals.append(
            Signal(
                detector=NAME,
                family=Family.RECOVERY,
                subject=provider_subject(provider),
                evidence={
                    Hypothesis.PROVIDER_COMPROMISED: weight,
                    Hypothesis.CAMPAIGN: CAMPAIGN,
                },
                at=now,
                reason=f"a strange browser had the {half.proof} sent through {provider} and never "
                f"the other proof; {len(seen)} account(s)",
                events=tuple(one.id for one in seen)[-MOST_EVENTS:],
                own_observation=True,
                forger=Forger.CUSTOMERS,
                half_life=43_200.0,
                expires_at=now + seconds(3 * 86_400),
            )
        )
    return state, signals


DETECTOR = Detector(NAME, State, start, step, tick, due)

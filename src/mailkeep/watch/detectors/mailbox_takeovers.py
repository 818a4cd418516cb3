"""Accounts are taken over whose owners have their mailboxes with one and the same keeper.

Sees: ``ProofSent`` and ``AttemptFinished`` (whose mailbox a recovery's proofs went to),
``ProofRedeemed`` (through which providers), ``RecoveryCompleted`` with its risk, and
``RecoveryDenied`` after it. A takeover is a recovery that no second factor finished and that does
not fit the account's history, or that the owner denied afterwards. It counts where its two proofs
went through different providers: no one of ours had both of them, and the mailbox did.
Method: thieves who come by passwords and mailboxes one by one find them with each keeper by its
share s of our customers, which is learned from the recoveries that do fit. Of n takeovers in a day
k at one keeper are weighed by the likelihood ratio of the share that fits best,
k ln(k/ns) + (n-k) ln((n-k)/(n(1-s))), less ½ ln(1 + n) for having looked for it.
Likelihood ratios (judged): mailbox compromised, that ratio, at most 1.5 nats for each account and
6.0 in all, from three accounts on.
False alarms: phishing of one keeper's customers, whose passwords open their mailboxes: to an owner
that is the same. Delay: the third account. Evasion: taking accounts with several keepers alike; a
few in a day; completing honest recoveries with the same keeper until its share is large.
Who could forge it: whoever has accounts of their own, with mailboxes wherever they like; so it
counts as what customers can stage, and opens nothing without a sign of our own about that keeper
(``stranger_in_mail``). Keepers that nobody knows (``other``) are counted, and none is accused.
State: 256 proofs on their way, 512 recoveries, of which those go first of which nobody showed a
proof; 64 accounts.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished
from mailkeep.mail.families import OTHER
from mailkeep.recovery.events import ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied
from mailkeep.recovery.risk import RAISED
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    mailbox_subject,
    seconds,
)

NAME = "mailbox_takeovers"
MOST_AWAITED = 256
MOST_WAYS = 512
MOST_CASES = 64
MOST_KEEPERS = 16
MOST_THROUGH = 8  #: providers of a recovery
WINDOW = DAY
LEARN_FROM = 20.0  #: recoveries that fit, before shares are believed
MEMORY = 1000.0  #: over which they are averaged
LEAST, EACH, HIGHEST = 3, 1.5, 6.0
SMALLEST = 0.02  #: share of a keeper
CHANGED = 0.5  #: nats


class Way(msgspec.Struct, frozen=True):
    """A recovery: who keeps the mailbox, and what its proofs went through. ``shown``: one was."""

    account: str
    keeper: str = ""
    providers: tuple[str, ...] = ()
    shown: bool = False


class Case(msgspec.Struct, frozen=True):
    """An account that was taken over."""

    keeper: str
    at: Instant
    id: str


class State(msgspec.Struct, frozen=True):
    """``awaited``: by message, the recovery whose proof is on its way. ``ways``: by recovery.
    ``usual``: recoveries that fit, by keeper. ``cases``: by account, the newest last. ``said``:
    nats of each keeper, last said."""

    settings: None = None
    awaited: dict[str, str] = {}
    ways: dict[str, Way] = {}
    usual: dict[str, float] = {}
    cases: dict[str, Case] = {}
    said: dict[str, float] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    match recorded.fact:
        case AttemptFinished() as fact if fact.message in state.awaited:
            return _went(state, fact), []
        case ProofSent() as fact:
            return _sent(state, fact), []
        case ProofRedeemed() as fact if fact.recovery in state.ways:
            return _shown(state, fact), []
        case RecoveryCompleted() as fact:
            if fact.factor or fact.risk <= RAISED:
                return _fitted(state, fact.recovery), []
            return _taken(state, fact.recovery, recorded)
        case RecoveryDenied() as fact if fact.after_completion:
            return _taken(state, fact.recovery, recorded)
        case _:
            return state, []


def _sent(state: State, fact: ProofSent) -> State:
    awaited = kept(state.awaited, fact.message, fact.recovery, MOST_AWAITED)
    state = msgspec.structs.replace(state, awaited=awaited)
    return _with(state, fact.recovery, state.ways.get(fact.recovery, Way(fact.account)))


def _went(state: State, fact: AttemptFinished) -> State:
    recovery = state.awaited[fact.message]
    awaited = {name: one for name, one in state.awaited.items() if name != fact.message}
    state = msgspec.structs.replace(state, awaited=awaited)
    way = state.ways.get(recovery)
    if way is None or not fact.family:
        return state
    return _with(state, recovery, msgspec.structs.replace(way, keeper=fact.family))


def _shown(state: State, fact: ProofRedeemed) -> State:
    way = state.ways[fact.recovery]
    through = tuple(sorted({*way.providers, *fact.providers}))[:MOST_THROUGH]
    way = msgspec.structs.replace(way, providers=through, shown=True)
    return _with(state, fact.recovery, way)


def _with(state: State, recovery: str, way: Way) -> State:
    ways = {**state.ways, recovery: way}
    if len(ways) > MOST_WAYS:
        others = (name for name in ways if name != recovery)
        del ways[min(others, key=lambda name: ways[name].shown)]  # of equals the oldest
    return msgspec.structs.replace(state, ways=ways)


def _fitted(state: State, recovery: str) -> State:
    way = state.ways.get(recovery)
    if way is None or not way.keeper:
        return state
    if way.keeper not in state.usual and len(state.usual) >= MOST_KEEPERS:
        return state
    usual = {**state.usual, way.keeper: state.usual.get(way.keeper, 0.0) + 1.0}
    if sum(usual.values()) > MEMORY:
        usual = {name: count / 2 for name, count in usual.items()}
    return msgspec.structs.replace(state, usual=usual)


def _taken(state: State, recovery: str, recorded: Recorded) -> tuple[State, list[Signal]]:
    way, now = state.ways.get(recovery), recorded.placed_at
    since = now - WINDOW
    cases = {name: one for name, one in state.cases.items() if one.at > since}
    if way is None or not way.keeper or len(way.providers) < 2 or way.account in cases:
        return state, []
    cases = kept(cases, way.account, Case(way.keeper, now, recorded.id), MOST_CASES)
    state = msgspec.structs.replace(state, cases=cases)
    signals: list[Signal] = []
    said = dict(state.said)
    # A case with one keeper changes what those with the others weigh.
    for keeper in sorted({one.keeper for one in cases.values()} | said.keys()):
        weight = 0.0 if keeper == OTHER else weigh(state, keeper)
        if abs(weight - said.get(keeper, 0.0)) < CHANGED:
            continue
        said[keeper] = weight
        signals.append(_signal(state, keeper, weight, recorded))
    said = {name: nats for name, nats in said.items() if nats}
    return msgspec.structs.replace(state, said=said), signals


def share(state: State, keeper: str) -> float:
    """The part of our customers whose mailboxes a keeper has."""
    total = sum(state.usual.values())
    return min(1 - SMALLEST, max(SMALLEST, state.usual.get(keeper, 0.0) / max(total, 1.0)))


def weigh(state: State, keeper: str) -> float:
    """The nats of the takeovers of the window."""
    count, of = sum(one.keeper == keeper for one in state.cases.values()), len(state.cases)
    drawn = share(state, keeper)
    if count < LEAST or sum(state.usual.values()) < LEARN_FROM or count <= drawn * of:
        return 0.0
    ratio = count * math.log(count / (of * drawn))
    if count < of:
        ratio += (of - count) * math.log((of - count) / (of * (1 - drawn)))
    return max(0.0, min(HIGHEST, EACH * count, ratio - 0.5 * math.log1p(of)))


def _signal(state: State, keeper: str, weight: float, recorded: Recorded) -> Signal:
    mine = [one for one in state.cases.values() if one.keeper == keeper]
    now = recorded.placed_at
    return Signal(
        detector=NAME,
        family=Family.TAKEOVER,
        subject=mailbox_subject(keeper),
        evidence={Hypothesis.MAILBOX_COMPROMISED: weight} if weight else {},
        at=now,
        reason=f"{len(mine)} of {len(state.cases)} accounts that were taken over have their "
        f"mailboxes at {keeper}, where {share(state, keeper):.0%} are usual",
        events=tuple(one.id for one in mine)[-MOST_EVENTS:] or (recorded.id,),
        own_observation=True,
        forger=Forger.CUSTOMERS,
        half_life=43_200.0,
        expires_at=now + seconds(3 * 86_400),
        restates=True,
    )


HEARS = (AttemptFinished, ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied)
DETECTOR = Detector(NAME, State, start, step, HEARS)

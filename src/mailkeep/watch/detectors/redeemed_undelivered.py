"""A proof is redeemed before its mail was delivered, or without: somebody read it on the way.

Sees: ``ProofSent`` and ``ProofRedeemed`` (a POST: what scanners open redeems nothing, and openings
and clicks that a provider reports are not looked at), and what ``DeliveryReported`` says of the
proof's message.
Method: when a browser that the account does not know shows a proof, its mail should have been
delivered by then, by the provider's own clock (``slack`` apart). Where no report has come, it is
waited for, three times the 99th percentile of that provider's usual delay; only a provider that
usually reports its proofs is held to that, and only while reports of it do come in. 'Delivered' is
the suspect's word: it earns nothing and takes nothing back, it can only not speak against itself.
A receiver may read a mail and then refuse it or put it off: such a case counts half.
Likelihood ratios (judged): provider compromised, 2.5 nats for one account, 1.5 for each more in the
window, at most 6.0; divided by one more than the owners' own browsers that showed the same in that
time, which is measured: then the reports fail.
Parameters: ``[watch.redeemed_undelivered]``. False alarms: a webhook that is lost. Delay: the
report, or three times its usual delay. Evasion: reading after delivery, or reporting delivery in
time: so it catches who holds mail back from its owner.
Who could forge it: whoever runs the server of their own mailbox takes the mail, redeems and answers
later; so it counts as what customers can stage, and never makes a provider compromised alone.
State: 512 proofs followed, at most 4 of an account; 64 cases of each of 64 providers.
"""

import msgspec

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.mail.events import DeliveryReported
from mailkeep.recovery.events import ProofRedeemed, ProofSent
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Delays
from mailkeep.watch.thresholds import UndeliveredSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "redeemed_undelivered"
MOST_FOLLOWED = 512
MOST_OF_ACCOUNT = 4
MOST_PROVIDERS = 64
MOST_CASES = 64  #: of each provider
MEMORY = 300.0  #: proofs over which delays and shares are averaged
FIRST, MORE, HIGHEST, REFUSED = 2.5, 1.5, 6.0, 0.5
LIVES = HOUR  #: a proof that nobody showed by then, or of which nothing can be told, is let go
_REFUSED = frozenset({"bounced", "soft_bounced", "deferred", "rejected"})


class Proof(msgspec.Struct, frozen=True):
    """A proof on its way. ``heard``: delivery was reported; ``at``: for when, by the provider.
    ``redeemed``: when a browser showed it, ``until`` its report is waited for."""

    recovery: str
    proof: str
    account: str
    provider: str
    sent: Instant
    heard: bool = False
    at: Instant | None = None
    refused: bool = False
    redeemed: Instant = 0
    known: bool = False
    until: Instant = NEVER
    id: str = ""


class Case(msgspec.Struct, frozen=True):
    account: str
    at: Instant
    counts: float
    id: str


class Usual(msgspec.Struct, frozen=True):
    """What is usual of a provider: ``reported`` of ``seen`` proofs, with ``delays``. ``heard``:
    when a report of it came in last. ``owners``: when owners' own browsers showed the same."""

    delays: Delays = Delays()
    seen: float = 0.0
    reported: float = 0.0
    heard: Instant = 0
    cases: tuple[Case, ...] = ()
    owners: tuple[Instant, ...] = ()


class State(msgspec.Struct, frozen=True):
    """``proofs``: by message. ``usual``: by provider."""

    settings: UndeliveredSettings
    proofs: dict[str, Proof] = {}
    usual: dict[str, Usual] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.redeemed_undelivered)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, DeliveryReported):
        return _reported(state, fact, recorded) if fact.provider in state.usual else (state, [])
    if isinstance(fact, ProofSent):
        return _sent(state, fact, recorded.placed_at), []
    if isinstance(fact, ProofRedeemed):
        return _redeemed(state, fact, recorded)
    return state, []


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    for message, proof in tuple(state.proofs.items()):
        if proof.until > now:
            continue
        usual = state.usual[proof.provider]
        if usual.heard <= proof.redeemed and now - proof.redeemed < LIVES:
            # If no reports come in at all, a missing one says nothing about this mail.
            later = now + seconds(_patience(state.settings, usual))
            again = msgspec.structs.replace(proof, until=later)
            state = _follow(state, message, again)
            continue
        state = _forget(state, message)
        if usual.heard > proof.redeemed:
            state, said = _case(state, proof, now)
            signals += said
    return state, signals


def due(state: State) -> Instant:
    return min((one.until for one in state.proofs.values()), default=NEVER)


def _patience(settings: UndeliveredSettings, usual: Usual) -> float:
    return max(settings.shortest, 3 * usual.delays.quantile(0.99))


def _sent(state: State, fact: ProofSent, now: Instant) -> State:
    if fact.provider not in state.usual:
        if len(state.usual) >= MOST_PROVIDERS:
            return state
        state = msgspec.structs.replace(state, usual={**state.usual, fact.provider: Usual()})
    for message, one in tuple(state.proofs.items()):
        if one.sent > now - LIVES:
            break
        if one.until == NEVER:
            state = _forget(state, message)
    mine = [name for name, one in state.proofs.items() if one.account == fact.account]
    if len(mine) >= MOST_OF_ACCOUNT:
        state = _forget(state, mine[0], counts=False)
    if len(state.proofs) >= MOST_FOLLOWED:
        waits = (name for name, one in state.proofs.items() if one.until == NEVER)
        state = _forget(state, next(waits, next(iter(state.proofs))), counts=False)
    proof = Proof(fact.recovery, fact.proof, fact.account, fact.provider, now)
    return _follow(state, fact.message, proof)


def _reported(
    state: State, fact: DeliveryReported, recorded: Recorded
) -> tuple[State, list[Signal]]:
    now = recorded.placed_at
    usual = state.usual[fact.provider]
    proof = state.proofs.get(fact.message or "")
    if proof is None or proof.provider != fact.provider or fact.copy or proof.heard:
        # Only whether reports come in at all; once a second is enough.
        if now - usual.heard < SECOND or fact.event != "delivered":
            return state, []
        return _known(state, fact.provider, msgspec.structs.replace(usual, heard=now)), []
    message = fact.message or ""
    if fact.event in _REFUSED:
        return _follow(state, message, msgspec.structs.replace(proof, refused=True)), []
    if fact.event != "delivered":
        return state, []
    delays = usual.delays.add((now - proof.sent) / SECOND, MEMORY)
    usual = msgspec.structs.replace(usual, heard=now, delays=delays)
    state = _known(state, fact.provider, usual)
    proof = msgspec.structs.replace(proof, heard=True, at=fact.at_provider)
    if not proof.redeemed:
        return _follow(state, message, proof), []
    state = _forget(state, message, proof)
    if not _after(state.settings, proof):
        return state, []
    return _case(state, proof, now)


def _redeemed(state: State, fact: ProofRedeemed, recorded: Recorded) -> tuple[State, list[Signal]]:
    now = recorded.placed_at
    mine = [
        (message, one)
        for message, one in state.proofs.items()
        if one.recovery == fact.recovery and one.proof == fact.proof and not one.redeemed
    ]
    # If it was sent again over another route after a refusal, only the newest could be read.
    for message, one in mine[-1:]:
        if one.heard:
            continue  # told before it was shown: nothing speaks against it
        usual = state.usual[one.provider]
        share = usual.reported / usual.seen if usual.seen else 0.0
        if usual.seen < state.settings.learn_from or share < state.settings.reports:
            continue
        wait = seconds(_patience(state.settings, usual))
        waits = msgspec.structs.replace(
            one, redeemed=now, known=fact.known_browser, until=now + wait, id=recorded.id
        )
        state = _follow(state, message, waits)
    return state, []


def _after(settings: UndeliveredSettings, proof: Proof) -> bool:
    """Whether its provider says that it was delivered after it had been shown."""
    return proof.at is not None and proof.at > proof.redeemed + seconds(settings.slack)


def _case(state: State, proof: Proof, now: Instant) -> tuple[State, list[Signal]]:
    """It was read on the way, or its report is lost."""
    usual = state.usual[proof.provider]
    since = now - seconds(state.settings.remembers)
    owners = tuple(at for at in usual.owners if at > since)
    cases = tuple(one for one in usual.cases if one.at > since)
    if proof.known:
        usual = msgspec.structs.replace(usual, owners=(*owners, now)[-MOST_CASES:], cases=cases)
        return _known(state, proof.provider, usual), []
    # An account counts with its strongest case, however often it is staged.
    others = tuple(one for one in cases if one.account != proof.account)
    mine = [one for one in cases if one.account == proof.account]
    new = Case(proof.account, now, REFUSED if proof.refused else 1.0, proof.id)
    strongest = max((*mine, new), key=lambda one: one.counts)
    cases = (*others, strongest)[-MOST_CASES:]
    usual = msgspec.structs.replace(usual, owners=owners, cases=cases)
    state = _known(state, proof.provider, usual)
    if mine and strongest in mine:
        return state, []
    return state, [_signal(proof.provider, usual, now)]


def _signal(provider: str, usual: Usual, now: Instant) -> Signal:
    count = sum(one.counts for one in usual.cases)
    judged = FIRST * min(1.0, count) + MORE * max(0.0, count - 1.0)
    return Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: min(HIGHEST, judged) / (1 + len(usual.owners))},
        at=now,
        reason=f"proofs sent through {provider} were shown by strange browsers before, or without, "
        f"their delivery; {counted(len(usual.cases), 'account')}",
        events=tuple(one.id for one in usual.cases)[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.CUSTOMERS,
        half_life=43_200.0,
        expires_at=now + seconds(3 * 86_400),
        restates=True,
    )


def _follow(state: State, message: str, proof: Proof) -> State:
    return msgspec.structs.replace(state, proofs={**state.proofs, message: proof})


def _forget(
    state: State, message: str, proof: Proof | None = None, *, counts: bool = True
) -> State:
    """Stop following a proof and learn from it how usual reports are, unless it is pushed out: a
    flood of requests must not make the provider look like one that never reports."""
    proof = proof or state.proofs[message]
    usual = state.usual[proof.provider]
    told = proof.heard or proof.refused
    seen, reported = usual.seen + counts, usual.reported + (counts and told)
    if seen > MEMORY:
        seen, reported = seen / 2, reported / 2
    state = _known(
        state, proof.provider, msgspec.structs.replace(usual, seen=seen, reported=reported)
    )
    left = {name: one for name, one in state.proofs.items() if name != message}
    return msgspec.structs.replace(state, proofs=left)


def _known(state: State, provider: str, usual: Usual) -> State:
    return msgspec.structs.replace(state, usual={**state.usual, provider: usual})


HEARS = (DeliveryReported, ProofRedeemed, ProofSent)
DETECTOR = Detector(NAME, State, start, step, HEARS, tick=tick, due=due)

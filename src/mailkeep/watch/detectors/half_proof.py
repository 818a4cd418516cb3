"""An unknown browser redeems one of a recovery's two proofs, and the other never comes.

Sees: ``ProofRedeemed`` from a browser in which the account was never fully signed in to, without
its partner: a first sign after 45 seconds, a full one after ten minutes or when the owner denies.
It is what reading the mail at one provider looks like. That the same browser had asked excuses
nothing: on 8 August the attackers asked for the resets themselves.
Evidence (judged): each provider that the proof was attempted through, compromised 2.5 nats for one
account, 1.5 for each more within the window, at most 6.0; shared evenly among several. One case
counts 1; 0.8 when that browser had asked, since people who reset on a new device are the commonest
innocent case; 0.4 of that while it is early, since half of the honest bring the other proof within
the next minutes. Campaign, 1.5 nats, early 0.5.
Against what the others show: routes are drawn at random, so what is innocent falls on every
provider by its share s of the proofs sent, while a reader has half proofs of one only. So of a
provider E cases are expected, at the rate that the others show over a week, and k are weighed at
the likelihood ratio of Poisson counts at most (``rates.surprise``): where people often give up, one
case says little. And the evidence is multiplied by (k/n - s)/(1 - s), of n cases in all: 1
when all are this provider's, 0 when they are spread as drawn, as in a rush. Both are asked over an
hour and over a day, and the stronger answer is taken. For a campaign all providers' cases together
are weighed in the same way. A provider's own cases raise its E never;
whoever would raise it for a reader must stage cases of the others, which shows (simulated: 30 days
of 200 honest recoveries a day, in the tests).
Taken back: when the same browser shows the partner, or the recovery is completed, the case no
longer counts and what was said is restated without it. A partner from another browser takes nothing
back: that is somebody else than who had the first.
Against floods that would blind it: of one account and provider one half proof waits, the oldest,
and a few queue behind it; cases stand by recovery and browser, and an account counts with its
largest one, so that none hides another and each is taken back alone. What is over the bounds is
taken from the account that has most, and of equals by a digest of names that nobody chooses.
False alarms: people on a new device who give up. Delay: 45 seconds, ten minutes. Evasion: redeeming
nothing until both are in hand. Who could forge it: anyone with accounts can stage it against a
provider; so alone it never makes one compromised.
"""

import math
from collections import Counter

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import (
    ProofRedeemed,
    ProofSent,
    RecoveryCompleted,
    RecoveryVoided,
)
from mailkeep.watch.detector import Detector
from mailkeep.watch.half_proofs import Case, bounded, drawn, sum_of
from mailkeep.watch.rates import surprise
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
MOST_WAITING, MOST_PROVIDERS = 512, 64
MOST_BEHIND, MOST_CASES = 3, 128  #: that queue behind one that waits; of each provider
FIRST, MORE, HIGHEST = 2.5, 1.5, 6.0
CAMPAIGN, CAMPAIGN_EARLY = 1.5, 0.5
ASKED, EARLY, CHANGED = 0.8, 0.4, 0.25  #: nats
ALONE = 0.99  #: the share from which a provider is the only one
ENOUGH_SENT = 1000.0  #: the proofs over which a provider's share is averaged
#: A recovery that ended for these reasons says nothing about who held the proof.
_INNOCENT = frozenset(
    {"superseded", "completed_another", "provider_cut", "dependent_proofs", "secured"}
)


class Half(msgspec.Struct, frozen=True):
    """A proof that waits for its partner; ``said``: its first sign has been given; ``behind``:
    later ones of the same account and provider, of other browsers or recoveries."""

    way: str
    proof: str
    account: str
    providers: tuple[str, ...]
    asked: bool
    early: Instant
    until: Instant
    id: str
    said: bool = False
    behind: tuple["Half", ...] = ()


class State(msgspec.Struct, frozen=True):
    """``waiting``: by recovery and browser (``_way``), one for each account and provider.
    ``cases``: by provider, the newest last.
    ``sent``: proofs sent through each provider. ``full``: full cases of each, in ``watched``
    seconds up to ``last``; all three fading. ``said``: nats of each provider, last said."""

    settings: HalfProofSettings
    watched: float
    waiting: dict[str, Half] = {}
    cases: dict[str, tuple[Case, ...]] = {}
    sent: dict[str, float] = {}
    full: dict[str, float] = {}
    last: Instant = 0
    said: dict[str, tuple[float, float]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.half_proof, settings.half_proof.base_known_for)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if isinstance(fact, ProofSent):
        return _sent(_passed(state, now), fact.provider), []
    if isinstance(fact, ProofRedeemed):
        return _redeemed(state, fact, recorded)
    if isinstance(fact, RecoveryCompleted):
        return _take_back(state, _ways(state, fact.recovery), now)
    if isinstance(fact, RecoveryVoided):
        return _voided(state, fact, now)
    return state, []


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    for way, half in tuple(state.waiting.items()):
        if half.until <= now:
            state, said = _say(_forget(state, {way}), half, now, full=True)
        elif not half.said and half.early <= now:
            noted = msgspec.structs.replace(half, said=True)
            state = msgspec.structs.replace(state, waiting={**state.waiting, way: noted})
            state, said = _say(state, half, now, full=False)
        else:
            continue
        signals += said
    return state, signals


def due(state: State) -> Instant:
    ends = (one.until if one.said else min(one.early, one.until) for one in state.waiting.values())
    return min(ends, default=NEVER)


def _passed(state: State, now: Instant) -> State:
    """The state with what was counted faded to ``now``."""
    gap = max(0, now - state.last) / SECOND if state.last else 0.0
    fade = math.exp(-gap / state.settings.memory)
    return msgspec.structs.replace(
        state,
        full={name: count * fade for name, count in state.full.items()},
        watched=state.watched * fade + gap,
        last=max(state.last, now),
    )


def _sent(state: State, provider: str) -> State:
    if provider not in state.sent and len(state.sent) >= MOST_PROVIDERS:
        return state
    sent = {**state.sent, provider: state.sent.get(provider, 0.0) + 1.0}
    total = sum(sent.values())
    if total > ENOUGH_SENT:
        sent = {name: count * 0.5 for name, count in sent.items()}
    return msgspec.structs.replace(state, sent=sent)


def _way(recovery: str, browser: str) -> str:
    """The key of one browser in one recovery: each browser must show both proofs itself."""
    return f"{recovery} {browser}"


def _ways(state: State, recovery: str) -> set[str]:
    """The ways through a recovery that wait or count."""
    known = [one.way for one in _halves(state)]
    known += [one.way for cases in state.cases.values() for one in cases]
    return {way for way in known if way.partition(" ")[0] == recovery}


def _halves(state: State) -> list[Half]:
    """All that wait, in front or behind."""
    return [one for front in state.waiting.values() for one in (front, *front.behind)]


def _redeemed(state: State, fact: ProofRedeemed, recorded: Recorded) -> tuple[State, list[Signal]]:
    way = _way(fact.recovery, fact.browser)
    half = next((one for one in _halves(state) if one.way == way), None)
    if fact.known_browser or (half is not None and half.proof == fact.proof):
        return state, []
    if way in _ways(state, fact.recovery):
        return _take_back(state, {way}, recorded.placed_at)
    settings, now = state.settings, recorded.placed_at
    new = Half(
        way,
        fact.proof,
        fact.account,
        fact.providers[:8],
        fact.same_browser,
        now + seconds(settings.early),
        now + seconds(settings.patience),
        recorded.id,
    )
    return _wait(state, new), []


def _wait(state: State, new: Half) -> State:
    waiting = dict(state.waiting)
    for way, front in waiting.items():
        if front.account == new.account and set(new.providers) <= set(front.providers):
            behind = (*front.behind, new)[:MOST_BEHIND]
            waiting[way] = msgspec.structs.replace(front, behind=behind)
            return msgspec.structs.replace(state, waiting=waiting)
    waiting[new.way] = new
    if len(waiting) > MOST_WAITING:
        of = Counter(one.account for one in waiting.values())
        over = max(waiting.values(), key=lambda one: (of[one.account], drawn(one.way)))
        del waiting[over.way]
    return msgspec.structs.replace(state, waiting=waiting)


def _voided(state: State, fact: RecoveryVoided, now: Instant) -> tuple[State, list[Signal]]:
    ways = _ways(state, fact.recovery)
    halves = [one for one in _halves(state) if one.way in ways]
    if fact.why in _INNOCENT:
        return _forget(state, ways), []
    signals: list[Signal] = []
    if fact.why == "denied":
        state = _forget(state, ways)
        for half in halves:
            state, said = _say(state, half, now, full=True)
            signals += said
    return state, signals


def _forget(state: State, ways: set[str]) -> State:
    """Without these ways; where one leaves that stood in front, the next takes its place."""
    waiting = {}
    for front in state.waiting.values():
        left = [one for one in (front, *front.behind) if one.way not in ways]
        if left:
            waiting[left[0].way] = msgspec.structs.replace(left[0], behind=tuple(left[1:]))
    return msgspec.structs.replace(state, waiting=waiting)


def _take_back(state: State, ways: set[str], now: Instant) -> tuple[State, list[Signal]]:
    """The partner came: these cases no longer count, and the signals are restated."""
    state = _forget(state, ways)
    if not any(one.way in ways for cases in state.cases.values() for one in cases):
        return state, []
    named = [name for name, cases in state.cases.items() if cases]
    left = {
        name: tuple(one for one in cases if one.way not in ways)
        for name, cases in state.cases.items()
    }
    state = msgspec.structs.replace(state, cases=left)
    return _restate(state, named, now)


def _say(state: State, half: Half, now: Instant, *, full: bool) -> tuple[State, list[Signal]]:
    counts = (ASKED if half.asked else 1.0) * (1.0 if full else EARLY) / max(1, len(half.providers))
    since = now - seconds(state.settings.remembers)
    state = _passed(state, now) if full else state
    for provider in half.providers:
        if provider not in state.cases and len(state.cases) >= MOST_PROVIDERS:
            continue
        others = [
            one for one in state.cases.get(provider, ()) if one.at > since and one.way != half.way
        ]
        new = Case(half.account, half.way, now, half.id, counts, full)
        cases = bounded([*others, new])
        state = msgspec.structs.replace(state, cases={**state.cases, provider: cases})
        # Several redemptions for one account count once.
        if full and not any(one.full and one.account == half.account for one in others):
            counted = {**state.full, provider: state.full.get(provider, 0.0) + counts}
            state = msgspec.structs.replace(state, full=counted)
    # A case of one provider changes what the cases of the others weigh.
    named = [name for name, cases in state.cases.items() if any(one.at > since for one in cases)]
    return _restate(state, named, now)


def _restate(state: State, named: list[str], now: Instant) -> tuple[State, list[Signal]]:
    """The signals about the providers that changed: repeating the others would only fill the
    log."""
    signals, said = [], dict(state.said)
    windows = (state.settings.burst, state.settings.remembers)
    usual = max(_more_than_usual(state, now, window) for window in windows)
    for provider in named:
        signal = _signal(state, provider, now, usual)
        weight = signal.evidence.get(Hypothesis.PROVIDER_COMPROMISED, 0.0)
        campaign = signal.evidence.get(Hypothesis.CAMPAIGN, 0.0)
        before = said.get(provider, (0.0, 0.0))
        pairs = zip((weight, campaign), before, strict=True)
        if any(abs(one - other) >= CHANGED or (one > 0) != (other > 0) for one, other in pairs):
            said[provider] = (weight, campaign)
            signals.append(signal)
    return msgspec.structs.replace(state, said=said), signals


def share(state: State, provider: str) -> float:
    """The part of all proofs that is sent through a provider; even shares until it is known."""
    total = sum(state.sent.values())
    if total < 1 or provider not in state.sent:
        return 1 / max(2, len(state.sent))
    return state.sent[provider] / total


def expected(state: State, provider: str, window: float) -> float:
    """Innocent cases of a provider that are expected in ``window`` seconds."""
    settings, drawn = state.settings, share(state, provider)
    others = sum(count for name, count in state.full.items() if name != provider)
    if drawn < ALONE:
        others *= drawn / (1 - drawn)
    guessed = settings.base_per_day * settings.base_known_for * SECOND / DAY
    return window * (guessed + others) / state.watched


def weigh(state: State, provider: str, now: Instant, window: float) -> float:
    """The nats of a provider's cases in the last ``window`` seconds."""
    since = now - seconds(window)
    counted = {name: sum_of(cases, since) for name, cases in state.cases.items()}
    count, total = counted.get(provider, 0.0), sum(counted.values())
    usual = max(expected(state, provider, window), 1e-6)
    if count <= usual:
        return 0.0
    ratio = surprise(count, usual)
    judged = FIRST * min(1.0, count) + MORE * max(0.0, count - 1.0)
    drawn = share(state, provider)
    # One provider alone: there is nothing to compare it with.
    one_sided = 1.0 if drawn >= ALONE else max(0.0, (count / total - drawn) / (1 - drawn))
    return min(HIGHEST, judged, ratio) * one_sided


def _more_than_usual(state: State, now: Instant, window: float) -> float:
    """The nats of all providers' cases, against how many there are in other weeks."""
    since, settings = now - seconds(window), state.settings
    count = sum(sum_of(cases, since) for cases in state.cases.values())
    guessed = settings.base_per_day * settings.base_known_for * SECOND / DAY
    # Those of the window must not be their own excuse.
    before = max(0.0, sum(state.full.values()) - count)
    return surprise(count, window * (guessed + before) / state.watched)


def _signal(state: State, provider: str, now: Instant, usual: float) -> Signal:
    """All that the cases of the window say about a provider now.

    Args:
        usual: the nats of all providers' cases together.
    """
    since = now - seconds(state.settings.remembers)
    cases = [one for one in state.cases.get(provider, ()) if one.at > since]
    windows = (state.settings.burst, state.settings.remembers)
    weight = max(weigh(state, provider, now, window) for window in windows)
    accounts = {one.account for one in cases}
    full = len({one.account for one in cases if one.full})
    campaign = min(CAMPAIGN if full else CAMPAIGN_EARLY, usual)
    evidence = {Hypothesis.CAMPAIGN: campaign} if cases and campaign > 0 else {}
    if weight > 0:
        evidence[Hypothesis.PROVIDER_COMPROMISED] = weight
    # Restated later it must not weigh as if it were new.
    at = max((one.at for one in cases), default=now)
    return Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=provider_subject(provider),
        evidence=evidence,
        at=at,
        reason=f"browsers that the accounts do not know had one proof sent through {provider} and "
        f"not the other; {counted(len(accounts), 'account')}, {full} of them for long",
        events=tuple(one.id for one in cases)[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.CUSTOMERS,
        half_life=43_200.0,
        expires_at=at + seconds(3 * 86_400),
        restates=True,
    )


HEARS = (ProofSent, ProofRedeemed, RecoveryCompleted, RecoveryVoided)
DETECTOR = Detector(NAME, State, start, step, HEARS, tick=tick, due=due)

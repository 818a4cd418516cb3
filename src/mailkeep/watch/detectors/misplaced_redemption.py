"""A recovery is held or completed in a visit that does not fit the account's own history.

Sees: ``RecoveryHeld`` and ``RecoveryCompleted`` with their risk in nats (``recovery/risk.py``: the
device, network, place, browser and hour against the account's own sign-ins, after Freeman et al.,
NDSS 2016), each recovery once: what was held was said when it was. One that a second factor
finished, or of an account without a history, says nothing.
Likelihood ratios: account targeted, 0.3 of the risk, at most 3.0 nats (the risk is measured by the
model; the share is judged: most people who reset do it on a new device). Campaign: how many
accounts did within an hour, by the likelihood ratio of Poisson counts against the rate that was
learned over a week (measured), less what comes of looking each hour of a day (two in an hour come
every other day in a house of thirty resets a day); at most 1.0 and 1.0 for each doubling, 4.0 in
all (judged). An hour
in which more recoveries fit than usual, as by day or when passwords expire, explains as many times
more that do not, up to eight times: who would hide so finishes recoveries of their own, as an
owner. Any provider, 1.0 nat from the second account on, which counts only beside our own evidence
about that provider (judged).
Parameters: ``[watch.misplaced_redemption]``. False alarms: travel, a new phone, a changed network.
Delay: none, the redemption itself. Evasion: looking like the owner: a network nearby, their
browser. Who could forge it: of somebody else's account nobody but who has both its proofs, which is
what is said; whoever has accounts of their own stages it about those, so what it says of a campaign
or of providers counts as anyone's. Alone it opens nothing.
State: of the window 128 accounts, those beyond which are said by themselves and counted for nothing
else, and 512 recoveries that fit.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryCompleted, RecoveryHeld
from mailkeep.recovery.risk import RAISED
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Base, surprise
from mailkeep.watch.thresholds import MisplacedSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    seconds,
)

NAME = "misplaced_redemption"
MOST = 128  #: accounts of the window
MOST_FITS = 512  #: recoveries of the window that fit
SHARE, HIGHEST = 0.3, 3.0
BUSIEST, SMOOTH = 8.0, 0.5
CAMPAIGN, DOUBLING, MOST_CAMPAIGN, PROVIDER = 1.0, 1.0, 4.0, 1.0


class State(msgspec.Struct, frozen=True):
    """``seen``: when each account showed one, with the fact's id, the newest last. ``fits``: how
    often recoveries fit; ``lately``: when those of the window did."""

    settings: MisplacedSettings
    base: Base
    seen: dict[str, tuple[Instant, str]] = {}
    fits: Base = Base(0.0, 0.0)
    lately: tuple[Instant, ...] = ()


def start(settings: WatchSettings) -> State:
    own = settings.misplaced_redemption
    guess = own.base_per_day * own.base_known_for * SECOND / DAY
    return State(own, Base(guess, own.base_known_for))


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    # What was held was said when it was: its hold lasts as long as the window, or longer.
    if not isinstance(fact, RecoveryHeld | RecoveryCompleted) or (
        isinstance(fact, RecoveryCompleted) and fact.held
    ):
        return state, []
    if fact.risk <= RAISED or (isinstance(fact, RecoveryCompleted) and fact.factor):
        return _fits(state, recorded.placed_at), []
    settings, now = state.settings, recorded.placed_at
    since = now - seconds(settings.window)
    seen = {name: one for name, one in state.seen.items() if one[0] > since}
    if fact.account in seen:
        return msgspec.structs.replace(state, seen=seen), []
    signal = Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=account_subject(fact.account),
        evidence={Hypothesis.ACCOUNT_TARGETED: min(HIGHEST, SHARE * fact.risk)},
        at=now,
        reason="the account was recovered in a visit that does not fit its history"
        f" ({fact.risk:.1f} nats)",
        events=(recorded.id,),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=14_400.0,
        expires_at=now + seconds(2 * 86_400),
    )
    if len(seen) >= MOST:  # the campaign is said; what is said of this account hides behind nobody
        return msgspec.structs.replace(state, seen=seen), [signal]
    seen[fact.account] = (now, recorded.id)
    base = state.base.at(now, settings.memory)
    state = msgspec.structs.replace(state, seen=seen, base=base.plus(1.0))
    count = len(seen)
    if count & (count - 1):
        return state, [signal]
    judged = min(MOST_CAMPAIGN, CAMPAIGN + DOUBLING * math.log2(count))
    expected = base.expected(settings.window) * _busy(state, now)
    looks = math.log(max(1.0, DAY / SECOND / settings.window))
    weight = min(judged, surprise(count, expected) - looks)
    if weight <= 0:
        return state, [signal]
    evidence = {Hypothesis.CAMPAIGN: weight}
    if count > 1:
        evidence[Hypothesis.PROVIDER_COMPROMISED] = PROVIDER
    campaign = msgspec.structs.replace(
        signal,
        subject=RESETS,
        evidence=evidence,
        reason=counted(count, "account was", "accounts were")
        + " recovered in visits that do not fit their history",
        events=tuple(one[1] for one in seen.values())[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.ANYONE,
    )
    return state, [signal, campaign]


def _fits(state: State, now: Instant) -> State:
    since = now - seconds(state.settings.window)
    lately = (*(one for one in state.lately if one > since), now)[-MOST_FITS:]
    fits = state.fits.at(now, state.settings.memory).plus(1.0)
    return msgspec.structs.replace(state, fits=fits, lately=lately)


def _busy(state: State, now: Instant) -> float:
    """How many times the usual number of recoveries the hour has, of those that fit."""
    settings = state.settings
    lately = sum(one > now - seconds(settings.window) for one in state.lately)
    usual = state.fits.at(now, settings.memory).expected(settings.window)
    return min(BUSIEST, max(1.0, (lately + SMOOTH) / (usual + SMOOTH)))


DETECTOR = Detector(NAME, State, start, step, (RecoveryCompleted, RecoveryHeld))

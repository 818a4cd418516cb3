"""After a recovery, or a sign-in from an unknown browser, an account is emptied and locked up.

Sees: ``RecoveryCompleted`` and ``SignedInFact`` (neither with a proved factor; the latter from a
browser that the account does not know), and what follows within the hour: addresses changed, the
password changed again, factors bound or taken off, sign-ins from many networks. ``AccountOpened``:
in its first day every browser is new to an account, and its owner sets it up; a sign-in then begins
nothing, a recovery still does. ``RecoveryHeld``, by which a recovery is known again.
Method: kinds of what follows are counted, not their number: an owner who comes back does one thing,
a thief makes the account theirs. That a recovery was strange is the same matter and counts once
(``misplaced_redemption``), also where it was held before. Another recovery within the hour goes on
counting: who has both mails could else begin anew after each thing that they do.
Likelihood ratios (judged): account targeted, 3.0 nats for two kinds, 4.5 for three, 6.0 for four.
Campaign: 2.0 nats for two accounts within an hour, 1.5 for each doubling, at most 5.5.
Parameters: ``[watch.takeover_pattern]``. False alarms: an owner who tidies up after a scare, and
binds the factor that they are asked for. Delay: the second kind. Evasion: taking what is there and
changing nothing; waiting for more than an hour.
Who could forge it: of somebody else's account nobody but who is in it, which is what is said;
whoever has accounts of their own stages it about those, so what it says of a campaign counts as
anyone's. Every opinion about an account starts so low that this alone does not open it.
State: 1,024 accounts opened of late, the oldest of which are forgotten first; 512 followed, past
that one of which nothing followed goes first, and of those the oldest: to push out an account that
is being emptied takes as many that are; 512 recoveries that are held.
"""

import math

import msgspec

from mailkeep.accounts.events import (
    AccountOpened,
    ChangeHeld,
    FactorBound,
    FactorLeaving,
    FactorRevoked,
    SignedInFact,
)
from mailkeep.base.clock import DAY, Instant
from mailkeep.events.types import Fact, Recorded
from mailkeep.recovery.events import RecoveryCompleted, RecoveryHeld
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import kept
from mailkeep.watch.thresholds import TakeoverSettings
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

NAME = "takeover_pattern"
MOST = 512  #: accounts followed
MOST_SHOWN = 128  #: accounts of the window
MOST_OPENED = 1024
NEW = DAY  #: for so long an account is new
WEIGHTS = {2: 3.0, 3: 4.5, 4: 6.0}
TWO, DOUBLING, HIGHEST = 2.0, 1.5, 5.5
_BY_OWNER = frozenset({"owner", "lost", "replaced"})


class Trail(msgspec.Struct, frozen=True):
    """What followed since an account was entered. ``ids``: of how it was. ``kinds``: what, with the
    fact's id each."""

    since: Instant
    how: str
    ids: tuple[str, ...]
    networks: tuple[str, ...] = ()
    kinds: dict[str, str] = {}


class State(msgspec.Struct, frozen=True):
    """``shown``: accounts that showed two kinds or more: when, and by which fact. ``opened``: when
    accounts were. ``held``: recoveries that wait, by account."""

    settings: TakeoverSettings
    trails: dict[str, Trail] = {}
    shown: dict[str, tuple[Instant, str]] = {}
    opened: dict[str, Instant] = {}
    held: dict[str, str] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.takeover_pattern)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, RecoveryHeld):
        held = kept(state.held, fact.account, recorded.id, MOST)
        return msgspec.structs.replace(state, held=held), []
    if isinstance(fact, RecoveryCompleted):
        return (state if fact.factor else _recovered(state, fact.account, recorded)), []
    if isinstance(fact, AccountOpened):
        opened = kept(state.opened, fact.account, recorded.placed_at, MOST_OPENED)
        return msgspec.structs.replace(state, opened=opened), []
    if isinstance(fact, SignedInFact):
        return _signed_in(state, fact, recorded)
    kind = _kind(fact)
    if kind is None or not isinstance(
        fact, ChangeHeld | FactorBound | FactorRevoked | FactorLeaving
    ):
        return state, []
    return _followed(state, fact.account, kind, recorded)


def _recovered(state: State, account: str, recorded: Recorded) -> State:
    now, before = recorded.placed_at, state.trails.get(account)
    held = state.held.get(account)
    trail = Trail(now, "a recovery", (recorded.id,) if held is None else (recorded.id, held))
    if before is not None and now - before.since < seconds(state.settings.follows):
        trail = msgspec.structs.replace(trail, networks=before.networks, kinds=before.kinds)
    return _with(state, account, trail)


def _kind(fact: Fact) -> str | None:
    if isinstance(fact, ChangeHeld):
        return "password" if fact.what == "password" else "address"
    if isinstance(fact, FactorBound):
        return "factor bound"
    if isinstance(fact, FactorLeaving) or (
        isinstance(fact, FactorRevoked) and fact.why in _BY_OWNER
    ):
        return "factor taken off"
    return None


def _signed_in(state: State, fact: SignedInFact, recorded: Recorded) -> tuple[State, list[Signal]]:
    now = recorded.placed_at
    trail = state.trails.get(fact.account)
    live = trail is not None and now - trail.since < seconds(state.settings.follows)
    if trail is None or not live:
        opened = state.opened.get(fact.account)
        new = opened is not None and now - opened < NEW
        if fact.factor or fact.known_browser or new:
            return state, []
        entered = Trail(now, "a sign-in from a strange browser", (recorded.id,), (fact.network,))
        return _with(state, fact.account, entered), []
    if fact.network in trail.networks or len(trail.networks) >= state.settings.networks:
        return state, []
    trail = msgspec.structs.replace(trail, networks=(*trail.networks, fact.network))
    state = _with(state, fact.account, trail)
    if len(trail.networks) < state.settings.networks:
        return state, []
    return _followed(state, fact.account, "sign-ins from many networks", recorded)


def _followed(
    state: State, account: str, kind: str, recorded: Recorded
) -> tuple[State, list[Signal]]:
    settings, now = state.settings, recorded.placed_at
    trail = state.trails.get(account)
    if trail is None or now - trail.since >= seconds(settings.follows) or kind in trail.kinds:
        return state, []
    trail = msgspec.structs.replace(trail, kinds={**trail.kinds, kind: recorded.id})
    state = _with(state, account, trail)
    if len(trail.kinds) < 2:
        return state, []
    signal = Signal(
        detector=NAME,
        family=Family.TAKEOVER,
        subject=account_subject(account),
        evidence={Hypothesis.ACCOUNT_TARGETED: WEIGHTS[min(4, len(trail.kinds))]},
        at=now,
        reason=f"after {trail.how} there followed: {', '.join(sorted(trail.kinds))}",
        events=(*trail.ids, *trail.kinds.values())[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(3 * 86_400),
        restates=True,
    )
    since = now - seconds(settings.window)
    shown = {name: one for name, one in state.shown.items() if one[0] > since}
    if account in shown or len(shown) >= MOST_SHOWN:
        return msgspec.structs.replace(state, shown=shown), [signal]
    shown[account] = (now, recorded.id)
    state = msgspec.structs.replace(state, shown=shown)
    count = len(shown)
    if count < 2 or count & (count - 1):
        return state, [signal]
    campaign = msgspec.structs.replace(
        signal,
        subject=RESETS,
        evidence={Hypothesis.CAMPAIGN: min(HIGHEST, TWO + DOUBLING * (math.log2(count) - 1))},
        reason=f"{count} accounts were changed in many ways soon after they were entered",
        events=tuple(one[1] for one in shown.values())[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.ANYONE,
        restates=False,
    )
    return state, [signal, campaign]


def _with(state: State, account: str, trail: Trail) -> State:
    trails = {name: one for name, one in state.trails.items() if name != account}
    if len(trails) >= MOST:
        del trails[min(trails, key=lambda one: (len(trails[one].kinds), trails[one].since))]
    trails[account] = trail
    return msgspec.structs.replace(state, trails=trails)


HEARS = (
    *(AccountOpened, ChangeHeld, FactorBound, FactorLeaving, FactorRevoked),
    *(RecoveryCompleted, RecoveryHeld, SignedInFact),
)
DETECTOR = Detector(NAME, State, start, step, HEARS)

"""Owners deny a reset, a change of their account, or a session in it: 'this was not me'.

Sees: ``RecoveryDenied``, ``ChangeDenied`` that stopped something (an address, a password, a second
factor), and ``SessionDenied`` from the account's own pages; of each, an account once in the window;
says so at the 1st, 2nd, 4th, 8th, ... account, so that a flood of denials is a few signals.
Evidence: campaign, 2.0 nats for one account and 1.5 for each doubling, at most 5.5 (judged: people
deny their own forgotten resets); any provider, 2.5 nats, which correlation counts only beside our
own evidence about that provider: one owner's word and a stranger in a canary open together, as on
8 August they should have. Of resets, never more than the surprise of so many against the days of a
month (``rates.surprise``): where owners often forget what they asked for, one says little. Whoever
made a change was signed in, which is no sign of a reader of mail: denied changes are evidence of a
campaign only. So are denied sessions, with 1.0 nat at first, at most 4.0: people do not know their
own telephone in a list. Of a denied session the account itself is targeted as well, 3.0 nats, for
the first eight accounts of the window; it counts beside what we saw there ourselves
(``takeover_pattern``, ``misplaced_redemption``).
False alarms: forgetful owners; a mail gateway does not press buttons. Delay: until an owner reads.
Evasion: the attacker reads the mail and the owner never sees it; or denies resets of their own for
weeks, so that it is usual.
Who could forge it: anyone with accounts can ask, change and deny as often as they
like.
"""

import math

import msgspec

from mailkeep.accounts.events import ChangeDenied, SessionDenied
from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryDenied
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Usual, unusual
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    DenialSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    seconds,
)

NAME = "denial"
MOST = 256  #: accounts remembered; more say nothing new
FIRST, DOUBLING, HIGHEST, PROVIDER = 2.0, 1.5, 5.5, 2.5
LEAST = 1.0  #: of a provider's, however usual denials are: it counts beside our own evidence only
SESSION, SESSIONS, ACCOUNT = 1.0, 4.0, 3.0
MOST_ACCOUNTS = 8  #: of which it is said that they are targeted, in the window


class State(msgspec.Struct, frozen=True):
    """``denied``, ``changed``, ``entered``: when each account denied a reset, a change, a session,
    with the fact's id, the newest last; ``usual``: how often a reset is denied."""

    settings: DenialSettings
    denied: dict[str, tuple[Instant, str]] = {}
    changed: dict[str, tuple[Instant, str]] = {}
    entered: dict[str, tuple[Instant, str]] = {}
    usual: Usual = Usual()


def start(settings: WatchSettings) -> State:
    return State(settings.denial)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    since = now - seconds(state.settings.remembers)
    if isinstance(fact, RecoveryDenied):
        denied, new = _noted(state.denied, since, fact.account, recorded)
        state = msgspec.structs.replace(state, denied=denied)
        if not new:
            return state, []
        usual, surprise = unusual(state.usual, len(denied), now)
        both = {Hypothesis.PROVIDER_COMPROMISED: min(max(surprise, LEAST), PROVIDER)}
        signals = _said(denied, now, "a reset that was made for them", both, most=surprise)
        return msgspec.structs.replace(state, usual=usual), signals
    if isinstance(fact, ChangeDenied) and fact.acted:  # else its address has used up its say
        changed, new = _noted(state.changed, since, fact.account, recorded)
        state = msgspec.structs.replace(state, changed=changed)
        return state, _said(changed, now, "a change of their account", {}) if new else []
    if isinstance(fact, SessionDenied):
        entered, new = _noted(state.entered, since, fact.account, recorded)
        state = msgspec.structs.replace(state, entered=entered)
        if not new:
            return state, []
        signals = _said(entered, now, "a session in their account", {}, SESSION, SESSIONS)
        if len(entered) <= MOST_ACCOUNTS:
            signals.append(_targeted(fact.account, recorded))
        return state, signals
    return state, []


def _noted(
    before: dict[str, tuple[Instant, str]], since: Instant, account: str, recorded: Recorded
) -> tuple[dict[str, tuple[Instant, str]], bool]:
    """The accounts that count now, and whether this one is new among them."""
    found = {one: entry for one, entry in before.items() if entry[0] > since}
    if account in found or len(found) >= MOST:
        return found, False
    found[account] = (recorded.placed_at, recorded.id)
    return found, True


def _said(
    denied: dict[str, tuple[Instant, str]],
    now: Instant,
    what: str,
    more: dict[Hypothesis, float],
    first: float = FIRST,
    highest: float = HIGHEST,
    most: float = math.inf,
) -> list[Signal]:
    count = len(denied)
    if count & (count - 1):
        return []
    campaign = min(max(most, 0.0), highest, first + DOUBLING * math.log2(count))
    return [
        Signal(
            detector=NAME,
            family=Family.RECOVERY,
            subject=RESETS,
            evidence={Hypothesis.CAMPAIGN: campaign, **more},
            at=now,
            reason=f"{counted(count, 'account')} denied {what}",
            events=tuple(entry[1] for entry in denied.values())[-MOST_EVENTS:],
            own_observation=False,
            forger=Forger.ANYONE,
            half_life=14_400.0,
            expires_at=now + seconds(2 * 86_400),
        )
    ]


def _targeted(account: str, recorded: Recorded) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=account_subject(account),
        evidence={Hypothesis.ACCOUNT_TARGETED: ACCOUNT},
        at=recorded.placed_at,
        reason="somebody who is signed in there says that another session is not theirs",
        events=(recorded.id,),
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=recorded.placed_at + seconds(2 * 86_400),
    )


DETECTOR = Detector(NAME, State, start, step, (ChangeDenied, RecoveryDenied, SessionDenied))

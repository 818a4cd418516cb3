"""Owners deny a reset or a change of their account: 'this was not me'.

Sees: ``RecoveryDenied``, and ``ChangeDenied`` that stopped something (an address, a password, a
second factor); of either, each account once in the window; says so at the 1st, 2nd, 4th, 8th, ...
account, so that a flood of denials is a few signals.
Evidence: campaign, 2.0 nats for one account and 1.5 for each doubling, at most 5.5 (judged: people
deny their own forgotten resets); any provider, 2.5 nats, which correlation counts only beside our
own evidence about that provider: one owner's word and a stranger in a canary open together, as on
8 August they should have. Whoever made a change was signed in, which is no sign of a reader of
mail: denied changes are evidence of a campaign only.
False alarms: forgetful owners; a mail gateway does not press buttons. Delay: until an owner reads.
Evasion: the attacker reads the mail and the owner never sees it.
Who could forge it: anyone with accounts can ask, change and deny as often as they
like.
"""

import math

import msgspec

from mailkeep.accounts.events import ChangeDenied
from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryDenied
from mailkeep.watch.detector import Detector
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    RESETS,
    DenialSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    seconds,
)

NAME = "denial"
MOST = 256  #: accounts remembered; more say nothing new
FIRST, DOUBLING, HIGHEST, PROVIDER = 2.0, 1.5, 5.5, 2.5


class State(msgspec.Struct, frozen=True):
    """``denied``, ``changed``: when each account denied a reset, or a change, with the fact's id,
    the newest last."""

    settings: DenialSettings
    denied: dict[str, tuple[Instant, str]] = {}
    changed: dict[str, tuple[Instant, str]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.denial)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    since = now - seconds(state.settings.remembers)
    if isinstance(fact, RecoveryDenied):
        denied, new = _noted(state.denied, since, fact.account, recorded)
        state = msgspec.structs.replace(state, denied=denied)
        both = {Hypothesis.PROVIDER_COMPROMISED: PROVIDER}
        return state, _said(denied, now, "a reset that was made for them", both) if new else []
    if isinstance(fact, ChangeDenied) and fact.acted:  # else its address has used up its say
        changed, new = _noted(state.changed, since, fact.account, recorded)
        state = msgspec.structs.replace(state, changed=changed)
        return state, _said(changed, now, "a change of their account", {}) if new else []
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
) -> list[Signal]:
    count = len(denied)
    if count & (count - 1):
        return []
    campaign = min(HIGHEST, FIRST + DOUBLING * math.log2(count))
    return [
        Signal(
            detector=NAME,
            family=Family.RECOVERY,
            subject=RESETS,
            evidence={Hypothesis.CAMPAIGN: campaign, **more},
            at=now,
            reason=f"{count} account(s) denied {what}",
            events=tuple(entry[1] for entry in denied.values())[-MOST_EVENTS:],
            own_observation=False,
            forger=Forger.ANYONE,
            half_life=14_400.0,
            expires_at=now + seconds(2 * 86_400),
        )
    ]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


DETECTOR = Detector(NAME, State, start, step, tick, due, (ChangeDenied, RecoveryDenied))

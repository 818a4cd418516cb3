"""Owners say: this reset was not me.

Sees: ``RecoveryDenied``, each account once in the window; says so at the 1st, 2nd, 4th, 8th, ...
account, so that a flood of denials is a few signals.
Evidence: campaign, 2.0 nats for one account and 1.5 for each doubling, at most 5.5 (judged: people
deny their own forgotten resets); any provider, 2.5 nats, which correlation counts only beside our
own evidence about that provider: one owner's word and a stranger in a canary open together, as on
8 August they should have.
False alarms: forgetful owners; a mail gateway does not press buttons. Delay: until an owner reads.
Evasion: the attacker reads the mail and the owner never sees it.
Who could forge it: anyone with accounts can ask and deny as often as they like.
"""

import math

import msgspec

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
    """``denied``: when each account denied, with the fact's id, the newest last."""

    settings: DenialSettings
    denied: dict[str, tuple[Instant, str]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.denial)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, RecoveryDenied):
        return state, []
    now = recorded.placed_at
    since = now - seconds(state.settings.remembers)
    denied = {account: entry for account, entry in state.denied.items() if entry[0] > since}
    if fact.account in denied or len(denied) >= MOST:
        return msgspec.structs.replace(state, denied=denied), []
    denied[fact.account] = (now, recorded.id)
    state = msgspec.structs.replace(state, denied=denied)
    count = len(denied)
    if count & (count - 1):
        return state, []
    signal = Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=RESETS,
        evidence={
            Hypothesis.CAMPAIGN: min(HIGHEST, FIRST + DOUBLING * math.log2(count)),
            Hypothesis.PROVIDER_COMPROMISED: PROVIDER,
        },
        at=now,
        reason=f"{count} account(s) denied a reset that was made for them",
        events=tuple(entry[1] for entry in denied.values())[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=now + seconds(2 * 86_400),
    )
    return state, [signal]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


DETECTOR = Detector(NAME, State, start, step, tick, due, (RecoveryDenied,))

"""Somebody used the link of a decoy: a fake recovery mail that only one provider was given.

Sees: ``DecoyShown``. A decoy is written as any link mail of a recovery is and goes to a mailbox of
ours (``canary.decoys``); the secret in it is 128 bits that stand nowhere else.
Evidence: provider compromised, 8.4 nats for the first and 8.5 for two (judged: of those who read
recovery mail one in three tries what they find, and nobody innocent sees a decoy; a program at our
own listener that follows links presses no button); campaign, 3.0 nats (judged).
False alarms: one of us who tries what came to the canaries' mailbox. Delay: none, once it is tried.
Evasion: trying nothing but resets that they asked for themselves, or telling the canaries' domain
from people's. Who could forge it: only who had the mail, the provider, its way to our listener
where that is not encrypted, and we.
State: 64 providers.
"""

import msgspec

from mailkeep.events.types import Recorded
from mailkeep.recovery.events import DecoyShown
from mailkeep.watch.detector import Detector
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

NAME = "decoy_shown"
MOST = 64
WEIGHT, TWO, CAMPAIGN = 8.4, 8.5, 3.0


class State(msgspec.Struct, frozen=True):
    """``shown``: by provider the facts that said so, the newest last."""

    settings: None = None
    shown: dict[str, tuple[str, ...]] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if not isinstance(fact, DecoyShown):
        return state, []
    shown = {name: ids for name, ids in state.shown.items() if name != fact.provider}
    shown[fact.provider] = (*state.shown.get(fact.provider, ()), recorded.id)[-MOST_EVENTS:]
    if len(shown) > MOST:
        shown.pop(next(iter(shown)))
    weight = WEIGHT if len(shown[fact.provider]) < 2 else TWO
    signal = Signal(
        detector=NAME,
        family=Family.BAIT,
        subject=provider_subject(fact.provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight, Hypothesis.CAMPAIGN: CAMPAIGN},
        at=now,
        reason=f"somebody tried a link that stood only in a decoy sent through {fact.provider}",
        events=shown[fact.provider],
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(7 * 86_400),
        restates=True,
    )
    return msgspec.structs.replace(state, shown=shown), [signal]


DETECTOR = Detector(NAME, State, start, step, (DecoyShown,))

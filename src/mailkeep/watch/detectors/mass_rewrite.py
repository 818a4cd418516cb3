"""An application's API key asks to change many of its users in one day.

Sees: ``SubjectsRewritten``, which is said when the key has used up its share of a day (20 users, or
2% of them): what is over it was refused. Evidence (judged, not measured): leaked here, 9.5 nats.
The key is ours and the application's to keep, so who else uses it has it from our house or theirs.
False alarms: a move of many users that nobody announced; nothing acts on it but people who look.
Taken back: never by itself; it fades over a day. Delay: none, within the second in which the share
is used up. Evasion: staying below the share, which by itself changes nothing that stands, since
somebody else than the key agrees to each change (``accounts.subject_answers``).
Who could forge it: nobody without a key of an application.
"""

import msgspec

from mailkeep.accounts.events import SubjectsRewritten
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.types import (
    OUR_HOUSE,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    seconds,
)

NAME = "mass_rewrite"
WEIGHT = 9.5  #: opens alone: silence about a stolen key costs more than a look at an honest move


class State(msgspec.Struct, frozen=True):
    """Nothing is remembered: the fact is said once a day for an application."""

    settings: None = None


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if not isinstance(fact, SubjectsRewritten):
        return state, []
    signal = Signal(
        detector=NAME,
        family=Family.KEYS,
        subject=OUR_HOUSE,
        evidence={Hypothesis.LEAKED_HERE: WEIGHT},
        at=now,
        reason=(
            f"the key {fact.key} of {fact.application} asked for more than {fact.count} of "
            f"{fact.of} users to be changed in a day"
        ),
        events=(recorded.id,),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(86_400),
    )
    return state, [signal]


DETECTOR = Detector(NAME, State, start, step, (SubjectsRewritten,))

"""A lookalike of one of our domains begins to accept mail, or to show a page.

Sees: ``LookalikeSeen``, from our own look-ups.
Evidence (judged): domain abused; a name that was empty before and takes mail now 3.0 nats, one that
shows a page now 1.5; at the first look, when nobody knows for how long it was there, 0.6 and 0.3:
most names close to a known one are somebody's honest name, or parked for sale.
False alarms: honest neighbours, speculators, a name of our own that ``ours`` does not say. Delay:
until the name's turn comes, about a week after the first round. Evasion: a name that no way of
making names comes to; one without an MX whose address takes mail.
Who could forge it: nobody; who registers the name has the name.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import LookalikeSeen
from mailkeep.watch.types import (
    NEVER,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    seconds,
)

NAME = "lookalike"
TAKES_MAIL, SHOWS_PAGE = 3.0, 1.5
FIRST_LOOK = 0.2  #: of the weight, where it may have been there for years


class State(msgspec.Struct, frozen=True):
    """Each fact is new by itself: there is nothing to remember."""

    settings: None = None


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, LookalikeSeen):
        return state, []
    weight = TAKES_MAIL if fact.mx else SHOWS_PAGE
    what = "takes mail" if fact.mx else "shows a page"
    since = "now, and was empty before" if fact.fresh else "at our first look"
    signal = Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=domain_subject(fact.domain),
        evidence={Hypothesis.DOMAIN_ABUSED: weight if fact.fresh else FIRST_LOOK * weight},
        at=recorded.placed_at,
        reason=f"{fact.name} ({fact.way}) {what} {since}",
        events=(recorded.id,),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=7 * 86_400.0,
        expires_at=recorded.placed_at + seconds(30 * 86_400),
    )
    return state, [signal]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


DETECTOR = Detector(NAME, State, start, step, tick, due, (LookalikeSeen,))

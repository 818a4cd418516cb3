"""A lookalike of one of our domains begins to accept mail, or to show a page.

Sees: ``LookalikeSeen``, from our own look-ups.
Evidence (judged): domain abused; a name that was empty before and takes mail now 3.0 nats, and 1.0
more for each doubling of such names within a week, at most 5.0: one is mostly somebody's honest
name, four at once are somebody's plan, and open an incident. One that shows a page now 1.5; at the
first look, when nobody knows for how long it was there, 0.6 and 0.3: most names close to a known
one are somebody's honest name, or parked for sale. The most of these counts.
False alarms: honest neighbours, speculators, a name of our own that ``ours`` does not say. Delay:
until the name's turn comes, about a week after the first round. Evasion: a name that no way of
making names comes to; one without an MX whose address takes mail; one name a week.
Who could forge it: nobody; who registers the name has the name.
State: of 32 domains the 64 names that were seen last.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import LookalikeSeen
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    seconds,
)

NAME = "lookalike"
MOST, MOST_NAMES = 32, 64
REMEMBERS = 7 * DAY
TAKES_MAIL, DOUBLING, HIGHEST, SHOWS_PAGE = 3.0, 1.0, 5.0, 1.5
FIRST_LOOK = 0.2  #: of the weight, where it may have been there for years


class Name(msgspec.Struct, frozen=True):
    """When a name was seen, by which fact, and whether it newly takes mail; what it weighs by
    itself."""

    at: Instant
    id: str
    takes: bool
    weight: float


class State(msgspec.Struct, frozen=True):
    """``names``: by our domain and its lookalike, the newest last."""

    settings: None = None
    names: dict[str, dict[str, Name]] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if not isinstance(fact, LookalikeSeen):
        return state, []
    weight = (TAKES_MAIL if fact.mx else SHOWS_PAGE) * (1.0 if fact.fresh else FIRST_LOOK)
    of = {
        name: one
        for name, one in state.names.get(fact.domain, {}).items()
        if now - one.at < REMEMBERS
    }
    of = kept(of, fact.name, Name(now, recorded.id, fact.mx and fact.fresh, weight), MOST_NAMES)
    state = msgspec.structs.replace(state, names=kept(state.names, fact.domain, of, MOST))
    taking = sum(one.takes for one in of.values())
    what = "takes mail" if fact.mx else "shows a page"
    since = "now, and was empty before" if fact.fresh else "at our first look"
    reason = f"{fact.name} ({fact.way}) {what} {since}"
    if taking > 1:
        weight = min(HIGHEST, TAKES_MAIL + DOUBLING * math.log2(taking))
        reason += f"; {taking} names like {fact.domain} began to take mail within a week"
    else:
        weight = max(one.weight for one in of.values())
    strongest = sorted(of.values(), key=lambda one: (-one.weight, -one.at, one.id))
    signal = Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=domain_subject(fact.domain),
        evidence={Hypothesis.DOMAIN_ABUSED: weight},
        at=now,
        reason=reason,
        events=tuple(one.id for one in strongest[:MOST_EVENTS]),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=7 * 86_400.0,
        expires_at=now + seconds(30 * 86_400),
        restates=True,
    )
    return state, [signal]


DETECTOR = Detector(NAME, State, start, step, (LookalikeSeen,))

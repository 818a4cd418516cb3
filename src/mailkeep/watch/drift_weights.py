"""What a change in our account at a provider weighs, and for how long (pure).

A weight is the logarithm of half the days between two such changes by our own people that nobody
announced: it is against one day of theirs.
"""

import math

from mailkeep.base.clock import DAY, Instant
from mailkeep.providers.posture.types import Kind

from .drift import ADDED, CHANGED, REMOVED, USED
from .events import PostureChanged

ANNOUNCED = 0.3  #: the most that an announced change weighs
#: From this weight on an act counts for longer than a day. What our own people do every few weeks,
#: such as a template, a plain webhook, something taken away, tells nobody apart after that.
LASTS = 3.0
SLOWER = 1.5  #: see ``age``
_OWNER, _STATUS = 8.2, 0.5
_USED = 1.0  #: a strange domain that somebody sent from, where the list is of those who sent
#: What ``export_seen`` weighs, and ``account_drift`` does not.
EXPORTS = frozenset({Kind.EXPORT.value, Kind.READING.value})

#: Nats by kind and what was done: where it names a strange place, and else.
WEIGHTS: dict[tuple[str, str], tuple[float, float]] = {
    (Kind.ACCOUNT, ADDED): (3.5, 3.5),
    (Kind.ACCOUNT, CHANGED): (3.5, 3.5),
    (Kind.ACCOUNT, REMOVED): (1.0, 1.0),
    (Kind.SENDER, ADDED): (4.5, 1.0),
    (Kind.SENDER, CHANGED): (4.5, 2.0),
    (Kind.SENDER, REMOVED): (0.7, 0.7),
    (Kind.DOMAIN, ADDED): (5.0, 2.0),
    (Kind.DOMAIN, CHANGED): (5.0, 1.0),
    (Kind.DOMAIN, REMOVED): (1.0, 1.0),
    (Kind.KEY, ADDED): (3.5, 3.5),
    (Kind.KEY, CHANGED): (4.0, 4.0),
    (Kind.KEY, REMOVED): (1.5, 1.5),
    (Kind.USER, ADDED): (3.5, 3.5),
    (Kind.USER, CHANGED): (3.5, 3.5),
    (Kind.USER, REMOVED): (1.5, 1.5),
    (Kind.WEBHOOK, ADDED): (6.2, 2.5),
    (Kind.WEBHOOK, CHANGED): (6.2, 2.5),
    (Kind.WEBHOOK, REMOVED): (2.5, 2.5),
    (Kind.TEMPLATE, ADDED): (2.0, 2.0),
    (Kind.TEMPLATE, CHANGED): (2.0, 2.0),
    (Kind.TEMPLATE, REMOVED): (0.7, 0.7),
    (Kind.ALLOW, ADDED): (6.2, 5.0),
    (Kind.ALLOW, CHANGED): (6.2, 5.0),
    (Kind.ALLOW, REMOVED): (1.5, 1.5),
    (Kind.TRACKING, ADDED): (5.0, 3.0),
    (Kind.TRACKING, CHANGED): (5.0, 3.0),
    (Kind.TRACKING, REMOVED): (0.7, 0.7),
    (Kind.FORWARD, ADDED): (8.2, 8.2),
    (Kind.FORWARD, CHANGED): (8.2, 8.2),
    (Kind.FORWARD, REMOVED): (0.7, 0.7),
}


def weight(fact: PostureChanged) -> float:
    """Nats of a change that is neither an export nor a read."""
    strange, plain = WEIGHTS.get((fact.item_kind, fact.what), (1.0, 1.0))
    found = strange if fact.strange else plain
    names = {one.name for one in fact.fields}
    if fact.item_kind == Kind.ACCOUNT and fact.what == CHANGED:
        found = _OWNER if "owner" in names else _STATUS if names <= {"status"} else found
    if fact.item_kind == Kind.SENDER and USED in names:
        found = _USED if fact.strange else 0.0
    return min(found, ANNOUNCED) if fact.expected else found


def lasts(fact: PostureChanged) -> bool:
    """Whether a change counts for longer than its day, and has those before it count anew."""
    if fact.item_kind in EXPORTS:
        return fact.what == ADDED and not fact.expected
    return weight(fact) >= LASTS


def age(at: Instant, now: Instant) -> float:
    """What an act of the instant ``at`` weighs less than one of today, in nats: 1.5 ln(d) after d
    days. In as many days our own people did the same d times as often, which is ln(d); half of that
    again is for having looked at every while up to that one (as ``rates.surprise`` has it)."""
    return SLOWER * math.log(max(1.0, (now - at) / DAY))

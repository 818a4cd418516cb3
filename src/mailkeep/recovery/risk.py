"""Risk score of a visit: how well it fits the account's own history of sign-ins (pure).

After Freeman et al., "Who Are You? A Statistical Approach to Measuring User Authenticity" (NDSS
2016): for each feature, how much likelier its value is for just anybody than for this owner. The
sum is a weight, never a verdict: it can cause a hold, and refuses nothing. To stop 99.5% of
targeted attackers it would have to question one genuine visit in ten after 39 sign-ins (Wiefling et
al., doi 10.1145/3546069), and whoever knows the owner well passes all the same.

Attacks met here: one feature that a thief can copy (a network, a browser's name) must not make up
for the rest, so each term is bounded; the device weighs most, since its name is a secret of ours
that only it holds.
"""

import math
from collections.abc import Sequence

import msgspec

from mailkeep.accounts.types import SignIn
from mailkeep.base.clock import DAY, HOUR

MEMORY = 183 * DAY  #: older sign-ins say nothing any more
RAISED = 3.0  #: nats above which a visit fits the history badly

_BOUND = 3.0  #: nats that one feature may say before it is weighed
_SMOOTHING = 0.1  #: sign-ins that the history is blended with, as everybody's are
_BANDS = 6  #: parts of a day


class _Feature(msgspec.Struct, frozen=True):
    """``common``: how common a value is among everybody, as a share. ``weight``: of its term."""

    name: str
    common: float
    weight: float


#: A network is a /24 or a /48, an agent a browser's family and system.
FEATURES = (
    _Feature("device", 1e-6, 2.0),
    _Feature("network", 1e-4, 1.5),
    _Feature("place", 0.05, 1.0),
    _Feature("agent", 0.1, 0.5),
    _Feature("hour", 1 / _BANDS, 0.25),
)


class Risk(msgspec.Struct, frozen=True):
    """What the history says of a visit.

    Attributes:
        score: log of how much likelier somebody else is than the owner, in nats.
        raised: it fits badly, or there is no history that could speak for it.
        terms: what each feature added; one whose value is unknown adds nothing.
    """

    score: float
    raised: bool
    terms: dict[str, float]


def judge(history: Sequence[SignIn], visit: SignIn) -> Risk:
    """Weigh a visit.

    Args:
        history: the account's full sign-ins; what is older than ``MEMORY`` is left out.
        visit: who wants to take the account back, and when.
    """
    known = [one for one in history if visit.at - MEMORY < one.at <= visit.at]
    if not known:
        return Risk(0.0, True, {})
    terms = {}
    for feature in FEATURES:
        value = _value(feature.name, visit)
        if value is None:
            continue
        of_others = [_value(feature.name, one) for one in known]
        seen = [one for one in of_others if one is not None]
        if seen:
            terms[feature.name] = _term(feature, seen.count(value), len(seen))
    score = sum(terms.values())
    return Risk(score, score > RAISED, terms)


def _term(feature: _Feature, count: int, of: int) -> float:
    owner = (count + _SMOOTHING * feature.common) / (of + _SMOOTHING)
    said = math.log(feature.common / owner)
    return feature.weight * max(-_BOUND, min(_BOUND, said))


def _value(feature: str, one: SignIn) -> str | None:
    """The value of a feature, None where it is not known."""
    match feature:
        case "device":
            return one.browser or None
        case "network":
            return one.network or None
        case "place":
            return one.place
        case "agent":
            return one.agent or None
        case _:
            return str(one.at % DAY * _BANDS // (24 * HOUR))

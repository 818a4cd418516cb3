"""Everything that any sign speaks for, also what is too weak to open an incident.

Below the line stands by design what one sign cannot carry alone: one mail to a honey address, an
export, a provider's own notice of a break-in, a name like ours that began to take mail. Nobody is
woken for it; who looks should still find it.
"""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.ids import made_at
from mailkeep.store.database import Tx
from mailkeep.watch import queries as watch
from mailkeep.watch.correlation import Opinion
from mailkeep.watch.types import Hypothesis, WatchSettings

from . import queries
from .types import Incident


class Standing(enum.StrEnum):
    """Whether anybody sees to a suspicion."""

    HELD = "held"  #: an open incident holds it
    CLOSED = "closed"  #: it would open one, and a person closed that on these signs
    BELOW = "below"  #: below the line at which an incident opens


class Suspicion(msgspec.Struct, frozen=True):
    """An opinion, and where it is seen to.

    Attributes:
        incident: the open incident that holds it. An incident holds on below the line at which it
            would open; one that a person closed leaves an opinion above that line without any.
    """

    opinion: Opinion
    incident: str | None

    @property
    def standing(self) -> Standing:
        if self.incident is not None:
            return Standing.HELD
        return Standing.CLOSED if self.opinion.open else Standing.BELOW

    @property
    def first(self) -> Instant | None:
        """When the oldest fact happened that it rests on."""
        return min(self._times(), default=None)

    @property
    def last(self) -> Instant | None:
        """When the newest one did."""
        return max(self._times(), default=None)

    def _times(self) -> list[Instant]:
        times = [made_at(fact) for term in self.opinion.terms for fact in term.events]
        return [one for one in times if one is not None]


async def listing(tx: Tx, settings: WatchSettings) -> list[Suspicion]:
    """What may be going on, the likeliest first; only that for which something speaks still."""
    found = [one for one in await watch.opinions(tx, settings) if one.terms]
    live = await queries.live(tx) if found else []
    return [Suspicion(one, _holder(one, live)) for one in found]


def _holder(opinion: Opinion, live: list[Incident]) -> str | None:
    for incident in live:
        # A campaign is held by the incident of the provider that explains it, where there is one.
        about = incident.subject == opinion.subject or opinion.hypothesis is Hypothesis.CAMPAIGN
        held = any(one.open and one.hypothesis is opinion.hypothesis for one in incident.opinions)
        if about and held:
            return incident.id
    return None

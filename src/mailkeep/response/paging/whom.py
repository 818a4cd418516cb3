"""Chooses who is paged, over which pager, and the words of the page (pure)."""

from collections.abc import Sequence, Set

import msgspec

from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import Incident, State
from mailkeep.incidents.words import headline
from mailkeep.watch.types import Hypothesis

from .types import Pager, Why

#: The gravest first; what is held about nothing is least grave.
_RANK = {one: rank for rank, one in enumerate(Hypothesis)}
NOTHING = len(_RANK)
ONE_ACCOUNT = _RANK[Hypothesis.ACCOUNT_TARGETED]
FIRST = (
    "Of incidents about one customer's account only the first of a day pages: there may be more."
)


class Chosen(msgspec.Struct, frozen=True):
    """Pagers, by name. ``apart``: none of them depends on a suspect."""

    names: tuple[str, ...]
    apart: bool


def whom(pagers: Sequence[Pager], suspects: Set[str], house: ProviderParties) -> Chosen:
    """The pagers that no suspect carries; all of them, where there is none.

    A page that the suspect may drop is worth little, and one that they read tells them that they
    are seen. Silence is worse. Who carries a pager without a party is unknown, so it counts as
    carried by the suspect.

    Args:
        suspects: providers, as ``ProviderParties.suspects`` gives them.
    """
    parties = {party for one in suspects if (party := house.party(one)) is not None}
    if not suspects:
        return Chosen(tuple(one.name for one in pagers), True)
    apart = tuple(
        one.name
        for one in pagers
        if one.party and parties and house.graph.independent({one.party}, parties).ok
    )
    return Chosen(apart, True) if apart else Chosen(tuple(one.name for one in pagers), False)


def independent_of(party: str, house: ProviderParties) -> tuple[str, ...]:
    """The providers at which nobody can read or drop what a pager's party carries."""
    return tuple(
        name
        for name, theirs in sorted(house.parties.items())
        if party and house.graph.independent({party}, {theirs}).ok
    )


def gravity(incident: Incident) -> int:
    """The rank of the gravest that is held; 0 is the gravest."""
    return gravest(incident.held)


def gravest(some: Set[Hypothesis]) -> int:
    """The rank of the gravest of some; ``NOTHING`` of none."""
    return min((_RANK[one] for one in some), default=NOTHING)


def wants_somebody(incident: Incident) -> bool:
    """Whether a person should still be paged. A part is left to its lead incident."""
    whole = incident.part_of is None
    return whole and incident.state is not State.CLOSED and incident.taken_at is None


def words(
    incident: Incident, why: Why, count: int, url: str, *, apart: bool, first: bool
) -> tuple[str, str]:
    """Title and body of a page; no customer is named in it.

    Args:
        count: which page of this incident it is.
        url: where people reach Mailkeep.
        apart: no suspect carries it.
        first: others like it page nobody for a while.
    """
    title = {
        Why.OPENED: "Mailkeep: an incident opened",
        Why.GRAVER: "Mailkeep: an incident became graver",
        Why.SIGNED: "Mailkeep: signs now hold an incident that a person opened",
        Why.AGAIN: "Mailkeep: what an incident was about is held again",
        Why.REPEATED: f"Mailkeep: nobody took this incident yet (page {count})",
        Why.SECOND: "Mailkeep: an action waits for a second person",
        Why.ALONE: "Mailkeep: somebody did alone what wants two people",
        Why.CALLED: "Mailkeep: somebody calls for help with an incident",
        Why.CLOSED: "Mailkeep: somebody closed an incident while something is held",
        Why.FAILED: "Mailkeep: an action about an incident failed",
        Why.LIMIT: "Mailkeep: a playbook has reached a limit, and leaves an action to people",
    }[why]
    lines = [headline(incident), "", f"{url.rstrip('/')}/console/incidents/{incident.id}"]
    if first:
        lines += ["", FIRST]
    if not apart:
        lines += ["", "No pager is independent of the suspect: they may have read this."]
    return title, "\n".join(lines)

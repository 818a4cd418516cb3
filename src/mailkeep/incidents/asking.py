"""Whether an incident is a question to our own people first (pure): all that speaks for it is what
one person does who signs in to our account at a provider (``watch.asking``).

So the incident opens and people are told, as before; it asks whose doing that was, and says no
more. An answer takes the signs back (``mailkeep providers accept``), and whatever else is seen ends
the question for good.

What a thief does with it: whoever has the console can have the question asked instead of the
accusation, for as long as nothing else shows. Who denies a reset of their own has the accusation
made instead of the question, beside signs of ours. Nothing acts on either by itself, and who is
paged is the same.
"""

from mailkeep.watch.asking import accuses, is_by_hand
from mailkeep.watch.types import Hypothesis

from .types import BlastRadius, Incident, State, View


def asks(incident: Incident) -> bool:
    """Whether the signs against a provider are all of one sitting, as far as was seen."""
    view = _against(incident)
    if view is None or view.accuses or incident.word is not None:
        return False
    stands = incident.state in {State.OPEN, State.RESTORED}
    return stands and is_by_hand(view.reasons) and not accuses(view.reasons)


def is_grave(incident: Incident) -> bool:
    """Whether one of those signs alone made it likelier than not: a forwarding, another owner, a
    webhook to a strange place beside a key."""
    view = _against(incident)
    return view is not None and any(
        max(one.nats, one.said) + view.prior > 0 for one in view.reasons
    )


def only_asks(incident: Incident, blast: BlastRadius) -> bool:
    """Whether that is all that is held, and no owner has denied a recovery through it."""
    alone = incident.held == {Hypothesis.PROVIDER_COMPROMISED}
    return alone and not blast.denied and asks(incident)


def _against(incident: Incident) -> View | None:
    held = (one for one in incident.opinions if one.open)
    return next((one for one in held if one.hypothesis is Hypothesis.PROVIDER_COMPROMISED), None)

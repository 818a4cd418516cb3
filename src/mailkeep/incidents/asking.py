"""Whether an incident is a question to our own people first (pure): all that speaks for it is what
one person does who signs in to our account at a provider.

A colleague who tells nobody, and a thief in the console, do the same: a key, a user, an export, and
the notices that come of them. They are counted as several signs and may be one sitting. So the
incident opens and people are told, as before; it asks whose doing that was, and says no more. An
answer takes the signs back (``mailkeep providers accept``), and whatever else is seen ends the
question: mail that is altered, a proof that is used too early, an owner who denies.

What a thief does with it: whoever has the console can have the question asked instead of the
accusation, for as long as nothing else shows. Nothing acts on either by itself, and who is paged is
the same.
"""

from mailkeep.watch.types import Hypothesis

from .types import BlastRadius, Incident, State, View

#: Detectors of what is done by whoever signs in to our account.
BY_HAND = frozenset({"account_drift", "export_seen", "console_sign_in", "provider_notice"})
BESIDE = 2.0  #: nats of all else; judged: what every week brings stays below, a sign of its own not
#: A notice weighs this much at most while it is of a change; one of a break-in is none of ours.
NOTICE = 1.5


def asks(incident: Incident) -> bool:
    """Whether the signs against a provider are all of one sitting, as far as is seen."""
    view = _against(incident)
    if view is None or incident.word is not None:
        return False
    return incident.state in {State.OPEN, State.RESTORED} and _one_sitting(view)


def is_grave(incident: Incident) -> bool:
    """Whether one of those signs alone makes it likelier than not: a forwarding, another owner, a
    webhook to a strange place beside a key."""
    view = _against(incident)
    return view is not None and any(one.nats + view.prior > 0 for one in view.reasons)


def only_asks(incident: Incident, blast: BlastRadius) -> bool:
    """Whether that is all that is held, and no owner has denied a recovery through it."""
    alone = incident.held == {Hypothesis.PROVIDER_COMPROMISED}
    return alone and not blast.denied and asks(incident)


def _against(incident: Incident) -> View | None:
    held = (one for one in incident.opinions if one.open)
    return next((one for one in held if one.hypothesis is Hypothesis.PROVIDER_COMPROMISED), None)


def _one_sitting(view: View) -> bool:
    there = other = 0.0
    for one in view.reasons:
        by_hand = one.detector in BY_HAND
        if one.detector == "provider_notice" and one.nats > NOTICE:
            by_hand = False
        there, other = (there + one.nats, other) if by_hand else (there, other + one.nats)
    return there > 0 and other < BESIDE

"""Whether an incident is a question to our own people first (pure): all that speaks for it is what
one person does who signs in to our account at a provider.

A colleague who tells nobody, and a thief in the console, do the same: a key, a user, an export, and
the notices that come of them. They are counted as several signs and may be one sitting. So the
incident opens and people are told, as before; it asks whose doing that was, and says no more. An
answer takes the signs back (``mailkeep providers accept``), and whatever else is seen ends the
question for good: mail that is altered, a proof that is used too early, an owner who denies,
whether or not that counts. Signs fade, and what they said when they were new decides: else a
break-in that a provider announced would pass for our own doing a week later.

What a thief does with it: whoever has the console can have the question asked instead of the
accusation, for as long as nothing else shows. Who denies a reset of their own has the accusation
made instead of the question, beside signs of ours. Nothing acts on either by itself, and who is
paged is the same.
"""

from collections.abc import Iterable

from mailkeep.watch.types import Forger, Hypothesis

from .types import BlastRadius, Incident, Reason, State, View

#: Detectors of what is done by whoever signs in to our account.
BY_HAND = frozenset({"account_drift", "export_seen", "console_sign_in", "provider_notice"})
#: Detectors of what owners say: none of our own doing at a console makes them.
OWNERS = frozenset({"denial", "support_claim"})
BESIDE = 2.0  #: nats of all else; judged: what every week brings stays below, a sign of its own not
#: A notice weighs this much at most while it is of a change; one of a break-in is none of ours.
NOTICE = 1.5


def asks(incident: Incident) -> bool:
    """Whether the signs against a provider are all of one sitting, as far as was seen."""
    view = _against(incident)
    if view is None or view.accuses or incident.word is not None:
        return False
    there = any(one.detector in BY_HAND and one.nats > 0 for one in view.reasons)
    stands = incident.state in {State.OPEN, State.RESTORED}
    return stands and there and not accuses(view.reasons)


def accuses(reasons: Iterable[Reason]) -> bool:
    """Whether something speaks against a provider that none of our own people does there."""
    other = 0.0
    for one in reasons:
        said = max(one.nats, one.said)
        if one.detector in OWNERS or (one.detector == "provider_notice" and said > NOTICE):
            return True
        if one.detector not in BY_HAND:
            # What anyone could stage says nothing while it counts nothing.
            if said >= BESIDE and (one.nats > 0 or one.forger is not Forger.ANYONE):
                return True
            other += one.nats
    return other >= BESIDE


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

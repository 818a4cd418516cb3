"""Computes the blast radius of an incident: contacts and accounts affected, from the exposure
ledger and the recoveries."""

from mailkeep.base.clock import SECOND, Instant
from mailkeep.mail import queries as mail
from mailkeep.recovery import queries as recovery
from mailkeep.store.database import Tx

from .suspects import ProviderParties
from .types import COUNTS_NOBODY, BlastRadius, Incident, IncidentSettings

WIDE = 10_000  #: proofs in the window: beyond that, accounts are counted beside (``answers``)


def window(incident: Incident, now: Instant, settings: IncidentSettings) -> tuple[Instant, Instant]:
    """From when to when (pure).

    It begins before the first sign: a proof that was under way then may have been read. It ends
    when the suspect was cut off: nothing was given to it after that, unless it was restored and is
    suspected still, or again. A person may say that it ended earlier only where no sign ever held
    anything: nobody hides what we saw.
    """
    cut = incident.contained_at
    if incident.restored_at is not None and any(one.open for one in incident.opinions):
        cut = None
    said = None if incident.word is None or incident.signed else incident.word.until
    ends = [one for one in (cut, incident.closed_at, said) if one is not None]
    return incident.since - round(settings.lead * SECOND), min(ends, default=now)


async def is_wide(
    tx: Tx, house: ProviderParties, incident: Incident, settings: IncidentSettings
) -> bool:
    """Whether the window holds too many recoveries to count them while somebody waits."""
    since, until = window(incident, tx.now, settings)
    ways = house.suspects(incident.subject) or frozenset(house.parties)
    return await recovery.many(tx, ways, since, until, WIDE)


async def radius(
    tx: Tx, house: ProviderParties, incident: Incident, settings: IncidentSettings
) -> BlastRadius:
    """The counts as they stand now.

    ``exposed``: addresses that the suspects had been given by the end of the window, ever. The
    others: accounts of which a proof went through the suspects in the window; for a campaign and
    for our own house through anybody; for an account its own alone. That somebody sends in our
    name, or reads mailboxes elsewhere, touches no recovery that we could count.
    """
    since, until = window(incident, tx.now, settings)
    suspects = house.suspects(incident.subject)
    if incident.subject.kind in COUNTS_NOBODY:
        return BlastRadius(since, until, 0, 0, 0, 0, 0, 0)
    exposed = await mail.exposed(tx, suspects, until)
    ways = suspects or frozenset(house.parties)
    found = await recovery.outcomes(tx, ways, since, until, incident.account)
    return BlastRadius(
        since,
        until,
        exposed,
        found.requested,
        found.half_proven,
        found.stopped_by_factor,
        found.completed,
        found.denied,
    )

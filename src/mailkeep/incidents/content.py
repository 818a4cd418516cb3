"""Whose mail a suspect could read, contents and all, and what it is known to have taken.

A provider keeps an address that it was given for good, and the mails themselves for a limited time.
So the days count on which somebody was written to through it, from as long before the window as it
keeps mail. What somebody *could* read and what is *known* to have been taken are kept apart: the
second is stated event by event, and never added to the first.
"""

from collections.abc import Mapping

from mailkeep.base.clock import DAY
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx

from .blast import window
from .suspects import ProviderParties
from .types import Content, Incident, IncidentSettings, StreamContent, Taken

ASSUMED = 30  #: days, where nobody said for how long a provider keeps mail
#: Detectors whose reasons tell that something was taken, and what.
TELLS: Mapping[str, str] = {
    "export_seen": "exported, or read there",
    "honey_hit": "addresses, which somebody wrote to",
    "honey_account": "addresses, for which somebody asked for a reset",
    "decoy_shown": "recovery mail, which somebody tried",
    "redeemed_undelivered": "recovery mail, which somebody used before it arrived",
    "half_proof": "recovery mail, of which somebody used one half",
}


async def content(
    tx: Tx, house: ProviderParties, incident: Incident, settings: IncidentSettings
) -> Content | None:
    """Whose mail the suspects could read; None where it is about no provider.

    Reads every row of the ledger: for the background.
    """
    suspects = house.suspects(incident.subject)
    if not suspects:
        return None
    since, until = window(incident, tx.now, settings)
    keeps = {one: house.keeps.get(one) for one in suspects}
    firsts = {
        one: since // DAY - (ASSUMED if days is None else days) for one, days in keeps.items()
    }
    last = until // DAY
    addresses, streams = await mail.written_to(tx, firsts, last)
    return Content(
        tx.now,
        min(firsts.values()) * DAY,
        (last + 1) * DAY,
        addresses,
        tuple(StreamContent(*one) for one in streams),
        tuple(sorted(one for one, days in keeps.items() if days is None)),
    )


def taken(incident: Incident) -> tuple[Taken, ...]:
    """What is known to have been taken, as far as an opinion says so (pure)."""
    found: dict[tuple[str, tuple[str, ...]], Taken] = {}
    for view in incident.opinions:
        for reason in view.reasons:
            what = TELLS.get(reason.detector)
            if what is not None and reason.nats > 0:
                said = Taken(reason.detector, what, reason.text, reason.events)
                found.setdefault((reason.detector, reason.events), said)
    return tuple(found.values())

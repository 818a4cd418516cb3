"""What the checklists of an incident are computed from, beside how the mail goes: whom proofs,
accounts, keys and sessions still leave open."""

import msgspec

from mailkeep.accounts.factors import adoption
from mailkeep.base.clock import DAY
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import BlastRadius
from mailkeep.mail import queries as mail
from mailkeep.operators import services as operators
from mailkeep.recovery import queries as recovery
from mailkeep.signals import queries as signals
from mailkeep.store.database import Tx
from mailkeep.watch import lookalikes, posture

from .actions.port import Case, Means
from .types import ActionState, ActionView


async def checked(
    tx: Tx, means: Means, about: Case, kept: dict[str, ActionView], blast: BlastRadius, seen: Seen
) -> Seen:
    """What is seen, with what the security track of such a subject asks for."""
    subject = about.incident.subject
    notes = await incidents.notes(tx, about.incident.id)
    seen = msgspec.structs.replace(seen, notes=notes)
    if subject.kind == "provider":
        return await _provider(tx, means, about, kept, blast, seen)
    if subject.kind not in {"house", "domain", "mailbox"}:
        return seen
    changes = sum((await posture.unexplained(tx)).values())
    found = msgspec.structs.replace(seen, unexplained=changes)
    if subject.kind == "house":
        before = about.incident.opened_at
        return msgspec.structs.replace(
            found,
            old_keys=await mail.older_keys(tx, before),
            old_sessions=await operators.older_sessions(tx, before),
        )
    if subject.kind == "domain":
        watched, alike = await lookalikes.in_use(tx, subject.id)
        return msgspec.structs.replace(found, watched=watched, alike=alike)
    counts = await adoption.over_time(tx, tx.now - 2 * DAY)
    last = [one for one in counts if one.day == counts[-1].day]
    return msgspec.structs.replace(
        found,
        accounts=sum(one.accounts for one in last),
        with_factor=sum(one.any for one in last),
    )


async def _provider(
    tx: Tx, means: Means, about: Case, kept: dict[str, ActionView], blast: BlastRadius, seen: Seen
) -> Seen:
    suspects, since, until = about.suspects, about.since, about.until
    routes = {one.provider for stream in means.streams.values() for one in stream.routes}
    found = msgspec.structs.replace(
        seen,
        replaced=about.provider not in routes,
        open_proofs=await recovery.open_through(tx, suspects),
    )
    if not blast.completed:
        return found
    froze = kept.get("secure_accounts")
    done = froze is not None and froze.state is ActionState.APPLIED
    # What was recovered after the freeze began may have been missed by it.
    after = froze.at if froze is not None and done else 0
    loose = await recovery.completed_after(tx, suspects, since, until, after)
    theirs = await recovery.completed_elsewhere(tx, suspects, since, until)
    unheard = await signals.unheard(tx, theirs, about.incident.opened_at)
    return msgspec.structs.replace(found, loose=loose, elsewhere=len(theirs), unheard=unheard)

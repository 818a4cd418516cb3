"""Action: warn everybody whose address the suspects were given that mail in our name may be
phishing.

Once for each contact point that counts, in its account's language, over a route that the suspects
cannot read. It is sent a part at a time, so that a mistake can be stopped on its way: mail cannot
be taken back.
"""

from sqlalchemy import func, insert, select

from mailkeep.accounts import queries as accounts
from mailkeep.base.clock import MINUTE
from mailkeep.mail import queries as mail
from mailkeep.mail.types import NewMessage, Status
from mailkeep.response import advisory, tables
from mailkeep.response.types import Preview

from .notify_owners import routes
from .port import Action, At, Progress

_n = tables.advisories


async def preview(at: At) -> Preview:
    settings = at.means.settings
    found = await accounts.count_reached(at.tx, _exposed(at))
    told = await _count(at)
    over = await routes(at)
    left = max(0, found - told)
    pace = f"about {settings.advise_each_minute} a minute go out; mail is not taken back"
    warnings = [pace] if left else []
    if not over:
        stream = at.means.notices.stream
        warnings.append(f"{stream}: no route is independent of the suspect; the mail waits")
    way = f" over {' or '.join(over)}" if over else ""
    return Preview(
        f"Contact points that the suspect was given, and that are warned{way} of mail in our name, "
        f"each in its language: {found}. Written to already: {told}.",
        left,
        tuple(warnings),
        needs_person=True,
        idle=not left,
    )


async def step(at: At) -> Progress:
    tx, means, case = at.tx, at.means, at.case
    size = min(means.settings.batch, means.settings.advise_each_minute)
    batch = await accounts.reached(tx, _exposed(at), at.before.cursor, size)
    told = await tx.all(
        select(_n.c.contact_point_id).where(
            _n.c.incident_id == case.incident.id,
            _n.c.contact_point_id.in_([one.id for one in batch]),
        )
    )
    before = {row["contact_point_id"] for row in told}
    for point in batch:
        if point.id in before:
            continue
        new = NewMessage(
            stream=means.notices.stream,
            content=advisory.write(
                means.notices.sender,
                means.notices.sender_name,
                point.address,
                means.accounts.languages.of(point.locale),
            ),
            avoid=tuple(sorted(case.suspects)),
            idempotency=("incident advisory", f"{case.incident.id} {point.id}"),
        )
        message = await means.intake.accept(tx, means.intake.check(new))
        await tx.run(
            insert(_n).values(
                incident_id=case.incident.id,
                contact_point_id=point.id,
                message_id=message,
                at=tx.now,
            )
        )
    done = len(batch) < size
    wait = 0 if done else MINUTE * size // means.settings.advise_each_minute
    cursor = batch[-1].id if batch else at.before.cursor
    return Progress(done, {"mails": await _count(at)}, cursor, wait)


async def look(at: At) -> dict[str, object]:
    """How many were written to, and of how many mails a delivery was reported."""
    arrived = _n.c.message_id.in_(mail.having(Status.DELIVERED))
    delivered = await at.tx.value(
        select(func.count()).where(_n.c.incident_id == at.case.incident.id, arrived)
    )
    return {"mails": await _count(at), "delivered": int(delivered or 0)}


def _exposed(at: At) -> accounts.Meant:
    return lambda address: mail.was_exposed(address, at.case.suspects, at.case.until)


async def _count(at: At) -> int:
    found = await at.tx.value(select(func.count()).where(_n.c.incident_id == at.case.incident.id))
    return int(found or 0)


ACTION = Action(
    "advise_exposed",
    "Warn everybody whose address it has",
    preview,
    step,
    dangerous=True,
    look=look,
    alone_for=frozenset(),
    says="Everybody whose address it was given is warned of mail in our name.",
    by_window=True,
)

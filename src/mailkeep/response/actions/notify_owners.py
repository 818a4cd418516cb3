"""Owners are told what happened to their account, over a route that the suspects cannot read.

Told is who is told at every confirmed contact point; an address that a thief added must not be the
only one that hears. The mail has no secret and no link but to our own pages.
"""

from sqlalchemy import func, insert, select

from mailkeep.accounts import queries as accounts
from mailkeep.base.clock import iso
from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.mail.types import Content, NewMessage, Status
from mailkeep.recovery import queries as recovery
from mailkeep.response import tables
from mailkeep.response.types import Notice, Preview
from mailkeep.store.database import Tx
from mailkeep.watch.types import Subject

from .port import Base, Case, Means, NoticeSettings, Progress

SHOWN = 200  #: owners that a result names one by one

#: What may have happened to an account, the worst first, with the words for its owner.
WORDS = {
    "completed": "The password was replaced with the help of that mail. If that was not you, "
    "somebody else has replaced it.",
    "stopped_by_factor": "Somebody had the mail that was needed and was stopped by your second "
    "factor. Your password was not changed.",
    "half_proven": "Somebody used one of the two mails that are needed, and not the other. Your "
    "password was not changed.",
    "requested": "Nobody completed it. Your password was not changed.",
}

_n = tables.notices


class NotifyOwners(Base):
    """Tell every owner whose account somebody tried to recover in the window."""

    name = "notify_owners"
    title = "Tell the owners"

    def fits(self, subject: Subject) -> bool:
        return subject.kind in {"provider", "campaign"}

    async def preview(self, tx: Tx, means: Means, case: Case) -> Preview:
        owners = await _accounts(tx, means, case, "requested")
        told = await tx.value(
            select(func.count(_n.c.account_id.distinct())).where(
                _n.c.incident_id == case.incident.id
            )
        )
        routes = await _routes(tx, means, case)
        warnings: tuple[str, ...] = ()
        if not routes:
            warnings = (
                f"no route of {means.notices.stream} is independent of the suspect: the notices "
                "wait until one stands",
            )
        over = f" over {' or '.join(routes)}" if routes else ""
        return Preview(
            f"{len(owners)} owners are told by mail{over} what happened to their account, at every "
            f"confirmed address; {told or 0} of them have been written to already.",
            len(owners),
            warnings,
        )

    async def step(self, tx: Tx, means: Means, case: Case, by: str, before: Progress) -> Progress:
        waiting = [
            one for one in await _accounts(tx, means, case, "requested") if one > before.cursor
        ]
        batch = waiting[: means.settings.batch]
        for what in WORDS:
            batch_of = set(await _accounts(tx, means, case, what)) & set(batch) if batch else set()
            for account in sorted(batch_of):
                await _tell(tx, means, case, account, what)
        tx.after_commit.append(lambda: means.wake(means.notices.stream))
        return Progress(
            len(batch) == len(waiting), {}, batch[-1] if batch else before.cursor
        )

    async def look(
        self, tx: Tx, means: Means, case: Case, result: dict[str, object]
    ) -> dict[str, object]:
        """Who has been told, as the mail stands now: told is who had one mail delivered."""
        ours = _n.c.incident_id == case.incident.id
        owners = len(await _accounts(tx, means, case, "requested"))
        delivered = _n.c.message_id.in_(mail.having(Status.DELIVERED))
        told = await tx.value(select(func.count(_n.c.account_id.distinct())).where(ours, delivered))
        sent = await tx.value(select(func.count()).select_from(_n).where(ours))
        rows = await tx.all(
            select(_n).where(ours).order_by(_n.c.account_id, _n.c.contact_point_id).limit(SHOWN)
        )
        states = await mail.statuses(tx, [row["message_id"] for row in rows])
        return {
            "owners": owners,
            "mails": sent or 0,
            "told": told or 0,
            "not_told": max(0, owners - (told or 0)),
            "notices": [
                Notice(row["account_id"], row["what"], states.get(row["message_id"], "unknown"))
                for row in rows
            ],
        }


async def _tell(tx: Tx, means: Means, case: Case, account: str, what: str) -> None:
    told = {
        row["contact_point_id"]
        for row in await tx.all(
            select(_n.c.contact_point_id).where(
                _n.c.incident_id == case.incident.id, _n.c.account_id == account
            )
        )
    }
    for point in await accounts.contact_points(tx, account):
        if point.id in told:
            continue
        new = NewMessage(
            stream=means.notices.stream,
            content=write(means.notices, case, point.address, what),
            avoid=tuple(sorted(case.suspects)),
            idempotency=("incident notice", f"{case.incident.id} {point.id}"),
        )
        try:
            message = await means.intake.accept(tx, means.intake.check(new))
        except Conflict:
            continue  # written to already, in other words
        await tx.run(
            insert(_n).values(
                incident_id=case.incident.id,
                contact_point_id=point.id,
                account_id=account,
                message_id=message,
                what=what,
                at=tx.now,
            )
        )


def write(settings: NoticeSettings, case: Case, address: str, what: str) -> Content:
    """The mail (pure): what happened, what we did, what to do."""
    url = settings.public_url.rstrip("/")
    reader = (
        "one of the services that carry our mail"
        if case.suspects
        else "many accounts at once, by somebody who is not their owner"
    )
    happened = (
        f"We believe that somebody could read mail at {reader}. While that was so, a password "
        "reset of your account was asked for."
        if case.suspects
        else f"We believe that password resets were asked for {reader}. One was for your account."
    )
    did = (
        "This mail comes another way, which that service cannot read."
        if case.suspects
        else "We watch for it, and no reset works without two mails that travel different ways."
    )
    worst = what == "completed"
    todo = (
        [
            f"If it was not you: recover the account at {url}/recover . While an account rests, "
            "signing in and recovering wait until the rest is over.",
            "Change the password wherever else you used it.",
        ]
        if worst
        else ["There is nothing that you must do. If you did not ask for a reset, ignore its mail."]
    )
    lines = [
        "Hello,",
        "",
        happened,
        "",
        f"What happened to this account: {WORDS[what]}",
        "",
        f"What we did: {did}",
        "",
        "What to do:",
        *(f"- {one}" for one in todo),
        "- A second factor stops whoever can read your mail. You can add one after signing in at "
        f"{url}/sign-in .",
        "",
        f"When: between {_day(case.since)} and {_day(case.until)} (UTC). We will never ask for "
        "your password or a code by mail.",
    ]
    subject = (
        "Your password may have been replaced by somebody else"
        if worst
        else "Somebody asked to reset your password"
    )
    return Content(
        sender=settings.sender,
        sender_name=settings.sender_name,
        to=address,
        subject=subject,
        text="\n".join(lines) + "\n",
    )


def _day(at: int) -> str:
    return iso(at)[:16].replace("T", " ")


async def _accounts(tx: Tx, means: Means, case: Case, outcome: str) -> list[str]:
    providers = case.suspects or frozenset(means.house.parties)
    return await recovery.accounts(tx, providers, case.since, case.until, outcome)


async def _routes(tx: Tx, means: Means, case: Case) -> list[str]:
    stream = means.streams.get(means.notices.stream)
    names = {one.provider for one in stream.routes} if stream else set()
    return sorted(names - case.suspects - (await mail.cut(tx)).keys())

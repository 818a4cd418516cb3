"""Action: tell owners what happened to their account, over a route that the suspects cannot read.

Every confirmed contact point is told; an address that a thief added must not be the only one that
hears. One whose own addition is held is not: it may be the thief's, or a stranger's. What it says
is written in ``owner_mail``.

Each is told once, and again only when the password is replaced after it was told that it was not:
whoever waits for the notice, and uses a proof afterwards, must not be covered by it. What an
earlier incident told of the same resets counts for this one too, where no suspect carried it.
"""

from sqlalchemy import func, insert, select

from mailkeep.accounts import applications
from mailkeep.accounts import queries as accounts
from mailkeep.accounts.language import Languages
from mailkeep.accounts.registration import Factor
from mailkeep.mail import queries as mail
from mailkeep.mail.types import NewMessage
from mailkeep.recovery import queries as recovery
from mailkeep.response import tables, telling
from mailkeep.response.owner_mail import (
    OUTCOMES,
    WORST,
    Guarded,
    Happened,
    Owner,
    Sender,
    Why,
    write,
)
from mailkeep.response.types import Preview
from mailkeep.store.database import Tx

from .port import Action, At, Case, Progress

_n = tables.notices


async def preview(at: At) -> Preview:
    owners = await touched(at, "requested")
    ours = _n.c.incident_id == at.case.incident.id
    written = await at.tx.value(select(func.count(_n.c.account_id.distinct())).where(ours))
    over_which = await routes(at)
    warnings: tuple[str, ...] = ()
    if not over_which:
        words = f"{at.means.notices.stream}: no route is independent of the suspect; notices wait"
        warnings = (words,)
    over = f" over {' or '.join(over_which)}" if over_which else ""
    return Preview(
        f"Owners who are told by mail{over}, at every confirmed address, what happened to their "
        f"account: {len(owners)}. Written to already: {written or 0}.",
        len(owners),
        warnings,
    )


async def step(at: At) -> Progress:
    part = at.part(await touched(at, "requested"), await worst_first(at))
    before = at.before.result.get("mails") if at.before.cursor else 0
    mails = before if isinstance(before, int) else 0
    left = set(part.accounts)
    for what in OUTCOMES if left else ():
        worst = left.intersection(await touched(at, what))
        left -= worst
        for account in sorted(worst):
            mails += await _tell(at, account, what)
    return part.done({"mails": mails})


async def look(at: At) -> dict[str, object]:
    """How many owners were told, as the mail stands now; who they are is in ``telling``."""
    found = await telling.counts(at.tx, at.means, at.case)
    return {
        "owners": found.owners,
        "mails": found.mails,
        "told": found.told,
        "not_told": found.not_told,
    }


async def _tell(at: At, account: str, what: str) -> int:
    """Write to every contact point that counts and was not told this, or what is no longer true;
    returns to how many."""
    tx, incident = at.tx, at.case.incident.id
    rows = await tx.all(
        select(_n.c.contact_point_id, _n.c.what).where(
            _n.c.incident_id == incident, _n.c.account_id == account
        )
    )
    told = {row["contact_point_id"]: row["what"] for row in rows}
    points = [
        one
        for one in await accounts.contact_points(tx, account)
        if one.counts and (one.id not in told or (what == WORST and told[one.id] != WORST))
    ]
    if not points:
        return 0
    owner = await _owner(tx, account, at.means.accounts.languages)
    happened = _happened(at.case, what)
    settings = at.means.notices
    sender = Sender(settings.sender, settings.sender_name, settings.public_url)
    written = 0
    for point in points:
        if point.id not in told and await _told_before(at, account, point.id, what):
            continue
        written += 1
        again = f" {what}" if point.id in told else ""
        new = NewMessage(
            stream=settings.stream,
            content=write(sender, point.address, owner, happened),
            avoid=tuple(sorted(at.case.suspects)),
            idempotency=("incident notice", f"{incident} {point.id}{again}"),
        )
        message = await at.means.intake.accept(tx, at.means.intake.check(new))
        key = {"incident_id": incident, "contact_point_id": point.id}
        said = {"account_id": account, "message_id": message, "what": what, "at": tx.now}
        first = tx.upsert(_n).values(**key, **said)
        await tx.run(first.on_conflict_do_update(index_elements=list(key), set_=said))
    return written


async def _told_before(at: At, account: str, point: str, what: str) -> bool:
    """Take over the newest notice that another incident had written to a contact point, when it
    says what this one would and nothing was asked for since; whether there is one."""
    tx, ours = at.tx, at.case.incident.id
    before = (_n.c.contact_point_id == point, _n.c.what == what, _n.c.incident_id != ours)
    row = await tx.one(select(_n).where(*before).order_by(_n.c.at.desc()).limit(1))
    if row is None or await recovery.asked_since(tx, [account], [], row["at"]):
        return False
    took = await mail.took(tx, [row["message_id"]])
    if not took or took & at.case.suspects:
        return False
    await tx.run(insert(_n).values(**dict(row) | {"incident_id": ours}))
    return True


async def _owner(tx: Tx, account: str, languages: Languages) -> Owner:
    """Whom a notice is for. Of a user of an application it says of a factor what that told us, and
    what is bound here; that there is none is the application's to know."""
    reader = await accounts.reader(tx, account)
    words = languages.of(reader.locale)
    bound = await accounts.has_factor(tx, account)
    if not reader.application:
        return Owner(words, Guarded.BOUND if bound else Guarded.NONE)
    guarded = Guarded.BOUND if bound else Guarded.UNSAID
    if reader.factor == Factor.KEPT_THERE:
        guarded = Guarded.THERE
    found = await applications.get(tx, reader.application)
    return Owner(words, guarded, found.name, found.home)


def _happened(case: Case, what: str) -> Happened:
    why = Why.CAMPAIGN
    if case.suspects:
        why = Why.SUSPECT
    elif case.incident.account is not None:
        why = Why.ACCOUNT
    return Happened(what, why, case.since, case.until)


async def touched(at: At, outcome: str) -> list[str]:
    """The accounts behind one count of the blast radius, sorted."""
    case = at.case
    providers = case.suspects or frozenset(at.means.house.parties)
    account = case.incident.account
    return await recovery.accounts(at.tx, providers, case.since, case.until, outcome, account)


async def worst_first(at: At) -> list[str]:
    """The accounts that were touched, those that were hit worst first, where a limit leaves others
    out: else whoever asks for many resets has it spent on those."""
    found: list[str] = []
    for what in OUTCOMES if at.allowance is not None else ():
        found += await touched(at, what)
    return found


async def routes(at: At) -> list[str]:
    """The routes of notices that stand and that no suspect reads."""
    stream = at.means.streams.get(at.means.notices.stream)
    names = {one.provider for one in stream.routes} if stream else set()
    return sorted(names - at.case.suspects - (await mail.cut(at.tx)).keys())


ACTION = Action(
    "notify_owners",
    "Tell the owners",
    preview,
    step,
    about=telling.ABOUT,
    look=look,
    says="Owners of accounts that were touched are told what happened to them.",
    by_window=True,
    by_account=True,
)

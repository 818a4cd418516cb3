"""Which owners were told of an incident, and which were not: counted, and one by one.

An owner counts as told once one of their mails was delivered, as a provider says that; each mail
stands beside them, so that its own life can be looked up. Names are pseudonyms: whose an account is
is asked one at a time elsewhere (``accounts.opening``).
"""

from collections.abc import AsyncIterator

import msgspec
from sqlalchemy import Select, func, select, union

from mailkeep.base.clock import iso
from mailkeep.mail import queries as mail
from mailkeep.mail.types import Status
from mailkeep.recovery import queries as recovery
from mailkeep.store.database import Tx

from . import tables
from .actions.port import Case, Means
from .types import Notice, OwnerTold

ABOUT = ("provider", "campaign", "account")  #: kinds of incidents of which owners can be told
PAGE = 100  #: owners on a page, unless more are asked for
MOST = 1000  #: that may be asked for
FORGOTTEN = "forgotten"  #: the status of a mail that is no longer kept

_n = tables.notices


class Counts(msgspec.Struct, frozen=True):
    """Owners whose account was touched, mails to them, and who of them was told."""

    owners: int
    mails: int
    told: int

    @property
    def not_told(self) -> int:
        return max(0, self.owners - self.told)


class Page(msgspec.Struct, frozen=True):
    """Some owners, by their accounts' ids. ``after``: where the next page begins; "": nowhere."""

    owners: list[OwnerTold]
    after: str


async def counts(tx: Tx, means: Means, case: Case) -> Counts:
    """How it stands now."""
    if case.incident.subject.kind not in ABOUT:
        return Counts(0, 0, 0)
    ours = _n.c.incident_id == case.incident.id
    owners = await tx.value(select(func.count()).select_from(_touched(means, case).subquery()))
    mails = await tx.value(select(func.count()).select_from(_n).where(ours))
    told = await tx.value(select(func.count()).select_from(_reached(case).subquery()))
    return Counts(int(owners or 0), int(mails or 0), int(told or 0))


async def page(
    tx: Tx,
    means: Means,
    case: Case,
    *,
    unreached: bool = False,
    after: str = "",
    limit: int = PAGE,
) -> Page:
    """The next owners; those as well to whom nothing was written yet.

    Args:
        unreached: only those of whose mails none was delivered.
        after: the account at which the page before ended.
    """
    if case.incident.subject.kind not in ABOUT:
        return Page([], "")
    limit = min(limit, MOST)
    ours = _n.c.incident_id == case.incident.id
    # Who was written to is listed also where a later word has narrowed the window.
    found = union(
        _touched(means, case, after),
        select(_n.c.account_id).where(ours, _n.c.account_id > after),
    ).subquery()
    name = found.c.account_id
    query = select(name).order_by(name).limit(limit + 1)
    if unreached:
        query = query.where(name.not_in(_reached(case)))
    names = [str(row["account_id"]) for row in await tx.all(query)]
    shown = names[:limit]
    rows = await tx.all(
        select(_n).where(ours, _n.c.account_id.in_(shown)).order_by(_n.c.at, _n.c.contact_point_id)
    )
    states = await mail.statuses(tx, [row["message_id"] for row in rows])
    mails: dict[str, list[Notice]] = {}
    for row in rows:
        status = states.get(row["message_id"], FORGOTTEN)
        notice = Notice(row["message_id"], row["what"], status, row["at"])
        mails.setdefault(row["account_id"], []).append(notice)
    owners = [OwnerTold(one, tuple(mails.get(one, ()))) for one in shown]
    return Page(owners, shown[-1] if len(names) > limit else "")


async def everybody(tx: Tx, means: Means, case: Case) -> AsyncIterator[OwnerTold]:
    """All of them, by their accounts' ids."""
    after = ""
    while True:
        found = await page(tx, means, case, after=after, limit=MOST)
        for one in found.owners:
            yield one
        after = found.after
        if not after:
            return


def line(one: OwnerTold) -> bytes:
    """An owner as a line of JSON (pure)."""
    mails = [
        {"message": each.message, "what": each.what, "status": each.status, "at": iso(each.at)}
        for each in one.mails
    ]
    said = {"account": one.account, "told": one.told, "mails": mails}
    return msgspec.json.encode(said) + b"\n"


def _touched(means: Means, case: Case, after: str = "") -> Select[tuple[str]]:
    """The accounts of which a proof went through the suspects; of a campaign through anybody."""
    providers = case.suspects or frozenset(means.house.parties)
    window = (case.since, case.until)
    return recovery.behind(providers, *window, "requested", case.incident.account, after=after)


def _reached(case: Case) -> Select[tuple[str]]:
    delivered = _n.c.message_id.in_(mail.having(Status.DELIVERED))
    ours = _n.c.incident_id == case.incident.id
    return select(_n.c.account_id).where(ours, delivered).distinct()

"""The queue of pages: written with the incident, retried until sent, repeated until somebody takes
the incident."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import func, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.classes import CUSTOMER
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import new_id
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.events import IncidentClosed, IncidentOpened, IncidentUpdated
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import UNATTENDED, Incident, State
from mailkeep.response.events import ActionFailed, Paged, PageFailed, PageSpared
from mailkeep.response.tables import pages
from mailkeep.store.database import Database, Tx

from .types import Pager, PageState, PageView, PagingSettings, Why
from .whom import NOTHING, ONE_ACCOUNT, gravest, gravity, wants_somebody, whom, words

AT_ONCE = 20  #: pages that are rung in one step
LEASE = 60 * SECOND  #: longer than a try takes; a lapsed one means that its process died
APART = 60 * SECOND  #: between two pages for one reason of a person
BACKOFF = (5, 15, 30, 60, 120)  #: seconds between tries of one page; the last for all later ones

_p = pages
#: Why Mailkeep pages by itself: what people page for uses none of it up.
_OWN = [
    *(Why.OPENED.value, Why.GRAVER.value, Why.SIGNED.value, Why.AGAIN.value, Why.REPEATED.value)
]


class Desk:
    """Stores pages and whether they were sent.

    Args:
        database: where pages are kept.
        house: our providers and who stands behind them.
        pagers: in the order of the settings.
        settings: how often and how long.
        url: under which people reach Mailkeep.

    Attributes:
        awake: set when a page is due.
    """

    def __init__(
        self,
        database: Database,
        house: ProviderParties,
        pagers: Sequence[Pager],
        settings: PagingSettings | None = None,
        url: str = "",
    ) -> None:
        self._database = database
        self._house = house
        self._pagers: Mapping[str, Pager] = {one.name: one for one in pagers}
        self._settings = settings or PagingSettings()
        self._url = url
        self.awake = asyncio.Event()

    @property
    def pagers(self) -> tuple[Pager, ...]:
        """All of them."""
        return tuple(self._pagers.values())

    async def on_incident(self, tx: Tx, recorded: Recorded) -> None:
        """Page when an incident opens, when something graver is suspected than was paged last, and
        when signs begin to hold one that was paged on a person's word alone: else the thief of one
        key would open one about each provider and take them, before anything is to be seen. Also
        when what was let go is held again, whoever took the incident: a thief may wait until what
        was seen of them is explained, and act then."""
        fact = recorded.fact
        if not isinstance(fact, IncidentOpened | IncidentUpdated) or not self._pagers:
            return
        incident = await incidents.one(tx, fact.incident, lock=True)
        last = await tx.value(select(func.min(_p.c.gravity)).where(_p.c.incident_id == incident.id))
        if last is None and wants_somebody(incident):
            if await self._is_spared(tx, incident):
                if isinstance(fact, IncidentOpened):
                    await record(self._database, tx, PageSpared(incident=incident.id))
                return
            await self._queue(tx, incident, 1, Why.OPENED)
        elif last is not None and gravity(incident) < last:
            await self._queue(tx, incident, await self._rounds(tx, incident.id) + 1, Why.GRAVER)
        elif last is not None and await self._is_signed_since(tx, incident):
            await self._queue(tx, incident, await self._rounds(tx, incident.id) + 1, Why.SIGNED)
        elif isinstance(fact, IncidentUpdated) and fact.again:
            await self._again(tx, incident, fact)

    async def on_closed(self, tx: Tx, recorded: Recorded) -> None:
        """Page when a person ends an incident while something is held: else the thief of one
        session would silence everybody with it. A lead incident speaks for the parts that it
        closes, and a part that is closed alone for itself."""
        fact = recorded.fact
        if not isinstance(fact, IncidentClosed) or fact.by in UNATTENDED or not self._pagers:
            return
        incident = await incidents.one(tx, fact.incident, lock=True)
        if incident.part_of is not None:
            lead = await incidents.one(tx, incident.part_of)
            if lead.state is State.CLOSED:
                return
        whole = (incident, *await incidents.parts(tx, incident.id))
        if any(gravity(one) != NOTHING for one in whole):
            await self.call(tx, incident, Why.CLOSED)

    async def on_failed(self, tx: Tx, recorded: Recorded) -> None:
        """Page when what was begun about an incident could not be done: whoever began it may have
        left, and a playbook never was there. What a playbook tries again and again wears nobody
        out: it rings as seldom, and as often at most, as an incident that nobody takes."""
        fact = recorded.fact
        if not isinstance(fact, ActionFailed) or not self._pagers:
            return
        incident = await incidents.one(tx, fact.incident, lock=True)
        rung = await tx.one(
            select(
                func.max(_p.c.at).label("last"), func.count(_p.c.round.distinct()).label("many")
            ).where(_p.c.incident_id == incident.id, _p.c.why == Why.FAILED.value)
        )
        lately = (
            rung is not None
            and rung["last"] is not None
            and (
                rung["last"] > tx.now - int(self._settings.repeat * SECOND)
                or rung["many"] >= self._settings.most
            )
        )
        if incident.state is not State.CLOSED and not lately:
            await self.call(tx, incident, Why.FAILED)

    async def call(self, tx: Tx, incident: Incident, why: Why) -> tuple[str, ...]:
        """Page for a reason that a person gave; returns whom. The caller holds the incident.

        Once in a while for each reason: whoever asks and takes back all night must not wear out
        those who are to answer.
        """
        asked = (_p.c.incident_id == incident.id, _p.c.why == why.value)
        last = await tx.value(select(func.max(_p.c.at)).where(*asked))
        if last is not None and last > tx.now - APART:
            return ()
        number = await self._rounds(tx, incident.id) + 1
        return await self._queue(tx, incident, number, why)

    async def step(self) -> bool:
        """Repeat pages of incidents that nobody took, and send those that are due; returns whether
        there is more."""
        if not self._pagers:
            return False
        await self._database.retrying(self._repeat)
        due = await self._database.retrying(self._claim)
        rung = await asyncio.gather(*(self._ring(*one) for one in due))
        for (row, *_), told in zip(due, rung, strict=True):
            await self._database.retrying(partial(self._note, row=row, told=told))
        return len(due) == AT_ONCE

    async def _repeat(self, tx: Tx) -> None:
        earlier = tx.now - int(self._settings.repeat * SECOND)
        for incident in await incidents.live(tx):
            if not wants_somebody(incident) or gravity(incident) == NOTHING:
                continue
            found = await tx.one(
                select(
                    func.max(_p.c.at).label("last"),
                    func.max(_p.c.round).label("round"),
                    func.count(_p.c.round.distinct()).filter(_p.c.why.in_(_OWN)).label("rung"),
                ).where(_p.c.incident_id == incident.id)
            )
            if found is None or found["last"] is None:
                # The incident opened before there was a pager, or the row was deleted by retention;
                # or it was spared, and its turn has come.
                if not await self._is_spared(tx, incident):
                    await self._queue(tx, incident, 1, Why.OPENED)
            elif found["last"] <= earlier and found["rung"] < self._settings.most:
                await self._queue(tx, incident, found["round"] + 1, Why.REPEATED)

    async def _again(self, tx: Tx, incident: Incident, fact: IncidentUpdated) -> None:
        """Page for what is held again, so often within a day for each rank: what comes and goes
        all night wakes nobody without end, and uses up no page for something graver."""
        rank = gravest({one for one in incident.by_signs if one.value in fact.again})
        today = await tx.value(
            select(func.count(_p.c.round.distinct())).where(
                _p.c.incident_id == incident.id,
                _p.c.why == Why.AGAIN.value,
                _p.c.gravity == rank,
                _p.c.at > tx.now - DAY,
            )
        )
        if rank != NOTHING and int(today or 0) < self._settings.again:
            number = await self._rounds(tx, incident.id) + 1
            await self._queue(tx, incident, number, Why.AGAIN, rank)

    async def _queue(
        self, tx: Tx, incident: Incident, number: int, why: Why, rank: int | None = None
    ) -> tuple[str, ...]:
        chosen = whom(self.pagers, self._house.suspects(incident.subject), self._house)
        for name in chosen.names:
            await tx.run(
                tx.upsert(_p)
                .values(
                    id=new_id("pag", tx.now, tx.order.next()),
                    incident_id=incident.id,
                    pager=name,
                    round=number,
                    why=why.value,
                    state=PageState.WAITING.value,
                    gravity=gravity(incident) if rank is None else rank,
                    apart=chosen.apart,
                    at=tx.now,
                    due_at=tx.now,
                    tries=0,
                )
                .on_conflict_do_nothing()  # another process queued this round in this moment
            )
        tx.after_commit.append(self.awake.set)
        return chosen.names

    async def _claim(self, tx: Tx) -> list[tuple[RowMapping, Incident, bool]]:
        """Take what is due, and whether others like it are spared. A try is counted before it is
        made: a kill costs a try, and at worst somebody is woken twice."""
        query = (
            select(_p)
            .where(_p.c.due_at <= tx.now, _p.c.pager.in_(self._pagers))
            .order_by(_p.c.due_at, _p.c.id)
            .limit(AT_ONCE)
        )
        rows = await tx.all(query.with_for_update(skip_locked=True))
        for row in rows:
            values = {"due_at": tx.now + LEASE, "tries": row["tries"] + 1}
            await tx.run(update(_p).where(_p.c.id == row["id"]).values(**values))
        about = [await incidents.one(tx, row["incident_id"]) for row in rows]
        first = [await self._is_first(tx, one) for one in about]
        return list(zip(rows, about, first, strict=True))

    async def _ring(self, row: RowMapping, incident: Incident, first: bool) -> bool:
        title, body = words(
            incident, Why(row["why"]), row["round"], self._url, apart=row["apart"], first=first
        )
        return await self._pagers[row["pager"]].bell.ring(title, body)

    async def _note(self, tx: Tx, *, row: RowMapping, told: bool) -> None:
        tries = row["tries"] + 1
        over = tx.now >= row["at"] + int(self._settings.give_up * SECOND)
        if told:
            state, due = PageState.SENT, None
        elif over:
            state, due = PageState.FAILED, None
        else:
            state = PageState.WAITING
            due = tx.now + BACKOFF[min(tries, len(BACKOFF)) - 1] * SECOND
        await tx.run(
            update(_p)
            .where(_p.c.id == row["id"], _p.c.due_at.is_not(None))
            .values(state=state.value, due_at=due)
        )
        incident, pager = row["incident_id"], row["pager"]
        if told:
            await record(
                self._database,
                tx,
                Paged(incident=incident, pager=pager, round=row["round"], tries=tries),
            )
        elif over:
            await record(
                self._database,
                tx,
                PageFailed(incident=incident, pager=pager, round=row["round"], tries=tries),
            )

    async def _is_spared(self, tx: Tx, incident: Incident) -> bool:
        """Whether nobody is paged for it now: a sign in an account is the doing of whoever has it,
        and whoever has accounts of their own would have people woken as often as they like. Several
        at a time are a campaign, which pages; so do accounts of which the house takes more care
        than of those that sign up, and what a person says."""
        if not await self._is_first(tx, incident):
            return False
        since = tx.now - int(self._settings.accounts_each * SECOND)
        rung = select(_p.c.incident_id).where(
            _p.c.gravity == ONE_ACCOUNT,
            _p.c.why == Why.OPENED.value,
            _p.c.at > since,
            _p.c.state != PageState.FAILED.value,  # that woke nobody
        )
        for row in await tx.all(rung.distinct()):
            if await self._is_one_of_many(tx, await incidents.one(tx, row["incident_id"])):
                return True
        return False

    async def _is_first(self, tx: Tx, incident: Incident) -> bool:
        """Whether others like it are spared once it has paged."""
        return gravity(incident) == ONE_ACCOUNT and await self._is_one_of_many(tx, incident)

    async def _is_one_of_many(self, tx: Tx, incident: Incident) -> bool:
        """Whether it is one of those of which the first in a while pages alone, if an account is
        all that it is about."""
        if not self._settings.accounts_each or incident.word is not None:
            return False
        try:
            return (await accounts.account(tx, incident.subject.id)).account_class == CUSTOMER
        except NotFound:
            return True

    async def _is_signed_since(self, tx: Tx, incident: Incident) -> bool:
        """Whether the first sign came after every page of Mailkeep's own."""
        if incident.word is None or not any(one.open for one in incident.opinions):
            return False
        first = await incidents.first(tx, incident.id, "raised")
        own = (_p.c.incident_id == incident.id, _p.c.why.in_(_OWN))
        last = await tx.value(select(func.max(_p.c.at)).where(*own))
        return first is not None and last is not None and int(last) < first

    async def _rounds(self, tx: Tx, incident: str) -> int:
        found = await tx.value(select(func.max(_p.c.round)).where(_p.c.incident_id == incident))
        return int(found or 0)


async def ring(pagers: Sequence[Pager]) -> dict[str, bool]:
    """Ring without an incident; by name, whether it was taken."""
    title, body = "Mailkeep: a test", "Somebody tries whether this pager rings. It does."
    rung = await asyncio.gather(*(one.bell.ring(title, body) for one in pagers))
    return dict(zip((one.name for one in pagers), rung, strict=True))


async def paged(tx: Tx, incident: str) -> list[PageView]:
    """The pages of an incident, the newest first."""
    rows = await tx.all(
        select(_p).where(_p.c.incident_id == incident).order_by(_p.c.at.desc(), _p.c.pager)
    )
    return [
        PageView(
            row["pager"], row["round"], Why(row["why"]), PageState(row["state"]), row["at"],
            row["tries"],
        )
        for row in rows
    ]  # fmt: skip

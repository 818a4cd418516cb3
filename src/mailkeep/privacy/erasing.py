"""Erasure of a person: requested, delayed, carried out, and repeated after a restore from an older
backup.

Carried out in batches, each its own transaction and idempotent: a kill costs a batch at most.
"""

from collections import Counter
from functools import partial

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import erasing as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.classes import OPERATOR
from mailkeep.accounts.events import SubjectErased
from mailkeep.base.clock import HOUR
from mailkeep.base.errors import Conflict, NotFound
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.mail import erasing as mail
from mailkeep.mail.personal import PERSONAL as MAIL
from mailkeep.recovery import erasing as recovery
from mailkeep.recovery import queries as recoveries
from mailkeep.store.database import Database, Tx
from mailkeep.store.personal import Erasing as What
from mailkeep.store.schema import metadata

from . import holds, meter, rows
from .catalogue import CATALOGUE, theirs
from .counting import counts
from .tables import erasures
from .types import Erasure, Person, Preview, PrivacySettings, State, Use

_e = erasures
BATCH = 500
_LIVE = (State.WAITING.value, State.RUNNING.value)
#: Mail goes by itself: what is on its way must arrive first.
_BY_MAIL = frozenset(MAIL) - {"suppressions"}


class Erasing:
    """Erasures of a house.

    Args:
        database: of everything.
        settings: how long they wait, and how many there may be.
        lead: seconds before an incident's first sign from which its evidence counts.
    """

    def __init__(self, database: Database, settings: PrivacySettings, lead: float) -> None:
        self._database = database
        self._settings = settings
        self._lead = lead

    async def preview(self, tx: Tx, person: Person) -> Preview:
        """What an erasure would do; it changes nothing."""
        found = await counts(tx, person)
        by: dict[What, dict[str, int]] = {what: {} for what in What}
        for name, count in found.items():
            by[CATALOGUE[name].erasing][name] = count
        return Preview(
            person,
            by[What.REMOVED],
            by[What.BLANKED],
            by[What.KEPT],
            tx.now + round(self._settings.wait * HOUR),
            await self._against(tx, person),
        )

    async def ask(self, tx: Tx, person: Person, *, by: str) -> Erasure:
        """Request an erasure: the owner is told, and it begins after its wait. One that is
        requested already is returned as it is.

        Args:
            by: who asks, a pseudonymous id.

        Raises:
            Conflict: a legal hold, an open incident that rests on them, an operator's account.
            NotFound: nothing is kept about them.
            TooMany: so many were asked for today that somebody should look.
        """
        names = rows.names(person)
        same = (_e.c[name] == value for name, value in names.items())
        row = await tx.one(select(_e).where(*same, _e.c.state.in_(_LIVE)))
        if row is not None:
            return await self._view(tx, row)
        if refused := await self._against(tx, person):
            raise Conflict(refused)
        if not await counts(tx, person):
            raise NotFound("nothing is kept about them", field="who")
        await meter.spend(tx, Use.ERASURE, self._settings.erasures, by=by)
        erasure = new_id("era", tx.now)
        due = tx.now + round(self._settings.wait * HOUR)
        values = {"id": erasure, "state": State.WAITING.value, "by": by, "at": tx.now}
        await tx.run(insert(_e).values(**values, **names, due_at=due, counts="{}"))
        entry = {"erasure": erasure, "accounts": list(person.accounts), "due": due}
        await audit.write(tx, by, "privacy.erase", entry)
        await accounts.announce(self._database, tx, person.accounts, due)
        return await one(tx, erasure)

    async def stop(self, tx: Tx, erasure: str, *, by: str) -> Erasure:
        """Stop an erasure that has not begun.

        Raises:
            NotFound: there is no such erasure.
            Conflict: it has begun, or ended.
        """
        values = {"state": State.STOPPED.value, "ended_at": tx.now, "ended_by": by}
        waiting = (_e.c.id == erasure, _e.c.state == State.WAITING.value)
        if await tx.run(update(_e).where(*waiting).values(**values)) != 1:
            found = await one(tx, erasure)
            if found.state is State.STOPPED:
                return found
            raise Conflict("the erasure has begun and cannot be stopped")
        await audit.write(tx, by, "privacy.stop", {"erasure": erasure})
        return await one(tx, erasure)

    async def on_subject(self, tx: Tx, recorded: Recorded) -> None:
        """An application's user is to be erased, and the wait for that is over: the rest of the
        account's data is erased as in every erasure, and as late while an open incident depends on
        it."""
        fact = recorded.fact
        if not isinstance(fact, SubjectErased):
            return
        names = rows.names(Person((fact.account,)))
        erasure = new_id("era", tx.now, tx.order.next())
        values = {"id": erasure, "state": State.WAITING.value}
        whose = {"by": fact.application, "at": tx.now, "due_at": tx.now, "counts": "{}"}
        await tx.run(insert(_e).values(**values, **whose, **names))
        entry = {"erasure": erasure, "accounts": [fact.account], "due": tx.now}
        await audit.write(tx, fact.application, "privacy.erase", entry)

    async def of_account(self, tx: Tx, account: str) -> Erasure | None:
        """The erasure of an account that has not begun."""
        waiting = select(_e).where(_e.c.state == State.WAITING.value).order_by(_e.c.id)
        for row in await tx.all(waiting):
            if account in rows.person(row).accounts:
                return await self._view(tx, row)
        return None

    async def step(self) -> bool:
        """Continue the erasures that are due, a batch each; returns whether there is more."""
        async with self._database.read() as tx:
            due = await tx.all(
                select(_e.c.id)
                .where(_e.c.state.in_(_LIVE), _e.c.due_at <= tx.now)
                .order_by(_e.c.due_at)
            )
        more = False
        for row in due:
            more |= await self._database.retrying(partial(self._go_on, erasure=row["id"]))
        return more

    async def _go_on(self, tx: Tx, erasure: str) -> bool:
        row = await tx.one(select(_e).where(_e.c.id == erasure).with_for_update())
        if row is None or row["state"] not in _LIVE:
            return False
        person = rows.person(row)
        done = Counter(msgspec.json.decode(row["counts"], type=dict[str, int]))
        if row["state"] == State.WAITING.value:
            if await self._against(tx, person):
                return False  # it goes on when nothing speaks against it any more
            await recovery.void_all(self._database, tx, person.accounts)
            await accounts.begin(self._database, tx, person.accounts)
            claimed = await accounts.claimed(tx, person.addresses)
            for name, count in (await _rows(tx, person)).items():
                done[name] += count
            await accounts.drop_empty(tx, claimed)
        found = await mail.erase(self._database, tx, person.addresses, row["due_at"], BATCH)
        done["messages"] += found.messages
        done["message_bodies"] += found.bodies
        done["addresses"] += found.addresses
        over = not (found.left or found.stuck)
        counted = {name: count for name, count in sorted(done.items()) if count}
        values: dict[str, object] = {
            "state": (State.DONE if over else State.RUNNING).value,
            "counts": msgspec.json.encode(counted).decode(),
        }
        if over:
            values |= {"ended_at": tx.now}
            entry = {"erasure": erasure, "counts": counted}
            await audit.write(tx, "mailkeep", "privacy.erased", entry)
        await tx.run(update(_e).where(_e.c.id == erasure).values(values))
        return found.left

    async def _against(self, tx: Tx, person: Person) -> str:
        """What an erasure of them must wait for; "" for nothing."""
        if await holds.on(tx, person):
            return "a legal hold is on them; `mailkeep privacy hold` lists it"
        a = account_tables.accounts
        theirs_ = select(a.c.id).where(a.c.id.in_(person.accounts), a.c["class"] == OPERATOR)
        if await tx.value(theirs_.limit(1)) is not None:
            return "the account is an operator's; `mailkeep operators remove` comes first"
        since = await incidents.rests_from(tx, self._lead, person.accounts)
        if since is not None and await recoveries.asked_since(
            tx, person.accounts, person.addresses, since
        ):
            return "an open incident rests on what happened to them; close it first"
        return ""

    async def _view(self, tx: Tx, row: RowMapping) -> Erasure:
        found = rows.erasure(row)
        if found.state is State.WAITING:
            found = msgspec.structs.replace(
                found, waits_for=await self._against(tx, found.person) or "its time"
            )
        elif found.state is State.RUNNING:
            found = msgspec.structs.replace(found, waits_for="mail that is on its way")
        return found

    async def listing(self, tx: Tx, limit: int = 200) -> list[Erasure]:
        """The newest erasures first."""
        found = await tx.all(select(_e).order_by(_e.c.id.desc()).limit(limit))
        return [await self._view(tx, row) for row in found]


async def one(tx: Tx, erasure: str) -> Erasure:
    """An erasure. Raises ``NotFound``."""
    row = await tx.one(select(_e).where(_e.c.id == erasure))
    if row is None:
        raise NotFound("no such erasure")
    return rows.erasure(row)


async def _rows(tx: Tx, person: Person) -> dict[str, int]:
    """Remove and blank the rows of every room but the mail's; returns how many, by table."""
    out = {}
    # Children before parents, so that what is counted is what was there.
    for table in reversed(metadata.sorted_tables):
        kept_ = CATALOGUE.get(table.name)
        if kept_ is None or table.name in _BY_MAIL or not kept_.of:
            continue
        which: ColumnElement[bool] = theirs(table, person)
        if kept_.erasing is What.REMOVED:
            out[table.name] = await tx.run(delete(table).where(which))
        elif kept_.erasing is What.BLANKED:
            out[table.name] = await tx.run(update(table).where(which).values(dict(kept_.blank)))
    return out

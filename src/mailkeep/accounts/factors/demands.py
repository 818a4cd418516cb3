"""Enforces the second-factor policy: prompts after sign-in, sends reminders, and finally requires
enrolment.

Attack met here: a reminder is a mail that somebody could have us send, so reminders are counted for
each account, spaced out, and nothing from outside can ask for one.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries, tables
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.events import FactorReminderDue
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from .policy import Case, Judged, Standing, judge, satisfies
from .record import bound
from .types import LASTING, Kind

_a, _c, _f = tables.accounts, tables.contact_points, tables.factors
_d, _x = tables.factor_demands, tables.factor_exemptions

PUT_OFF = 7 * DAY  #: for so long a nudge that was put off stays away
PUT_OFF_LAST = DAY  #: the same in the last days
LONGEST_EXEMPTION = 180  #: days; then somebody has to think of it again
PASS = 500  #: accounts that one look for reminders goes over
_ASKED = (Standing.ENCOURAGED, Standing.DUE, Standing.LAST)


class Nudge(msgspec.Struct, frozen=True):
    """What the page after a sign-in says."""

    standing: Standing
    until: Instant | None


class Exemption(msgspec.Struct, frozen=True):
    """Why an account need not have a factor, until when, and who said so."""

    id: str
    account: str
    reason: str
    made_by: str
    made_at: Instant
    expires_at: Instant
    ended_at: Instant | None


class Demands:
    """What is asked of accounts without a second factor.

    Args:
        database: where accounts are kept.
        classes: what each class asks.
    """

    def __init__(self, database: Database, classes: Classes) -> None:
        self._database = database
        self._classes = classes
        self._after = ""  # the account at which the last look for reminders ended

    async def judged(self, tx: Tx, account: str) -> Judged:
        """Where an account stands now."""
        row = await self._row(tx, account)
        return await self._judge(tx, row)

    async def on_sign_in(self, tx: Tx, account: str) -> bool:
        """Whether a factor must be bound before anything else. The account is told by the page
        that comes next, so its time runs from now on."""
        row = await self._row(tx, account)
        judged = await self._judge(tx, row)
        if judged.standing is Standing.FREE:
            return False
        if judged.standing is Standing.OVERDUE:
            return True
        await self._tell(tx, account)
        if judged.standing is Standing.LAST:
            first = (_d.c.account_id == account, _d.c.last_from.is_(None))
            await tx.run(update(_d).where(*first).values(last_from=tx.now))
        return False

    async def nudge(self, tx: Tx, account: str) -> Nudge | None:
        """What the account's page says about it; None for nothing, or not yet again."""
        row = await self._row(tx, account)
        judged = await self._judge(tx, row)
        if judged.standing not in _ASKED:
            return None
        away = PUT_OFF_LAST if judged.standing is Standing.LAST else PUT_OFF
        put_off = row["dismissed_at"]
        if put_off is not None and tx.now < put_off + away:
            return None
        return Nudge(judged.standing, judged.until)

    async def put_off(self, tx: Tx, account: str) -> None:
        """Its owner wants to hear of it later; it comes back."""
        await self._tell(tx, account)
        await tx.run(update(_d).where(_d.c.account_id == account).values(dismissed_at=tx.now))

    async def remind(self, tx: Tx, limit: int = PASS) -> int:
        """Look at the next ``limit`` accounts, and have those reminded whose time it is; returns
        how many. The place is kept in memory only: a restart begins at the first account again,
        and finds what was sent on record."""
        rows = await tx.all(
            self._query()
            .add_columns(_has({Kind.PASSKEY}).label("passkey"), _has(LASTING).label("lasting"))
            .where(_a.c.id > self._after, _confirmed(), ~_exempt(tx.now))
            .order_by(_a.c.id)
            .limit(limit)
        )
        self._after = rows[-1]["id"] if len(rows) == limit else ""
        facts = []
        for row in rows:
            policy = self._classes.of(row["class"])
            kinds = [Kind.PASSKEY] if row["passkey"] else [Kind.TOTP] if row["lasting"] else []
            case = _case(row, bound=satisfies(policy, kinds), exempt=False)
            heard = max(row["created_at"], row["told_at"] or 0, row["mailed_at"] or 0)
            asked = judge(policy, case, tx.now).standing in {*_ASKED, Standing.OVERDUE}
            sent = row["mails"] or 0
            if not asked or sent >= policy.reminders or tx.now < heard + policy.remind_every:
                continue
            await self._tell(tx, row["id"])
            told = msgspec.structs.replace(case, told_at=case.told_at or tx.now)
            now = judge(policy, told, tx.now)
            await tx.run(
                update(_d)
                .where(_d.c.account_id == row["id"], _d.c.mails == sent)
                .values(mails=sent + 1, mailed_at=tx.now)
            )
            facts.append(
                FactorReminderDue(account=row["id"], standing=now.standing.value, until=now.until)
            )
        await record(self._database, tx, *facts)
        return len(facts)

    async def order(self, tx: Tx, accounts: Collection[str], cause: str) -> int:
        """Have accounts of ours bind a factor at their next sign-in, before anything else; returns
        for how many that is new. Whoever has one, is exempt or was ordered to already is left.

        Args:
            cause: for which this is, an id.
        """
        asked = (_a.c.id.in_(accounts), _a.c.application == "", _d.c.ordered_at.is_(None))
        rows = await tx.all(
            select(_a.c.id)
            .join(_d, _d.c.account_id == _a.c.id, isouter=True)
            .where(*asked, ~_has(LASTING), ~_exempt(tx.now))
            .order_by(_a.c.id)
        )
        for row in rows:
            await self._tell(tx, row["id"])
            values = {"ordered_at": tx.now, "ordered_for": cause}
            await tx.run(update(_d).where(_d.c.account_id == row["id"]).values(**values))
        return len(rows)

    async def end_order(self, tx: Tx, cause: str) -> int:
        """End what was ordered for a cause; returns for how many accounts."""
        ended = update(_d).where(_d.c.ordered_for == cause)
        return await tx.run(ended.values(ordered_at=None, ordered_for=None))

    @staticmethod
    async def without_factor(tx: Tx, accounts: Collection[str]) -> int:
        """How many of some accounts of ours have no second factor and no exemption."""
        bare = (_a.c.id.in_(accounts), _a.c.application == "", ~_has(LASTING), ~_exempt(tx.now))
        return int(await tx.value(select(func.count()).select_from(_a).where(*bare)) or 0)

    async def exempt(self, tx: Tx, account: str, *, reason: str, days: float, by: str) -> str:
        """Let an account go without a factor for a while; returns the exemption. It is audited.

        Raises:
            Invalid: no reason, or too long.
            NotFound: no such account.
        """
        reason = " ".join(reason.split())
        if not reason or len(reason) > 400:
            raise Invalid("say why, in 1 to 400 characters", field="reason")
        if not 0 < days <= LONGEST_EXEMPTION:
            raise Invalid(f"1 to {LONGEST_EXEMPTION} days", field="days")
        await queries.account(tx, account, lock=True)
        made = new_id("exm", tx.now)
        await tx.run(
            insert(_x).values(
                id=made,
                account_id=account,
                reason=reason,
                made_by=by,
                made_at=tx.now,
                expires_at=tx.now + round(days * DAY),
            )
        )
        told = {"account": account, "exemption": made, "days": days}
        await audit.write(tx, by, "accounts.exempt_from_factor", told)
        return made

    async def end_exemption(self, tx: Tx, exemption: str, *, by: str) -> bool:
        """End an exemption before its time; False when it has ended. It is audited."""
        live = (_x.c.id == exemption, _x.c.ended_at.is_(None), _x.c.expires_at > tx.now)
        if await tx.run(update(_x).where(*live).values(ended_at=tx.now)) != 1:
            return False
        await audit.write(tx, by, "accounts.end_exemption", {"exemption": exemption})
        return True

    @staticmethod
    async def exemptions(tx: Tx, *, all_of_them: bool = False) -> list[Exemption]:
        """The exemptions that hold, or all that ever did, newest first."""
        query = select(_x).order_by(_x.c.id.desc())
        if not all_of_them:
            query = query.where(_x.c.ended_at.is_(None), _x.c.expires_at > tx.now)
        return [
            Exemption(
                row["id"], row["account_id"], row["reason"], row["made_by"], row["made_at"],
                row["expires_at"], row["ended_at"],
            )
            for row in await tx.all(query.limit(1000))
        ]  # fmt: skip

    def _query(self) -> Select[Any]:
        columns = (
            _d.c.ordered_at,
            _d.c.told_at,
            _d.c.last_from,
            _d.c.mails,
            _d.c.mailed_at,
            _d.c.dismissed_at,
        )
        return select(_a.c.id, _a.c["class"], _a.c.created_at, *columns).join(
            _d, _d.c.account_id == _a.c.id, isouter=True
        )

    async def _row(self, tx: Tx, account: str) -> RowMapping:
        row = await tx.one(self._query().where(_a.c.id == account))
        if row is None:  # the caller holds a session of it
            raise Invalid("no such account")
        return row

    async def _judge(self, tx: Tx, row: RowMapping) -> Judged:
        policy = self._classes.of(row["class"])
        kinds = {one.kind for one in await bound(tx, row["id"])}
        held = select(_a.c.id).where(_a.c.id == row["id"], _exempt(tx.now))
        exempt = await tx.value(held) is not None
        return judge(policy, _case(row, bound=satisfies(policy, kinds), exempt=exempt), tx.now)

    async def _tell(self, tx: Tx, account: str) -> None:
        first = tx.upsert(_d).values(account_id=account, told_at=tx.now, mails=0)
        await tx.run(first.on_conflict_do_nothing())


def _case(row: RowMapping, *, bound: bool, exempt: bool) -> Case:
    ordered = row["ordered_at"] is not None
    return Case(row["created_at"], bound, exempt, row["told_at"], row["last_from"], ordered)


def _has(kinds: Collection[Kind]) -> ColumnElement[bool]:
    theirs = (_f.c.account_id == _a.c.id, _f.c.revoked_at.is_(None))
    return select(_f.c.id).where(*theirs, _f.c.kind.in_(sorted(kinds))).exists()


def _confirmed() -> ColumnElement[bool]:
    """Accounts of ours, of which an address was confirmed: what an application's users are asked
    for is its own affair."""
    theirs = (_c.c.account_id == _a.c.id, _c.c.confirmed_at.is_not(None))
    return and_(_a.c.application == "", select(_c.c.id).where(*theirs).exists())


def _exempt(now: Instant) -> ColumnElement[bool]:
    live = and_(_x.c.account_id == _a.c.id, _x.c.ended_at.is_(None), _x.c.expires_at > now)
    return select(_x.c.id).where(live).exists()

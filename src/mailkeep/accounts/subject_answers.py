"""Answers to a change that an application's API key asks for: approve it, or refuse it.

Any single mail of ours can refuse. To approve takes the owner, in two mails over two routes, or the
application itself, with its client secret.

Attacks met here: a thief of the key who waits for owners that read no mail (silence is a no), a
reader of one provider who would agree in an owner's place, a thief of the key who replaces a change
that an application is about to approve with one of their own, and a mailbox thief who would stop
every honest change (stops over one provider are limited to a number each month).
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import tokens
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Conflict, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import applications, queries, subject_views, tables
from .classes import Classes
from .events import SubjectChangeEnded, SubjectChangeHeld
from .subject_views import SubjectView

_h, _s = tables.subject_changes, tables.subject_stops

STOPS = 2  #: that mails over one provider are good for, of one user in ``SAY``
SAY = 30 * DAY  #: much longer than a hold, else a mailbox thief stops every change for ever
OWNER, APPLICATION = "owner", "application"  #: who agrees


class SubjectAnswers:
    """Takes the answers.

    Args:
        database: where the changes are.
        keys: hash the secrets of mails.
        classes: for how long a change is held that somebody agreed to.
    """

    def __init__(self, database: Database, keys: KeyRing, classes: Classes) -> None:
        self._database = database
        self._keys = keys
        self._classes = classes

    async def secret(self, tx: Tx, change: str, provider: str) -> str:
        """A secret with which whoever holds the mail stops a held change, or agrees to it.

        Args:
            provider: the only one that carries that mail; "" when any may.
        """
        secret = tokens.link_secret()
        await tx.run(
            insert(_s).values(hash=self._hash(secret), change_id=change, provider=provider)
        )
        return secret

    async def told(self, tx: Tx, change: str) -> None:
        """Notices of a change are on their way; before that it is not good, however late."""
        await tx.run(update(_h).where(_h.c.id == change).values(told_at=tx.now))

    async def held(self, tx: Tx, account: str, due: Instant) -> str | None:
        """The id of the change of an account that is held until ``due``."""
        found: str | None = await tx.value(
            select(_h.c.id).where(_h.c.account_id == account, _h.c.due_at == due)
        )
        return found

    async def agree(self, secret: str, independent: Callable[[set[str], set[str]], bool]) -> bool:
        """Whoever holds one of our mails says: this was me. Whether the owner has agreed by now:
        that takes two mails that no one party could read. An unknown secret does nothing.

        Args:
            independent: whether nobody reads what two sets of providers carry.
        """
        hashed = self._hash(secret)
        async with self._database.read() as tx:
            row = await self._secret(tx, hashed)
        if row is None:
            return False
        return await self._database.retrying(lambda tx: self._agree(tx, row, hashed, independent))

    async def _agree(
        self,
        tx: Tx,
        held: RowMapping,
        hashed: str,
        independent: Callable[[set[str], set[str]], bool],
    ) -> bool:
        await applications.hold(tx, held["application"])
        row = await self._open(tx, _h.c.id == held["id"])
        if row is None:
            return False
        await tx.run(update(_s).where(_s.c.hash == hashed).values(agreed_at=tx.now))
        said = {
            one["provider"]
            for one in await tx.all(
                select(_s.c.provider).where(
                    _s.c.change_id == row["id"],
                    _s.c.agreed_at.is_not(None),
                    _s.c.provider != "",  # any may have carried it
                )
            )
        }
        if not any(independent({one}, {other}) for one in said for other in said - {one}):
            return False
        await self._agreed(tx, row, OWNER)
        return True

    async def vouch(self, tx: Tx, application: str, name: str, change: str) -> SubjectView:
        """The application itself, which has shown its client secret, agrees to what is held.

        Args:
            change: what it means: whoever stole the key may have put another one in its place.

        Raises:
            NotFound: no such user.
            Conflict: that change is not what is held, or was agreed to.
        """
        await applications.alone(tx, application)
        found = await _named(tx, application, name)
        of = (_h.c.id == change, _h.c.account_id == found.account)
        row = await self._open(tx, *of)
        if row is None:
            raise Conflict("this is not what is held, or it was agreed to: look at the subject")
        await self._agreed(tx, row, APPLICATION)
        return await _named(tx, application, name)

    async def _open(self, tx: Tx, *which: ColumnElement[bool]) -> RowMapping | None:
        """A change to which somebody can still agree."""
        waits = (_h.c.due_at > tx.now, _h.c.agreed_at.is_(None))
        return await tx.one(select(_h).where(*which, *waits))

    async def _agreed(self, tx: Tx, row: RowMapping, by: str) -> None:
        """The hold begins, and its owner is told once more: who agreed may not have been them."""
        account = row["account_id"]
        due = tx.now + self._classes.holding(await queries.account(tx, account)).change_hold
        values = {"agreed_at": tx.now, "agreed_by": by, "due_at": due, "told_at": None}
        await tx.run(update(_h).where(_h.c.id == row["id"]).values(**values))
        fact = SubjectChangeHeld(
            account=account,
            application=row["application"],
            change=row["kind"],
            what=row["what"],
            key=row["key_id"],
            due=due,
            agreed=by,
        )
        await record(self._database, tx, fact)

    async def stop(self, secret: str) -> bool:
        """Whoever holds one of our mails says: this was not me. The change is stopped; whether one
        was. An unknown secret does nothing."""
        hashed = self._hash(secret)
        async with self._database.read() as tx:
            row = await self._secret(tx, hashed)
        if row is None:
            return False
        return await self._database.retrying(lambda tx: self._stop(tx, row))

    async def _secret(self, tx: Tx, hashed: str) -> RowMapping | None:
        """The held change that a mail's secret is about, and who carried it."""
        return await tx.one(
            select(_h.c.id, _h.c.application, _h.c.account_id, _s.c.provider)
            .join(_s, _s.c.change_id == _h.c.id)
            .where(_s.c.hash == hashed, _h.c.due_at.is_not(None))
        )

    async def _stop(self, tx: Tx, held: RowMapping) -> bool:
        await applications.hold(tx, held["application"])
        row = await tx.one(select(_h).where(_h.c.id == held["id"], _h.c.due_at.is_not(None)))
        if row is None:
            return False
        said = await tx.value(
            select(func.count()).where(
                _h.c.account_id == row["account_id"],
                _h.c.stopped_by == held["provider"],
                _h.c.ended_at > tx.now - SAY,
            )
        )
        if said >= STOPS:
            return False
        await end(self._database, tx, row, "stopped")
        await tx.run(update(_h).where(_h.c.id == row["id"]).values(stopped_by=held["provider"]))
        return True

    def _hash(self, secret: str) -> str:
        return self._keys.lookup_hash("subject stop", tokens.fold(secret))


async def end(database: Database, tx: Tx, row: RowMapping, why: str) -> None:
    """A held change has come to its end; what was wanted is forgotten."""
    ended = {"due_at": None, "ended_at": tx.now, "why": why, "wanted": ""}
    await tx.run(update(_h).where(_h.c.id == row["id"]).values(**ended))
    fact = SubjectChangeEnded(
        account=row["account_id"], application=row["application"], change=row["kind"], why=why
    )
    await record(database, tx, fact)


async def _named(tx: Tx, application: str, name: str) -> SubjectView:
    found = (await subject_views.of(tx, application, [name])).get(name)
    if found is None:
        raise NotFound("no such subject")
    return found

"""Users of applications that keep their own table: registered beforehand, changed after a hold.

A fresh user is registered at once. Whatever would change what recovers one who is registered waits
for the ``change_hold`` of its class: until then recovery uses what stands, every address that
stands is told, and whoever holds one of those mails can stop it. To be forgotten waits alike: a
name that is free again at once could be registered anew, with a thief's address.

Attacks met here: a thief of an application's API key (rewrites addresses, or erases and registers
anew, or says that there is no second factor any more), and a mailbox thief who would stop every
honest change (so many stops over one provider in a month, and no more).
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import addresses, tokens
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Conflict, MailkeepError, NotAllowed, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import applications, subject_views, tables, throttle
from .classes import Classes
from .events import (
    SubjectChangeEnded,
    SubjectChangeHeld,
    SubjectErased,
    SubjectsRegistered,
    SubjectsRewritten,
)
from .registration import Registration, only_language
from .subject_views import ERASE, REPLACE, SubjectView

_a, _c = tables.accounts, tables.contact_points
_h, _s = tables.subject_changes, tables.subject_stops

CHANGES = 5  #: of one user in a day: each is announced, and nobody's mailbox is to be flooded
STOPS = 2  #: that mails over one provider are good for, of one user in ``SAY``
SAY = 30 * DAY  #: much longer than a hold, else a mailbox thief stops every change for ever
MANY = 20  #: changes in a day that are no mass rewrite, however few users there are
SHARE = 0.02  #: of the users, the same
BATCH = 50  #: changes that are applied in one transaction


class Subjects:
    """What may be done to the users of applications.

    Args:
        database: where they are.
        keys: name addresses and hash the secrets of stops.
        classes: for how long a change is held.
    """

    def __init__(self, database: Database, keys: KeyRing, classes: Classes) -> None:
        self._database = database
        self._keys = keys
        self.classes = classes

    async def register(
        self,
        tx: Tx,
        application: str,
        key: str,
        wanted: Sequence[tuple[str, Registration]],
    ) -> list[SubjectView | MailkeepError]:
        """Register users, or have them changed; what became of each, in order.

        Args:
            key: id of the API key that asks.
            wanted: names and registrations, checked; a name stands there once.

        Returns for each the view, or:
            Conflict: another user of the application has the address.
            TooMany: this one was changed too often today.

        Raises:
            NotAllowed: the application is revoked.
        """
        await self._alone(tx, application)
        before = await subject_views.of(tx, application, [name for name, _ in wanted])
        taken = await self._owners(tx, application, [one for _, one in wanted])
        out: list[SubjectView | MailkeepError] = []
        fresh: list[tuple[str, str, Registration]] = []
        held = False
        for name, registration in wanted:
            found = before.get(name)
            whose = new_id("acc", tx.now) if found is None else found.account
            keys = [self._key(one) for one in registration.addresses]
            if any(taken.get(one, whose) != whose for one in keys):
                out.append(Conflict("another user has this address", field="addresses"))
                continue
            if found is None:
                taken.update(dict.fromkeys(keys, whose))
                fresh.append((whose, name, registration))
                out.append(SubjectView(name, whose, registration, tx.now))
                continue
            result = await self._change(tx, application, key, found, registration)
            held |= isinstance(result, SubjectView) and result.due is not None
            out.append(result)
        await self._insert(tx, application, key, fresh)
        if held:
            await self._count(tx, application, key)
        return out

    async def erase(self, tx: Tx, application: str, key: str, name: str) -> SubjectView:
        """Have a user forgotten, after the hold.

        Raises:
            NotFound: no such user.
            NotAllowed: the application is revoked.
            TooMany: this one was changed too often today.
        """
        await self._alone(tx, application)
        found = (await subject_views.of(tx, application, [name])).get(name)
        if found is None:
            raise NotFound("no such subject")
        if found.kind == ERASE:
            return found
        result = await self._hold(tx, application, key, found, ERASE, None, "to be forgotten here")
        if isinstance(result, MailkeepError):
            raise result
        await self._count(tx, application, key)
        return result

    async def get(self, tx: Tx, application: str, name: str) -> SubjectView:
        """A user and what is held. Raises ``NotFound``."""
        found = (await subject_views.of(tx, application, [name])).get(name)
        if found is None:
            raise NotFound("no such subject")
        return found

    async def stop_secret(self, tx: Tx, change: str, provider: str) -> str:
        """A secret with which whoever holds the mail stops a held change.

        Args:
            provider: the only one that carries that mail; "" when any may.
        """
        secret = tokens.link_secret()
        await tx.run(
            insert(_s).values(hash=self._stop_hash(secret), change_id=change, provider=provider)
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

    async def stop(self, secret: str) -> bool:
        """Whoever holds one of our mails says: this was not me. The change is stopped; whether one
        was. An unknown secret does nothing."""
        hashed = self._stop_hash(secret)
        async with self._database.read() as tx:
            row = await tx.one(
                select(_h.c.id, _h.c.application, _h.c.account_id, _s.c.provider)
                .join(_s, _s.c.change_id == _h.c.id)
                .where(_s.c.hash == hashed, _h.c.due_at.is_not(None))
            )
        if row is None:
            return False
        return await self._database.retrying(lambda tx: self._stop(tx, row))

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
        await self._end(tx, row, "stopped")
        await tx.run(update(_h).where(_h.c.id == row["id"]).values(stopped_by=held["provider"]))
        return True

    async def apply_due(self) -> int:
        """Make the changes good whose hold is over and of which the owner was told; returns how
        many were looked at."""
        async with self._database.read() as tx:
            due = await tx.all(
                select(_h.c.id, _h.c.application)
                .where(_h.c.due_at <= tx.now, _h.c.told_at.is_not(None))
                .order_by(_h.c.due_at, _h.c.id)
                .limit(BATCH)
            )
        for one in due:
            await self._database.retrying(
                lambda tx, one=one: self._apply(tx, one["application"], one["id"])  # type: ignore[misc]
            )
        return len(due)

    async def _apply(self, tx: Tx, application: str, change: str) -> None:
        await applications.hold(tx, application)
        row = await tx.one(select(_h).where(_h.c.id == change, _h.c.due_at <= tx.now))
        if row is None:
            return
        account = row["account_id"]
        await tx.one(select(_a.c.id).where(_a.c.id == account).with_for_update())
        if row["kind"] == ERASE:
            await self._end(tx, row, "applied")
            await tx.run(delete(_a).where(_a.c.id == account))
            await record(self._database, tx, SubjectErased(account, application))
            return
        wanted = msgspec.json.decode(row["wanted"], type=Registration)
        owners = await self._owners(tx, application, [wanted])
        if set(owners.values()) - {account}:
            await self._end(tx, row, "taken")
            return
        keys = {self._key(one): one for one in wanted.addresses}
        await tx.run(delete(_c).where(_c.c.account_id == account, _c.c.address_key.not_in(keys)))
        new = [one for one in keys if one not in owners]
        if new:
            await tx.run(insert(_c), [self._point(tx, account, application, keys[k]) for k in new])
        await tx.run(
            update(_a)
            .where(_a.c.id == account)
            .values(
                {
                    "class": wanted.account_class,
                    "factor": wanted.factor.value,
                    "locale": wanted.locale,
                }
            )
        )
        await self._end(tx, row, "applied")

    async def _alone(self, tx: Tx, application: str) -> None:
        await applications.hold(tx, application)
        try:
            found = await applications.get(tx, application)
        except NotFound:
            found = None
        if found is None or found.revoked_at is not None:
            raise NotAllowed("this key is bound to no application that is in use")

    async def _change(
        self, tx: Tx, application: str, key: str, found: SubjectView, wanted: Registration
    ) -> SubjectView | MailkeepError:
        if only_language(found.stands, wanted):
            await self._end_pending(tx, found.account, "withdrawn")
            await tx.run(update(_a).where(_a.c.id == found.account).values(locale=wanted.locale))
            return SubjectView(found.subject, found.account, wanted, found.since)
        if found.pending is not None and only_language(found.pending, wanted):
            return found
        return await self._hold(
            tx, application, key, found, REPLACE, wanted, subject_views.what(found.stands, wanted)
        )

    async def _hold(
        self,
        tx: Tx,
        application: str,
        key: str,
        found: SubjectView,
        kind: str,
        wanted: Registration | None,
        what: str,
    ) -> SubjectView | MailkeepError:
        account = found.account
        if not await throttle.take(tx, account, "subject change", limit=CHANGES, window=DAY):
            return TooMany("this subject was changed too often today", retry_after=DAY / 1_000_000)
        await self._end_pending(tx, account, "replaced")
        due = tx.now + self.classes.of(found.stands.account_class).change_hold
        await tx.run(
            insert(_h).values(
                id=new_id("chg", tx.now),
                account_id=account,
                application=application,
                kind=kind,
                wanted="" if wanted is None else msgspec.json.encode(wanted).decode(),
                key_id=key,
                made_at=tx.now,
                due_at=due,
            )
        )
        fact = SubjectChangeHeld(account, application, kind, what, key, due)
        await record(self._database, tx, fact)
        return msgspec.structs.replace(found, pending=wanted, kind=kind, due=due)

    async def _end_pending(self, tx: Tx, account: str, why: str) -> None:
        rows = await tx.all(select(_h).where(_h.c.account_id == account, _h.c.due_at.is_not(None)))
        for row in rows:
            await self._end(tx, row, why)

    async def _end(self, tx: Tx, row: RowMapping, why: str) -> None:
        await tx.run(
            update(_h)
            .where(_h.c.id == row["id"])
            .values(due_at=None, ended_at=tx.now, why=why, wanted="")
        )
        fact = SubjectChangeEnded(row["account_id"], row["application"], row["kind"], why)
        await record(self._database, tx, fact)

    async def _insert(
        self, tx: Tx, application: str, key: str, fresh: Sequence[tuple[str, str, Registration]]
    ) -> None:
        if not fresh:
            return
        await tx.run(
            insert(_a),
            [
                {
                    "id": account,
                    "class": one.account_class,
                    "created_at": tx.now,
                    "application": application,
                    "subject": name,
                    "factor": one.factor.value,
                    "locale": one.locale,
                }
                for account, name, one in fresh
            ],
        )
        points = [
            self._point(tx, account, application, address)
            for account, _, one in fresh
            for address in one.addresses
        ]
        await tx.run(insert(_c), points)
        made = tuple(account for account, _, _ in fresh)
        await record(self._database, tx, SubjectsRegistered(application, key, made))

    def _point(self, tx: Tx, account: str, application: str, address: str) -> dict[str, object]:
        return {
            "id": new_id("cpt", tx.now),
            "account_id": account,
            "address_key": self._key(address),
            "address": address,
            "created_at": tx.now,
            "confirmed_at": tx.now,  # the application vouches for it
            "application": application,
        }

    async def _count(self, tx: Tx, application: str, key: str) -> None:
        """Say when one application's users are changed in masses."""
        since = tx.now - DAY
        mine = _h.c.application == application, _h.c.made_at > since
        count = await tx.value(select(func.count(_h.c.account_id.distinct())).where(*mine)) or 0
        if count <= MANY:
            return
        of = await tx.value(
            select(func.count()).select_from(_a).where(_a.c.application == application)
        )
        many = count > SHARE * (of or 0)
        if many and await throttle.take(tx, application, "rewritten", limit=1, window=DAY):
            await record(self._database, tx, SubjectsRewritten(application, key, count, of or 0))

    async def _owners(
        self, tx: Tx, application: str, wanted: Sequence[Registration]
    ) -> dict[str, str]:
        """Whose the addresses are, by their pseudonyms; those that are nobody's are left out."""
        keys = {self._key(one) for each in wanted for one in each.addresses}
        return await subject_views.owners(tx, application, keys)

    def _key(self, address: str) -> str:
        return self._keys.pseudonym("address", addresses.key(address))

    def _stop_hash(self, secret: str) -> str:
        return self._keys.lookup_hash("subject stop", tokens.fold(secret))

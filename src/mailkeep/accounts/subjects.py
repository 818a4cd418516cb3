"""Users of client applications: registered beforehand, changed only after a hold.

A new user is registered at once. A change of what recovers an existing one is told to every address
on record, and somebody other than the key must agree to it: the owner, in mails over two
independent routes, or the application itself, with its client secret. It then waits for the
``change_hold`` of its class: until that is over recovery uses the old data, everybody is told
again, and whoever holds one of those mails can stop it. What nobody agrees to lapses. An erasure
waits in the same way: a name that became free at once could be registered again, with a thief's
address.

Another language alone opens nothing: it holds at once, and is told in the language from before.

Attacks met here: a thief of an application's API key rewrites addresses, erases and registers anew,
claims that there is no second factor any more, waits for owners who read no mail, has what warns
them written in a language that they do not read, or floods every owner with notices.
"""

from collections.abc import Sequence
from functools import partial

import msgspec
from sqlalchemy import delete, func, insert, select, update

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import Conflict, MailkeepError, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import applications, subject_views, tables, throttle
from .classes import Classes
from .events import (
    SubjectChangeHeld,
    SubjectErased,
    SubjectLanguageChanged,
    SubjectsRegistered,
    SubjectsRewritten,
)
from .language import Languages
from .registration import Registration, only_language
from .subject_answers import APPLICATION, end
from .subject_views import ERASE, FORGET, REPLACE, SubjectView

_a, _c = tables.accounts, tables.contact_points
_h = tables.subject_changes

CHANGES = 5  #: of one user in a day: each is announced, and nobody's mailbox is to be flooded
MANY = 20  #: users changed in a day that are no mass rewrite, however few there are
SHARE = 0.02  #: of the users, the same
LAPSES = 14 * DAY  #: after which a change that nobody agreed to is over
BATCH = 50  #: changes that are applied in one transaction


class _Users:
    """How many users an application has: counted once in a request, which may have hundreds to
    change, and only where it matters."""

    def __init__(self, application: str) -> None:
        self._application = application
        self._count: int | None = None

    async def count(self, tx: Tx) -> int:
        if self._count is None:
            ours = (_a.c.application == self._application, _a.c.subject.is_not(None))
            self._count = await tx.value(select(func.count()).select_from(_a).where(*ours)) or 0
        return self._count


class Subjects:
    """What may be done to the users of applications.

    Args:
        database: where they are.
        keys: name addresses.
        classes: which a user may have.
        languages: in which they are written to.
    """

    def __init__(
        self, database: Database, keys: KeyRing, classes: Classes, languages: Languages
    ) -> None:
        self._database = database
        self._keys = keys
        self.classes = classes
        self._languages = languages

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
            TooMany: this one was changed too often today, or too many of the users were.

        Raises:
            NotAllowed: the application is revoked.
        """
        await applications.alone(tx, application)
        before = await subject_views.of(tx, application, [name for name, _ in wanted])
        taken = await self._owners(tx, application, [one for _, one in wanted])
        out: list[SubjectView | MailkeepError] = []
        fresh: list[tuple[str, str, Registration]] = []
        users = _Users(application)
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
            out.append(await self._change(tx, application, key, found, registration, users))
        await self._insert(tx, application, key, fresh)
        return out

    async def erase(self, tx: Tx, application: str, key: str, name: str) -> SubjectView | TooMany:
        """Have a user forgotten, when somebody agrees and after the hold; ``TooMany`` is returned
        as by ``register``: what was recorded about it is to be committed.

        Raises:
            NotFound: no such user.
            NotAllowed: the application is revoked.
        """
        await applications.alone(tx, application)
        found = (await subject_views.of(tx, application, [name])).get(name)
        if found is None:
            raise NotFound("no such subject")
        if found.kind == ERASE:
            return found
        users = _Users(application)
        return await self._hold(tx, application, key, found, ERASE, None, FORGET, users)

    async def get(self, tx: Tx, application: str, name: str) -> SubjectView:
        """A user and what is held. Raises ``NotFound``."""
        found = (await subject_views.of(tx, application, [name])).get(name)
        if found is None:
            raise NotFound("no such subject")
        return found

    async def apply_due(self) -> int:
        """Make the changes good whose hold is over and of which the owner was told, and let lapse
        what nobody agreed to; returns how many were looked at."""
        async with self._database.read() as tx:
            due = await tx.all(
                select(_h.c.id, _h.c.application)
                .where(_h.c.due_at <= tx.now, _h.c.told_at.is_not(None) | _h.c.agreed_at.is_(None))
                .order_by(_h.c.due_at, _h.c.id)
                .limit(BATCH)
            )
        for one in due:
            apply = partial(self._apply, application=one["application"], change=one["id"])
            await self._database.retrying(apply)
        return len(due)

    async def _apply(self, tx: Tx, application: str, change: str) -> None:
        await applications.hold(tx, application)
        row = await tx.one(select(_h).where(_h.c.id == change, _h.c.due_at <= tx.now))
        if row is None:
            return
        account = row["account_id"]
        await tx.one(select(_a.c.id).where(_a.c.id == account).with_for_update())
        if row["agreed_at"] is None:
            await end(self._database, tx, row, "unanswered")
            return
        if row["kind"] == ERASE:
            await end(self._database, tx, row, "applied")
            # The empty row stays, as every erased one: incidents count what hangs on it. Its name
            # and its addresses are free at once; the rest goes when the fact is heard.
            gone = {"subject": None, "locale": None, "factor": None, "erased_at": tx.now}
            await tx.run(update(_a).where(_a.c.id == account).values(gone))
            await tx.run(delete(_c).where(_c.c.account_id == account))
            await tx.run(delete(_h).where(_h.c.account_id == account))
            erased = SubjectErased(account=account, application=application)
            await record(self._database, tx, erased)
            return
        wanted = msgspec.json.decode(row["wanted"], type=Registration)
        owners = await self._owners(tx, application, [wanted])
        if set(owners.values()) - {account}:
            await end(self._database, tx, row, "taken")
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
        await end(self._database, tx, row, "applied")

    async def _change(
        self,
        tx: Tx,
        application: str,
        key: str,
        found: SubjectView,
        wanted: Registration,
        users: _Users,
    ) -> SubjectView | MailkeepError:
        if only_language(found.stands, wanted):
            # First: else a thief who spent the day's languages keeps what they asked for.
            await self._end_pending(tx, found.account, "withdrawn")
            much = await self._reword(tx, application, key, found, wanted.locale, users)
            if much is not None:
                return much
            return SubjectView(found.subject, found.account, wanted, found.since)
        if found.pending is not None and only_language(found.pending, wanted):
            return found
        what = subject_views.what(found.stands, wanted)
        return await self._hold(tx, application, key, found, REPLACE, wanted, what, users)

    async def _reword(
        self,
        tx: Tx,
        application: str,
        key: str,
        found: SubjectView,
        locale: str,
        users: _Users,
    ) -> TooMany | None:
        """Have a user written to in another language. Their addresses are told where they read
        another one from then on, so it is bounded as changes are. The way back to the language from
        before the first change of the day is free: who goes it went away, which was counted."""
        account, lane = found.account, "language"
        read, reads = self._languages.of(found.stands.locale), self._languages.of(locale)
        if read is not reads:
            day = partial(throttle.spent, tx, limit=1, window=DAY)
            if not await day(account, f"{lane} from {reads.tag}"):
                if not await day(account, lane):
                    await throttle.take(tx, account, f"{lane} from {read.tag}", limit=1, window=DAY)
                if not await throttle.take(tx, account, lane, limit=CHANGES, window=DAY):
                    return _too_many("the language of this subject was")
                few = not await throttle.spent(tx, application, lane, limit=MANY, window=DAY)
                most = MANY if few else max(MANY, int(SHARE * await users.count(tx)))
                if not await throttle.take(tx, application, lane, limit=most, window=DAY):
                    return _too_many("the language of too many subjects was")
            fact = SubjectLanguageChanged(
                account=account,
                application=application,
                key=key,
                before=read.tag,
                chosen=reads.name,
            )
            await record(self._database, tx, fact)
        await tx.run(update(_a).where(_a.c.id == account).values(locale=locale))
        return None

    async def _hold(
        self,
        tx: Tx,
        application: str,
        key: str,
        found: SubjectView,
        kind: str,
        wanted: Registration | None,
        what: str,
        users: _Users,
    ) -> SubjectView | TooMany:
        account = found.account
        crowded = await self._crowded(tx, application, key, account, users)
        if crowded or not await throttle.take(
            tx, account, "subject change", limit=CHANGES, window=DAY
        ):
            return _too_many("too many subjects were" if crowded else "this subject was")
        await self._end_pending(tx, account, "replaced")
        change, lapses = new_id("chg", tx.now), tx.now + LAPSES
        await tx.run(
            insert(_h).values(
                id=change,
                account_id=account,
                application=application,
                kind=kind,
                what=what,
                wanted="" if wanted is None else msgspec.json.encode(wanted).decode(),
                key_id=key,
                made_at=tx.now,
                due_at=lapses,
            )
        )
        fact = SubjectChangeHeld(
            account=account, application=application, change=kind, what=what, key=key, due=lapses
        )
        await record(self._database, tx, fact)
        return msgspec.structs.replace(
            found, pending=wanted, kind=kind, due=lapses, change=change, agreed=""
        )

    async def _end_pending(self, tx: Tx, account: str, why: str) -> None:
        rows = await tx.all(select(_h).where(_h.c.account_id == account, _h.c.due_at.is_not(None)))
        for row in rows:
            await end(self._database, tx, row, why)

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
        await record(
            self._database, tx, SubjectsRegistered(application=application, key=key, accounts=made)
        )

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

    async def _crowded(
        self, tx: Tx, application: str, key: str, account: str, users: _Users
    ) -> bool:
        """Whether so many of an application's users were changed in a day that no more may be: a
        thief of the key must not have every owner written to. What the application has answered for
        is not counted. Said once a day."""
        changed = (
            select(_h.c.account_id)
            .distinct()
            .where(
                _h.c.application == application,
                _h.c.made_at > tx.now - DAY,
                _h.c.account_id != account,
                func.coalesce(_h.c.agreed_by, "") != APPLICATION,
            )
        )
        count = await tx.value(select(func.count()).select_from(changed.subquery())) or 0
        if count < MANY:
            return False
        of = await users.count(tx)
        if count < SHARE * of:
            return False
        if await throttle.take(tx, application, "rewritten", limit=1, window=DAY):
            await record(
                self._database,
                tx,
                SubjectsRewritten(application=application, key=key, count=count, of=of),
            )
        return True

    async def _owners(
        self, tx: Tx, application: str, wanted: Sequence[Registration]
    ) -> dict[str, str]:
        """Whose the addresses are, by their pseudonyms; those that are nobody's are left out."""
        keys = {self._key(one) for each in wanted for one in each.addresses}
        return await subject_views.owners(tx, application, keys)

    def _key(self, address: str) -> str:
        return self._keys.pseudonym("address", addresses.key(address))


def _too_many(whose: str) -> TooMany:
    return TooMany(f"{whose} changed of late: try again tomorrow", retry_after=DAY / SECOND)

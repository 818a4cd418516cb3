"""Passwords: check, hash, store, verify and invalidate them."""

from sqlalchemy import select, update

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, NotSignedIn, TooMany
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import foreign, policy, queries, tables, throttle
from .events import PasswordRemoved, PasswordSet
from .factors.record import bound
from .factors.types import Kind
from .hashing import SlowHash

LOOKED_AT = 200  #: imported hashes, to know how they were made
TRIES = 10  #: wrong ones in a window, for each known browser and for each network
NO_HASH = "!"  #: no hash looks like it, so no password fits


class Passwords:
    """The passwords of all accounts.

    Args:
        database: where their hashes are.
        slow: hashes them.
    """

    def __init__(self, database: Database, slow: SlowHash) -> None:
        self._database = database
        self._slow = slow

    async def prove(self, account: str, current: str, network: str) -> str | None:
        """Who is signed in shows the password again, before what opens the account is changed
        (ASVS 7.5.1): a stolen session must not become a stolen account. Returns the kept hash.

        Args:
            network: pseudonym of where the visit comes from; see ``places``.

        Raises:
            NotSignedIn: it is wrong.
            TooMany: too many wrong ones.
        """
        async with self._database.write() as tx:
            allowed = await throttle.take(
                tx, account, "change", limit=TRIES, window=throttle.WINDOW
            )
            kept = await queries.password_hash(tx, account)
        if not allowed:
            raise TooMany("too many tries", retry_after=throttle.WAIT)
        if not await self.right(kept, current, of=network, proved=True):
            raise NotSignedIn("the current password is wrong", field="current")
        async with self._database.write() as tx:
            await throttle.clear(tx, account, "change")
        return kept

    async def right(self, kept: str | None, typed: str, *, of: str, proved: bool = False) -> bool:
        """Whether a typed password is the one that a hash was made of; slow, and as slow for None.

        Args:
            of: the network of whoever has it looked at; ``proved`` where they have shown something
                already; see ``places``.

        Raises:
            Unavailable: too many wait already.
        """
        typed = typed[: policy.LONGEST + 1]
        # Other systems take what comes as it comes.
        if kept is None or not foreign.is_foreign(kept):
            typed = policy.normalise(typed)
        return await self._slow.check("password", typed, kept, of=of, proved=proved)

    async def anew(self, kept: str | None, typed: str, *, of: str) -> str | None:
        """A fresh hash of a password that was right just now, where the kept one is outdated;
        else None. ``renew`` writes it. ``of`` as for ``right``."""
        if kept is None or not self._slow.outdated(kept):
            return None
        typed = policy.normalise(typed[: policy.LONGEST + 1])
        return await self._slow.make("password", typed, of=of, proved=True)

    async def renew(self, tx: Tx, account: str, kept: str | None, fresh: str) -> None:
        """Replace a hash by a better one of the same password; nothing, when it is another one
        meanwhile."""
        p = tables.passwords
        await tx.run(
            update(p)
            .where(p.c.account_id == account, p.c.hash == kept)
            .values(hash=fresh, imported_at=None)
        )

    async def look_for_imported(self, tx: Tx) -> None:
        """Have every check of a password take as long as one of an imported hash, while there are
        such; see ``SlowHash.expect``."""
        p = tables.passwords
        some = select(p.c.hash).where(p.c.imported_at.is_not(None)).limit(LOOKED_AT)
        left = [row["hash"] for row in await tx.all(some)]
        if not left:
            self._slow.decoys = {}
        self._slow.expect(foreign.split(one)[0] for one in left)

    async def make(
        self, password: str, *, has_factor: bool, about: list[str], of: str, proved: bool = False
    ) -> str:
        """Check a new password and hash it; ``of``, ``proved`` as for ``right``. Raises
        ``Invalid``, and ``Unavailable`` where too many wait already."""
        password = await self._slow.judge(
            password, has_factor=has_factor, about=about, of=of, proved=proved
        )
        return await self._slow.make("password", password, of=of, proved=proved)

    async def write(self, tx: Tx, account: str, kept: str, *, by: str) -> None:
        """Write what ``make`` made. The caller has seen every proof that is needed."""
        values = {"hash": kept, "set_at": tx.now, "imported_at": None}
        await tx.run(
            tx.upsert(tables.passwords)
            .values(account_id=account, **values)
            .on_conflict_do_update(index_elements=["account_id"], set_=values)
        )
        await record(self._database, tx, PasswordSet(account=account, by=by))

    async def remove(self, tx: Tx, account: str) -> None:
        """Take the password away for good: passkeys open the account, and no reset does.

        Raises:
            Conflict: one lost device would lose the account.
        """
        await queries.account(tx, account, lock=True)
        # What its owner can still deny is no way in to rely on.
        kinds = [one.kind for one in await bound(tx, account) if one.held_by is None]
        if kinds.count(Kind.PASSKEY) + (Kind.SAVED_CODES in kinds) < 2 or (
            Kind.PASSKEY not in kinds
        ):
            raise Conflict("add a second passkey, or a passkey and saved codes, first")
        p = tables.passwords
        if await tx.run(p.delete().where(p.c.account_id == account)):
            await record(self._database, tx, PasswordRemoved(account=account))

    async def recoverable(self, tx: Tx, account: str) -> None:
        """Where no passkey and no password is left to an account of ours, have a recovery be able
        to write one again: nothing else would ever open it."""
        kinds = {one.kind for one in await bound(tx, account)}
        if Kind.PASSKEY in kinds or (await queries.account(tx, account)).application:
            return
        values = {"account_id": account, "hash": NO_HASH, "set_at": tx.now}
        await tx.run(tx.upsert(tables.passwords).values(**values).on_conflict_do_nothing())

    async def disable(self, tx: Tx, account: str, since: Instant, until: Instant) -> bool:
        """Make a password that was written in a window open nothing; one written later stands."""
        p = tables.passwords
        changed = await tx.run(
            update(p)
            .where(p.c.account_id == account, p.c.set_at >= since, p.c.set_at <= until)
            .values(hash=NO_HASH, imported_at=None)
        )
        return bool(changed)

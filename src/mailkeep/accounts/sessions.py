"""Sessions: created, looked up, listed and ended.

The browser holds a secret of 130 bits; the database holds its keyed hash. A session ends after the
absolute and idle times that its account's class sets, by default 24 hours and one hour (SP
800-63B-4 section 2.2.3), whatever the cookie says.
"""

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import tokens
from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import NotAllowed, NotSignedIn
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .classes import Classes, ClassPolicy
from .events import SessionsEnded, SignedInFact
from .queries import NOT_THE_OWNERS, RECOVERED, knows_browser, session_view
from .queries import account as account_of
from .types import AccountView, Origin, SessionView, SignedIn, Stage

_s = tables.sessions
PROVED = "proved"  #: why a session ended that goes on under a new secret
WAITS = 10 * MINUTE  #: for how long one is good that is not full: a right password, a ticket
_SEEN_STEP = MINUTE  #: how exactly the last use is kept: not every request needs a write


class Sessions:
    """The sessions of all accounts.

    Args:
        database: where they are kept.
        keys: hash their secrets.
        classes: how long full ones last.
    """

    def __init__(self, database: Database, keys: KeyRing, classes: Classes | None = None) -> None:
        self._database = database
        self._keys = keys
        self._classes = classes or Classes()

    async def create(
        self,
        tx: Tx,
        account: str,
        origin: Origin,
        stage: Stage = Stage.FULL,
        *,
        confirmed: bool = False,
    ) -> SignedIn:
        """A new session; its secret is returned once.

        Args:
            confirmed: everything was shown for it just now by who was signed in already.
        """
        secret, session = tokens.link_secret(), new_id("ses", tx.now)
        await tx.run(
            insert(_s).values(
                id=session,
                account_id=account,
                hash=self._hash(secret),
                stage=stage.value,
                browser=origin.browser,
                network=origin.network,
                agent=origin.agent,
                place=origin.place,
                created_at=tx.now,
                seen_at=tx.now,
                confirmed_at=tx.now if confirmed else None,
            )
        )
        return SignedIn(session, account, stage, Secret(secret))

    async def enter(
        self,
        tx: Tx,
        account: str,
        origin: Origin,
        *,
        factor: bool,
        known: bool | None = None,
    ) -> SignedIn:
        """A full session for who has shown all that was asked.

        Args:
            factor: a second factor was proved for it.
            known: whether the account knows the browser, where that was looked up already.
        """
        if known is None:
            known = await knows_browser(tx, account, origin.browser)
        made = await self.create(tx, account, origin)
        fact = SignedInFact(
            account=account,
            session=made.session,
            network=origin.network,
            browser=origin.browser,
            factor=factor,
            known_browser=known,
            agent=origin.agent,
            place=origin.place,
        )
        await record(self._database, tx, fact)
        return made

    async def finish(self, tx: Tx, session: str) -> bool:
        """End a session that another one takes the place of; False when it has ended already."""
        return (
            await tx.run(
                update(_s)
                .where(_s.c.id == session, _s.c.ended_at.is_(None))
                .values(ended_at=tx.now, ended_why=PROVED)
            )
            == 1
        )

    async def remember(self, tx: Tx, account: str, origin: Origin) -> None:
        """Make a browser known without letting it in: a session that has ended already."""
        made = await self.create(tx, account, origin)
        await tx.run(
            update(_s).where(_s.c.id == made.session).values(ended_at=tx.now, ended_why="known")
        )

    async def disown(self, tx: Tx, account: str, since: Instant, until: Instant) -> None:
        """Sessions that began between two instants, and have ended, were not the owner's, however
        they ended: what they came from is not known by them, nor ever was. That a recovery ended
        them says less than this does."""
        began = (_s.c.created_at >= since, _s.c.created_at <= until)
        said = set(NOT_THE_OWNERS) - {RECOVERED}
        ended = (_s.c.ended_at.is_not(None), _s.c.ended_why.not_in(said))
        await tx.run(
            update(_s).where(_s.c.account_id == account, *began, *ended).values(ended_why="denied")
        )

    async def lookup(self, secret: str, stage: Stage = Stage.FULL) -> SessionView:
        """The live session of a secret; notes that it was used.

        Raises:
            NotSignedIn: none, ended, too old, idle, its account frozen, or at another stage.
        """
        async with self._database.read() as tx:
            found = await self.find(tx, secret, stage)
        if found is None:
            raise NotSignedIn("sign in first")
        if stage is Stage.FULL:
            await self.seen(found)
        return found

    async def seen(self, session: SessionView) -> None:
        """Note that a full session was used."""
        if self._database.clock.now() - session.seen_at < _SEEN_STEP:
            return
        async with self._database.write() as tx:
            await tx.run(
                update(_s)
                .where(_s.c.id == session.id, _s.c.ended_at.is_(None))
                .values(seen_at=tx.now)
            )

    async def find(self, tx: Tx, secret: str, stage: Stage) -> SessionView | None:
        """The same in the caller's transaction, without noting the use."""
        return await self._find(tx, _s.c.hash == self._hash(secret), stage)

    async def live_one(self, tx: Tx, session: str) -> SessionView | None:
        """A full session by its id, while it is live."""
        return await self._find(tx, _s.c.id == session, Stage.FULL)

    async def ends_at(self, tx: Tx, session: SessionView) -> Instant:
        """When a session is over at the latest."""
        view = await account_of(tx, session.account)
        return session.created_at + self._classes.of(view.account_class).session_life

    async def _find(self, tx: Tx, which: ColumnElement[bool], stage: Stage) -> SessionView | None:
        a = tables.accounts
        row = await tx.one(
            select(_s, a.c["class"].label("of_class"))
            .join(a, a.c.id == _s.c.account_id)
            .where(
                which,
                _s.c.stage == stage.value,
                a.c.frozen_until.is_(None) | (a.c.frozen_until <= tx.now),
                _s.c.ended_at.is_(None),
            )
        )
        if row is None:
            return None
        if stage is not Stage.FULL:
            waits = row["created_at"] > tx.now - WAITS
            return session_view(row) if waits else None
        return session_view(row) if lives(row, self._classes.of(row["of_class"]), tx.now) else None

    async def of(self, tx: Tx, account: str) -> list[SessionView]:
        """The live sessions of an account, newest first."""
        return await live(tx, await account_of(tx, account), self._classes)

    async def end(self, tx: Tx, account: str, session: str, why: str = "owner") -> bool:
        """End one session; False when it is not of this account, or over already."""
        ended = await tx.run(
            update(_s)
            .where(_s.c.id == session, _s.c.account_id == account, _s.c.ended_at.is_(None))
            .values(ended_at=tx.now, ended_why=why)
        )
        if ended:
            await record(
                self._database,
                tx,
                SessionsEnded(account=account, count=ended, why=why, session=session),
            )
        return bool(ended)

    async def end_all(self, tx: Tx, account: str, why: str, *, but: str = "") -> int:
        """End every session of an account; returns how many. ``why``: see ``SessionsEnded``.
        ``but``: the one that stays.

        Expired ones are marked too, and those that went on under a new secret into one that ends
        now: what a thief's browser once held must not make it known. After a recovery nothing that
        was before it does: a thief may have signed out in time.
        """
        if why == RECOVERED:
            over = (_s.c.account_id == account, _s.c.ended_why.not_in(NOT_THE_OWNERS))
            await tx.run(update(_s).where(*over).values(ended_why=why))
        elif why in NOT_THE_OWNERS:
            now = select(_s.c.browser).where(
                _s.c.account_id == account, _s.c.ended_at.is_(None), _s.c.id != but
            )
            before = (_s.c.account_id == account, _s.c.ended_why == PROVED, _s.c.browser.in_(now))
            await tx.run(update(_s).where(*before).values(ended_why=why))
        ended = await tx.run(
            update(_s)
            .where(_s.c.account_id == account, _s.c.ended_at.is_(None), _s.c.id != but)
            .values(ended_at=tx.now, ended_why=why)
        )
        if ended:
            await record(self._database, tx, SessionsEnded(account=account, count=ended, why=why))
        return ended

    def _hash(self, secret: str) -> str:
        return self._keys.lookup_hash("session", tokens.fold(secret))


async def require_going_on(tx: Tx, session: str) -> None:
    """What was looked at before slow work may have changed since: whoever ends a session means what
    it is about to do as well. To be called when its account is locked.

    Raises:
        NotSignedIn: it has ended meanwhile, or its account is frozen.
        NotAllowed: what was shown in it counts no more, since a factor was bound elsewhere.
    """
    a = tables.accounts
    row = await tx.one(
        select(_s.c.stage, _s.c.confirmed_at)
        .join(a, a.c.id == _s.c.account_id)
        .where(
            _s.c.id == session,
            _s.c.ended_at.is_(None),
            a.c.frozen_until.is_(None) | (a.c.frozen_until <= tx.now),
        )
    )
    if row is None:
        raise NotSignedIn("sign in first")
    if row["stage"] == Stage.FULL.value and row["confirmed_at"] is None:
        raise NotAllowed("show first that it is you", field="fresh")


async def unconfirm(tx: Tx, account: str, *, but: str = "") -> None:
    """What was shown in other sessions before a factor was bound is no longer everything; who
    came in there to bind the first one comes too late, since the password alone was asked."""
    late = (_s.c.account_id == account, _s.c.id != but, _s.c.stage == Stage.ENROL.value)
    await tx.run(
        update(_s).where(*late, _s.c.ended_at.is_(None)).values(ended_at=tx.now, ended_why="bound")
    )
    await tx.run(
        update(_s)
        .where(_s.c.account_id == account, _s.c.id != but, _s.c.confirmed_at.is_not(None))
        .values(confirmed_at=None)
    )


def lives(row: RowMapping, policy: ClassPolicy, now: Instant) -> bool:
    """Whether a full session that nobody ended is still good in its account's class (pure)."""
    return bool(
        row["created_at"] > now - policy.session_life and row["seen_at"] > now - policy.session_idle
    )


async def live(tx: Tx, account: AccountView, classes: Classes) -> list[SessionView]:
    """The live sessions of an account, newest first."""
    rows = await tx.all(
        select(_s)
        .where(
            _s.c.account_id == account.id,
            _s.c.stage == Stage.FULL.value,
            _s.c.ended_at.is_(None),
        )
        .order_by(_s.c.id.desc())
    )
    policy = classes.of(account.account_class)
    return [session_view(row) for row in rows if lives(row, policy, tx.now)]

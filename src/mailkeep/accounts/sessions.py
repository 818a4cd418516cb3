"""Sessions: made, looked up, listed, ended.

The browser holds a secret of 130 bits; the database its keyed hash. A session ends after 24 hours,
or one hour unused (SP 800-63B-4 section 2.2.3), whatever the cookie says.
"""

from sqlalchemy import ColumnElement, insert, select, update

from mailkeep.base import tokens
from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import NotSignedIn
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .events import SessionsEnded, SignedInFact
from .queries import knows_browser, session_view
from .types import AccountSettings, Origin, SessionView, SignedIn, Stage

_s = tables.sessions
_SEEN_STEP = MINUTE  #: how exactly the last use is kept: not every request needs a write


class Sessions:
    """The sessions of all accounts.

    Args:
        database: where they are kept.
        keys: hash their secrets.
        settings: their lifetimes.
    """

    def __init__(
        self, database: Database, keys: KeyRing, settings: AccountSettings | None = None
    ) -> None:
        self._database = database
        self._keys = keys
        self._settings = settings or AccountSettings()

    async def create(
        self,
        tx: Tx,
        account: str,
        browser: str,
        network: str,
        stage: Stage = Stage.FULL,
        *,
        agent: str = "",
        place: str | None = None,
        confirmed: bool = False,
    ) -> SignedIn:
        """A new session; its secret is returned once.

        Args:
            browser, network, agent, place: see ``types.Origin``.
            confirmed: everything was shown for it just now by who was signed in already.
        """
        secret, session = tokens.link_secret(), new_id("ses", tx.now)
        await tx.run(
            insert(_s).values(
                id=session,
                account_id=account,
                hash=self._hash(secret),
                stage=stage.value,
                browser=browser,
                network=network,
                agent=agent,
                place=place,
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
        browser: str,
        network: str,
        *,
        factor: bool,
        known: bool | None = None,
        agent: str = "",
        place: str | None = None,
    ) -> SignedIn:
        """A full session for who has shown all that was asked.

        Args:
            factor: a second factor was proved for it.
            agent, place: see ``types.Origin``.
            known: whether the account knows the browser, where that was looked up already.
        """
        if known is None:
            known = await knows_browser(tx, account, browser)
        made = await self.create(tx, account, browser, network, agent=agent, place=place)
        fact = SignedInFact(
            *(account, made.session, network, browser, factor, known), *(agent, place)
        )
        await record(self._database, tx, fact)
        return made

    async def finish(self, tx: Tx, session: str) -> bool:
        """End a session that another one takes the place of; False when it has ended already."""
        return (
            await tx.run(
                update(_s)
                .where(_s.c.id == session, _s.c.ended_at.is_(None))
                .values(ended_at=tx.now, ended_why="proved")
            )
            == 1
        )

    async def remember(self, tx: Tx, account: str, origin: Origin) -> None:
        """Make a browser known without letting it in: a session that has ended already."""
        made = await self.create(
            tx, account, origin.browser, origin.network, agent=origin.agent, place=origin.place
        )
        await tx.run(
            update(_s).where(_s.c.id == made.session).values(ended_at=tx.now, ended_why="known")
        )

    async def disown(self, tx: Tx, account: str, since: Instant) -> None:
        """Take back what ``remember`` did from an instant on."""
        await tx.run(
            update(_s)
            .where(_s.c.account_id == account, _s.c.created_at >= since, _s.c.ended_why == "known")
            .values(ended_why="denied")
        )

    async def lookup(self, secret: str, stage: Stage = Stage.FULL) -> SessionView:
        """The live session of a secret; notes that it was used.

        Raises:
            NotSignedIn: none, ended, too old, idle, its account frozen, or at another stage.
        """
        async with self._database.read() as tx:
            found = await self.find(tx, secret, stage)
            now = tx.now
        if found is None:
            raise NotSignedIn("sign in first")
        if stage is Stage.FULL and now - found.seen_at >= _SEEN_STEP:
            async with self._database.write() as tx:
                await tx.run(
                    update(_s)
                    .where(_s.c.id == found.id, _s.c.ended_at.is_(None))
                    .values(seen_at=tx.now)
                )
        return found

    async def find(self, tx: Tx, secret: str, stage: Stage) -> SessionView | None:
        """The same in the caller's transaction, without noting the use."""
        a = tables.accounts
        row = await tx.one(
            select(_s)
            .join(a, a.c.id == _s.c.account_id)
            .where(
                _s.c.hash == self._hash(secret),
                _s.c.stage == stage.value,
                a.c.frozen_until.is_(None) | (a.c.frozen_until <= tx.now),
                *self._live(tx.now, stage),
            )
        )
        return None if row is None else session_view(row)

    async def of(self, tx: Tx, account: str) -> list[SessionView]:
        """The live sessions of an account, newest first."""
        rows = await tx.all(
            select(_s)
            .where(
                _s.c.account_id == account,
                _s.c.stage == Stage.FULL.value,
                *self._live(tx.now, Stage.FULL),
            )
            .order_by(_s.c.id.desc())
        )
        return [session_view(row) for row in rows]

    async def end(self, tx: Tx, account: str, session: str) -> bool:
        """Its owner ends one session; False when it is not theirs, or over already."""
        ended = await tx.run(
            update(_s)
            .where(_s.c.id == session, _s.c.account_id == account, _s.c.ended_at.is_(None))
            .values(ended_at=tx.now, ended_why="owner")
        )
        if ended:
            await record(self._database, tx, SessionsEnded(account, ended, "owner"))
        return bool(ended)

    async def end_all(self, tx: Tx, account: str, why: str, *, but: str = "") -> int:
        """End every session of an account; returns how many. ``why``: see ``SessionsEnded``.
        ``but``: the one that stays.

        Expired ones are marked too: what a thief's browser once held must not make it known.
        """
        ended = await tx.run(
            update(_s)
            .where(_s.c.account_id == account, _s.c.ended_at.is_(None), _s.c.id != but)
            .values(ended_at=tx.now, ended_why=why)
        )
        if ended:
            await record(self._database, tx, SessionsEnded(account, ended, why))
        return ended

    def _live(self, now: Instant, stage: Stage) -> tuple[ColumnElement[bool], ...]:
        if stage is not Stage.FULL:
            return (_s.c.ended_at.is_(None), _s.c.created_at > now - self._settings.factor_life)
        return (
            _s.c.ended_at.is_(None),
            _s.c.created_at > now - self._settings.session_life,
            _s.c.seen_at > now - self._settings.session_idle,
        )

    def _hash(self, secret: str) -> str:
        return self._keys.lookup_hash("session", tokens.fold(secret))


async def unconfirm(tx: Tx, account: str, *, but: str = "") -> None:
    """What was shown in other sessions before a factor was bound is no longer everything."""
    await tx.run(
        update(_s)
        .where(_s.c.account_id == account, _s.c.id != but, _s.c.confirmed_at.is_not(None))
        .values(confirmed_at=None)
    )

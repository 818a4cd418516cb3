"""Signs users whose accounts are kept here in to applications (OpenID Connect Core section 3.1).

The browser of who is signed in takes a code to the application, good once, for a minute, for who
authenticates and holds the verifier (RFC 7636). The application gets an ID token and an access
token; with this it asks again whether the user is still signed in (section 5.3). So whoever is
signed out here, by their own hand, a denial or an incident, is signed out there with its next
question.

Attacks met here: a code that was stolen, injected, or shown twice, by another application or with
another verifier or redirect URI (RFC 9700 sections 2.1 and 4.5): it has leaked, so all that came of
it is void. A site, or an application with an account of its own, that has codes made without end:
rows and facts are bounded for each session and application, and what is new is never refused.
"""

import secrets
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, delete, insert, select, update

from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant
from mailkeep.base.errors import Conflict, NotSignedIn
from mailkeep.base.ids import earliest, new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import applications, queries, tables, throttle
from .applications import ApplicationView
from .events import ApplicationRefused, ApplicationSignedIn
from .sessions import Sessions
from .types import SessionView

CODE_LIFE = MINUTE  #: RFC 6749 section 4.1.2 asks for ten minutes at most
ID_LIFE = 60  #: seconds for which an ID token is to be believed
LONGEST = 200  #: characters of a code or token that are looked at
MOST = 20  #: of one session and application: codes that wait, and tokens that stand, the newest
TOLD = 100  #: leaked codes of one account in a day that make a fact each

#: Authentication context: what was proved for the session.
ONE_FACTOR = "urn:mailkeep:acr:password"
WITH_FACTOR = "urn:mailkeep:acr:factor"
CONTEXTS = (ONE_FACTOR, WITH_FACTOR)

_g, _a = tables.sign_in_grants, tables.applications


class SignIn(msgspec.Struct, frozen=True):
    """What an application sent a browser here for.

    Attributes:
        challenge: of the code's verifier, by S256.
        mail: it wants to know an address.
    """

    application: str
    redirect_uri: str
    nonce: str
    challenge: str
    mail: bool


class Granted(msgspec.Struct, frozen=True):
    """What an application gets for a code, once.

    Attributes:
        claims: of the ID token, to be signed.
        token: with which it asks whether the user is still signed in.
        seconds: for so long, at the most.
        scope: what of the scope was granted.
    """

    claims: dict[str, Any]
    token: Secret
    seconds: int
    scope: str


class SigningIn:
    """What may be done with sign-ins at applications.

    Args:
        database, keys: as everywhere.
        sessions: say who is still signed in.
    """

    def __init__(self, database: Database, keys: KeyRing, sessions: Sessions) -> None:
        self._database = database
        self._keys = keys
        self._sessions = sessions

    async def grant(self, session: SessionView, asked: SignIn) -> Secret:
        """A code for the application, which the browser of a live session takes there.

        Raises:
            NotSignedIn: the session has ended meanwhile.
        """
        code = f"mki_{secrets.token_urlsafe(32)}"
        hashed = self._hash("code", code)
        if not await self._database.retrying(lambda tx: self._grant(tx, session, asked, hashed)):
            raise NotSignedIn("sign in first")
        return Secret(code)

    async def _grant(self, tx: Tx, session: SessionView, asked: SignIn, hashed: str) -> bool:
        # First the account, as everywhere: of one that is being erased nothing is written.
        await queries.account(tx, session.account, lock=True)
        if await self._sessions.live_one(tx, session.id) is None:
            return False
        # Another site may send a browser here again and again: what was not taken is nothing.
        waiting = (_g.c.account_id == session.account, _g.c.token.is_(None))
        await tx.run(delete(_g).where(*waiting, _g.c.made_at <= tx.now - CODE_LIFE))
        await _newest(tx, session, asked.application, _g.c.token.is_(None))
        await tx.run(
            insert(_g).values(
                id=new_id("grt", tx.now),
                account_id=session.account,
                session_id=session.id,
                code=hashed,
                made_at=tx.now,
                **msgspec.structs.asdict(asked),
            )
        )
        return True

    async def exchange(
        self, application: ApplicationView, code: str, redirect_uri: str, verifier: str, issuer: str
    ) -> Granted:
        """Hand the tokens over for a code, once (RFC 6749 section 4.1.3).

        Args:
            application: as it has proved who it is.
            issuer: our own name.

        Raises:
            Conflict: unknown, expired, used, another's, or without the right verifier or redirect
                URI, or the user is signed in no more: the same words.
        """
        hashed = self._hash("code", code)
        found = await self._database.retrying(
            lambda tx: self._exchange(tx, application, hashed, redirect_uri, verifier, issuer)
        )
        if found is None:
            raise Conflict("this code is wrong, used or expired")
        return found

    async def _exchange(
        self,
        tx: Tx,
        application: ApplicationView,
        hashed: str,
        redirect_uri: str,
        verifier: str,
        issuer: str,
    ) -> Granted | None:
        row = await tx.one(select(_g).where(_g.c.code == hashed).with_for_update())
        if row is None or row["revoked_why"] is not None:
            return None
        used = row["token"] is not None
        why = applications.leaked(row, application, redirect_uri, verifier, used=used)
        if why is not None:
            await tx.run(update(_g).where(_g.c.id == row["id"]).values(revoked_why=why))
            if await throttle.take(tx, row["account_id"], "leaked codes", limit=TOLD, window=DAY):
                refused = ApplicationRefused(
                    account=row["account_id"], application=row["application"], why=why
                )
                await record(self._database, tx, refused)
            return None
        session = await self._sessions.live_one(tx, row["session_id"])
        over = tx.now >= row["made_at"] + CODE_LIFE or row["made_at"] < application.secret_at
        if session is None or over:
            return None
        if await _newest(tx, session, application.id, _g.c.token.is_not(None)) == 0:
            told = ApplicationSignedIn(
                account=row["account_id"], application=application.id, session=session.id
            )
            await record(self._database, tx, told)
        token = f"mku_{secrets.token_urlsafe(32)}"
        await tx.run(
            update(_g).where(_g.c.id == row["id"]).values(token=self._hash("token", token))
        )
        about = await self._about(tx, session, mail=row["mail"])
        seconds = tx.now // SECOND
        claims: dict[str, Any] = {
            "iss": issuer,
            "aud": application.id,
            "iat": seconds,
            "exp": seconds + ID_LIFE,
            "auth_time": session.created_at // SECOND,
            **about,
        }
        if row["nonce"]:
            claims["nonce"] = row["nonce"]
        until = await self._sessions.ends_at(tx, session)
        scope = "openid email" if row["mail"] else "openid"
        return Granted(claims, Secret(token), max(0, (until - tx.now) // SECOND), scope)

    async def who(self, token: str) -> dict[str, Any]:
        """Who is signed in, as an application asks again (OpenID Connect Core section 5.3). It asks
        for who is there, so the session does not grow idle meanwhile.

        Raises:
            NotSignedIn: nobody is any more, or the token is wrong: the same words.
        """
        hashed = self._hash("token", token)
        async with self._database.read() as tx:
            row = await tx.one(_of(_g.c.token == hashed))
            session = None if row is None else await self._sessions.live_one(tx, row["session_id"])
            if row is None or session is None:
                raise NotSignedIn("nobody is signed in by this token")
            about = await self._about(tx, session, mail=row["mail"])
        await self._sessions.seen(session)
        return about

    async def _about(self, tx: Tx, session: SessionView, *, mail: bool) -> dict[str, Any]:
        factor = await queries.factor_since(tx, session.account, session.created_at)
        claims: dict[str, Any] = {
            "sub": session.account,
            "sid": session.id,
            "acr": WITH_FACTOR if factor else ONE_FACTOR,
        }
        if mail:
            points = await queries.contact_points(tx, session.account)
            counting = [one.address for one in points if one.counts]
            if counting:
                claims |= {"email": counting[0], "email_verified": True}
        return claims

    def _hash(self, what: str, secret: str) -> str:
        return self._keys.lookup_hash(f"sign-in {what}", secret[:LONGEST])


async def knows(tx: Tx, application: str, account: str) -> bool:
    """Whether an application was told lately that somebody is signed in to an account of ours."""
    told = (_g.c.account_id == account, _g.c.application == application, _g.c.token.is_not(None))
    return await tx.value(select(_g.c.id).where(*told).limit(1)) is not None


async def _newest(
    tx: Tx, session: SessionView, application: str, which: ColumnElement[bool]
) -> int:
    """Make room for one more of some grants; returns how many there were."""
    of = (_g.c.account_id == session.account, _g.c.session_id == session.id)
    query = select(_g.c.id).where(*of, _g.c.application == application, which)
    there = await tx.all(query.order_by(_g.c.id.desc()))
    gone = [row["id"] for row in there[MOST - 1 :]]
    if gone:
        await tx.run(delete(_g).where(_g.c.id.in_(gone)))
    return len(there)


def _of(which: ColumnElement[bool]) -> Select[Any]:
    """A grant that stands, of an application that is in use. A new client secret ends what came of
    the one before: whoever had that may have it too."""
    return (
        select(_g)
        .join(_a, _a.c.id == _g.c.application)
        .where(
            which,
            _g.c.revoked_why.is_(None),
            _g.c.made_at >= _a.c.secret_at,
            _a.c.revoked_at.is_(None),
            _a.c.signs_in,
        )
    )


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Forget grants that were made before an instant; returns how many. None outlives its session,
    which is over long before."""
    old = select(_g.c.id).where(_g.c.id < earliest("grt", before)).order_by(_g.c.id).limit(limit)
    return await tx.run(delete(_g).where(_g.c.id.in_(old)))

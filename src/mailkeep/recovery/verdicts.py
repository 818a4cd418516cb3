"""Verdicts: the signed result of a recovery, for an application that keeps its own accounts.

The browser takes back a code that is worth nothing by itself: it is valid once, for a minute, for
the application that authenticates and holds the verifier (RFC 6749 section 4.1, RFC 7636). The
application gets an ID token for it, and asks with its access token, at the moment in which it
writes the new password, whether the verdict still stands: up to then an owner can take it back.

Attacks met here: a code that was stolen, injected or shown by another application, with another
verifier or redirect URI, or twice (RFC 9700 sections 2.1 and 4.5): it has leaked, so the verdict is
revoked. That only ever takes power away.
"""

import secrets

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import applications
from mailkeep.accounts import queries as accounts
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.registration import Factor
from mailkeep.accounts.subject_views import SubjectView, whose
from mailkeep.base.clock import HOUR, MINUTE, SECOND
from mailkeep.base.errors import Conflict, NotFound, NotSignedIn
from mailkeep.base.ids import new_id
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Tx

from . import id_token, tables
from .context import Context
from .events import VerdictHandedOver, VerdictMade, VerdictRevoked, VerdictSecured
from .types import Asked, Handed, Taken, VerdictState, VerdictView

ASKED_LIFE = HOUR  #: a browser that was sent here comes back within so long; mails may be slow
CODE_LIFE = MINUTE  #: RFC 6749 section 4.1.2 asks for ten minutes at most
ACT_LIFE = 10 * MINUTE  #: an application acts within so long; its user chooses a password meanwhile
LONGEST = 200  #: characters of a code or token that are looked at

_q, _v = tables.verdict_requests, tables.verdicts


class Verdicts:
    """What may be done with verdicts.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def begin(self, browser: str, asked: Asked) -> None:
        """An application sent this browser; the newest time counts."""
        async with self._context.database.write() as tx:
            await tx.run(
                delete(_q).where(_q.c.browser == browser, _q.c.application == asked.application)
            )
            await tx.run(
                insert(_q).values(
                    id=new_id("vrq", tx.now),
                    browser=browser,
                    expires_at=tx.now + ASKED_LIFE,
                    **msgspec.structs.asdict(asked),
                )
            )

    async def asked(self, tx: Tx, browser: str, application: str = "") -> Asked | None:
        """What this browser was sent here for, newest first; by one application if it is named."""
        one = (_q.c.application == application,) if application else ()
        row = await tx.one(
            select(_q)
            .where(_q.c.browser == browser, _q.c.used_at.is_(None), _q.c.expires_at > tx.now, *one)
            .order_by(_q.c.id.desc())
            .limit(1)
        )
        if row is None:
            return None
        return Asked(*(row[name] for name in Asked.__struct_fields__))

    async def make(
        self,
        tx: Tx,
        recovery: str,
        account: str,
        given: list[RowMapping],
        *,
        browser: str,
        factor: bool,
    ) -> Handed:
        """Make the verdict of a recovery that is complete, for the browser that showed its proofs.

        Args:
            given: both proofs.
            factor: the second factor that we keep was proved.

        Raises:
            Conflict: the application did not send this browser, or is revoked, or the account is
                closed for a while.
        """
        context = self._context
        view = await accounts.account(tx, account)
        subject = await whose(tx, account)
        asked = await self.asked(tx, browser, view.application)
        application = await applications.get(tx, view.application)
        if view.frozen(tx.now) or application.revoked_at is not None or subject is None:
            raise Conflict("this account is closed for now; try again later")
        if asked is None:
            raise Conflict(f"begin at {application.name} in this browser, and come back")
        verdict, code = new_id("vrd", tx.now), f"mkc_{secrets.token_urlsafe(32)}"
        word = _factor(subject, proved=factor)
        proofs = [
            {"kind": row["kind"], "parties": context.parties_of(await context.attempted(tx, row))}
            for row in sorted(given, key=lambda row: str(row["kind"]))
        ]
        await tx.run(
            update(_q)
            .where(_q.c.browser == browser, _q.c.application == view.application)
            .values(used_at=tx.now)
        )
        await tx.run(
            insert(_v).values(
                id=verdict,
                application=view.application,
                account_id=account,
                recovery_id=recovery,
                state=VerdictState.MADE.value,
                factor=word,
                proofs=msgspec.json.encode(proofs).decode(),
                redirect_uri=asked.redirect_uri,
                nonce=asked.nonce,
                challenge=asked.challenge,
                code=self._hash("code", code),
                made_at=tx.now,
            )
        )
        fact = VerdictMade(
            verdict=verdict,
            recovery=recovery,
            account=account,
            application=view.application,
            factor=word,
        )
        await record(context.database, tx, fact)
        return Handed(asked.redirect_uri, asked.state, Secret(code))

    async def exchange(
        self, application: ApplicationView, code: str, redirect_uri: str, verifier: str, issuer: str
    ) -> Taken:
        """Hand a verdict over for its code, once (RFC 6749 section 4.1.3).

        Args:
            application: as it has proved who it is.
            issuer: our own name.

        Raises:
            Conflict: unknown, expired, used, another's, or without the right verifier or redirect
                URI: the same words.
        """
        hashed = self._hash("code", code)
        taken = await self._context.database.retrying(
            lambda tx: self._exchange(tx, application, hashed, redirect_uri, verifier, issuer)
        )
        if taken is None:
            raise Conflict("this code is wrong, used or expired")
        return taken

    async def _exchange(
        self,
        tx: Tx,
        application: ApplicationView,
        hashed: str,
        redirect_uri: str,
        verifier: str,
        issuer: str,
    ) -> Taken | None:
        row = await self._held(tx, _v.c.code == hashed)
        if row is None:
            return None
        view = await accounts.account(tx, row["account_id"])
        subject = await whose(tx, row["account_id"])
        used = row["state"] != VerdictState.MADE
        why = applications.leaked(row, application, redirect_uri, verifier, used=used)
        if why is None and view.frozen(tx.now):
            why = "frozen"
        if why is not None:
            await self._revoke(tx, row, why)
            return None
        if subject is None or tx.now >= row["made_at"] + CODE_LIFE:
            return None
        token = f"mkv_{secrets.token_urlsafe(32)}"
        await tx.run(
            update(_v)
            .where(_v.c.id == row["id"])
            .values(
                state=VerdictState.HANDED_OVER.value,
                token=self._hash("token", token),
                handed_at=tx.now,
            )
        )
        fact = VerdictHandedOver(
            verdict=row["id"], account=row["account_id"], application=application.id
        )
        await record(self._context.database, tx, fact)
        told = id_token.claims(
            issuer=issuer,
            verdict=row["id"],
            application=application.id,
            subject=subject.subject,
            nonce=row["nonce"],
            made_at=row["made_at"],
            now=tx.now,
            factor=row["factor"],
            proofs=msgspec.json.decode(row["proofs"]),
            locale=subject.stands.locale,
            since=subject.since,
        )
        return Taken(told, Secret(token), ACT_LIFE // SECOND)

    async def acknowledge(self, verdict: str, token: str) -> VerdictView:
        """The application acts on a verdict now: the last moment at which it is told no.

        Raises:
            NotSignedIn: it is not this verdict's token, or came too late.
            Conflict: the verdict was taken back, or acted on before.
        """
        hashed = self._hash("token", token)
        return await self._context.database.retrying(
            lambda tx: self._acknowledge(tx, verdict, hashed)
        )

    async def _acknowledge(self, tx: Tx, verdict: str, hashed: str) -> VerdictView:
        row = await self._held(tx, _v.c.token == hashed)
        if row is None or row["id"] != verdict or tx.now >= row["handed_at"] + ACT_LIFE:
            raise NotSignedIn("this token is wrong, of another verdict, or expired")
        view = await accounts.account(tx, row["account_id"])
        if row["state"] != VerdictState.HANDED_OVER or view.frozen(tx.now):
            raise Conflict("this verdict was taken back, or acted on before: act on it no more")
        await tx.run(
            update(_v)
            .where(_v.c.id == verdict)
            .values(state=VerdictState.SECURED.value, secured_at=tx.now)
        )
        fact = VerdictSecured(
            verdict=verdict, account=row["account_id"], application=row["application"]
        )
        await record(self._context.database, tx, fact)
        return await self.get(tx, row["application"], verdict)

    async def get(self, tx: Tx, application: str, verdict: str) -> VerdictView:
        """A verdict of an application. Raises ``NotFound``."""
        row = await tx.one(select(_v).where(_v.c.id == verdict, _v.c.application == application))
        subject = None if row is None else await whose(tx, row["account_id"])
        if row is None or subject is None:
            raise NotFound("no such verdict")
        return VerdictView(
            row["id"],
            row["application"],
            subject.subject,
            VerdictState(row["state"]),
            row["why"],
            row["made_at"],
            row["handed_at"],
            row["secured_at"],
        )

    async def revoke(self, tx: Tx, recovery: str, why: str) -> None:
        """Take back a recovery's verdict, whether it waits, was handed over or was acted upon. The
        caller holds the account's lock."""
        for row in await tx.all(select(_v).where(_v.c.recovery_id == recovery).with_for_update()):
            await self._revoke(tx, row, why)

    async def _revoke(self, tx: Tx, row: RowMapping, why: str) -> None:
        if row["state"] == VerdictState.REVOKED:
            return
        await tx.run(
            update(_v).where(_v.c.id == row["id"]).values(state=VerdictState.REVOKED.value, why=why)
        )
        fact = VerdictRevoked(
            verdict=row["id"],
            account=row["account_id"],
            application=row["application"],
            state=row["state"],
            why=why,
        )
        await record(self._context.database, tx, fact)

    async def _held(self, tx: Tx, which: ColumnElement[bool]) -> RowMapping | None:
        """A verdict and its account, both held to the end: in that order everywhere."""
        account = await tx.value(select(_v.c.account_id).where(which))
        if account is None:
            return None
        await accounts.account(tx, account, lock=True)
        return await tx.one(select(_v).where(which).with_for_update())

    def _hash(self, what: str, secret: str) -> str:
        return self._context.keys.lookup_hash(f"verdict {what}", secret[:LONGEST])


def _factor(subject: SubjectView, *, proved: bool) -> str:
    """What is said of the second factor. One that was bound here never stands for the application's
    own; that none is bound here, where we keep it, is known and nothing that is outstanding."""
    kept = subject.stands.factor
    if kept is Factor.KEPT_THERE:
        return id_token.OUTSTANDING
    return id_token.PROVEN if proved else id_token.NO_FACTOR

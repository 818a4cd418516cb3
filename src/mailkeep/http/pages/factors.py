"""Pages of second factors: list, add, rename and remove them, after re-authentication.

A stolen session sees this page and changes nothing on it: the password and, where one is bound, a
factor are asked for again first, and the session that may then go on is a new one.
"""

from typing import Any

import msgspec
import segno
from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import queries
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.held import counted
from mailkeep.accounts.factors.types import Enrolment, FactorView, Kind, Source
from mailkeep.accounts.types import Change, SessionView, Stage
from mailkeep.base import tokens
from mailkeep.base.clock import Instant
from mailkeep.base.errors import (
    Conflict,
    Invalid,
    MailkeepError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMany,
)
from mailkeep.base.secret import Secret
from mailkeep.http.speech import Speech
from mailkeep.store.database import Tx

from .visit import PENDING, SESSION, PageServices, Visit

HOME = "/account/factors"
#: What the page that comes next says of what was just done.
NEWS = {
    "passkey_added": "on_factors.passkey_added",
    "factor_added": "on_factors.factor_added",
    "factor_removed": "on_factors.factor_removed",
    "factor_leaves": "on_factors.factor_leaves",
    "factor_stays": "on_factors.factor_stays",
    "factor_renamed": "on_factors.factor_renamed",
    "others_ended": "on_factors.others_ended",
    "password_removed": "on_factors.password_removed",
}
#: What a factor is called that its owner gave no name.
_UNNAMED = {
    "Authenticator app": "on_factors.app_name",
    "Passkey": "on_factors.passkey_name",
    "Saved codes": "pages.saved_codes",
}
#: After these, ending all other sessions is offered (ASVS 7.4.3).
_CHANGES = {
    *("passkey_added", "factor_added", "factor_removed", "factor_leaves", "factor_stays"),
    "password_removed",
}


class FactorRow(msgspec.Struct, frozen=True):
    """A factor in the list."""

    id: str
    kind: str
    name: str
    since: Instant
    used: Instant | None
    left: int | None
    synced: bool | None
    leaves: Instant | None
    settles: Instant | None  # until then its owner can deny it


class FactorPages(Controller):
    """Everything here needs a session; what changes something, a fresh one."""

    path = "/account"
    include_in_schema = False

    @get("/factors")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        return await _page(visit, house, await _changer(visit, house))

    @post("/factors/confirm", status_code=200)
    async def confirm(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """The password, and a factor where one is bound, again."""
        try:
            await _confirm(visit, house, await visit.session())
        except (NotSignedIn, TooMany) as error:
            return await _page(visit, house, await visit.session(), error)
        return visit.go(HOME)

    @post("/factors/ask", status_code=200)
    async def ask(self, visit: Visit, house: PageServices) -> Response[str]:
        """What the form of ``confirm`` asks a passkey."""
        session = await visit.session()
        async with house.database.read() as tx:
            alone = not await queries.has_password(tx, session.account)
            settled = await queries.has_factor(tx, session.account, settled=True)
        made = await house.accounts.factors.ask(
            session.account, visit.source, verified=alone, settled=settled
        )
        return visit.json(made)

    @post("/factors/passkey/ask", status_code=200)
    async def ask_to_bind(self, visit: Visit, house: PageServices) -> Response[str]:
        session = await _fresh(visit, house)
        async with house.database.read() as tx:
            name = await label(tx, session.account)
        made = await house.accounts.factors.ask_to_bind(
            session.account, visit.browser, name=name, issuer=issuer(house)
        )
        return visit.json(made)

    @post("/factors/passkey", status_code=200)
    async def passkey(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _changer(visit, house)
        try:
            await _fresh(visit, house)
            async with house.database.write() as tx:
                await house.accounts.factors.bind_passkey(
                    tx,
                    session.account,
                    visit.form.get("passkey", ""),
                    _source(visit, session),
                    visit.form.get("name", ""),
                )
                await _let_in(visit, house, tx, session)
        except (Invalid, Conflict, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("passkey_added")
        return visit.go(HOME)

    @post("/totp", status_code=200)
    async def enrol(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Show a new secret; nothing is bound before a code from it was typed. What is asked again
        may come with it."""
        session = await _changer(visit, house)
        try:
            if "current" in visit.form and session.stage is Stage.FULL:
                await _confirm(visit, house, session)
            else:
                await _fresh(visit, house)
        except (NotSignedIn, TooMany, NotAllowed) as error:
            return await _page(visit, house, session, error)
        async with house.database.write() as tx:
            name = await label(tx, session.account)
            made = await totp.enrol(
                tx, house.keys, session.account, name=name, issuer=issuer(house)
            )
        return enrolment(visit, made)

    @post("/totp/confirm", status_code=200)
    async def bind(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Bind the app. After a wrong code the same secret is shown again: the app has it."""
        session = await _changer(visit, house)
        account, factor = session.account, visit.form.get("factor", "")
        try:
            await _fresh(visit, house)
            async with house.database.write() as tx:
                await house.accounts.factors.bind_totp(
                    tx, account, factor, visit.form.get("code", ""), _source(visit, session)
                )
                await _let_in(visit, house, tx, session)
        except Invalid as error:
            async with house.database.read() as tx:
                name = await label(tx, account)
                made = await totp.shown(
                    tx, house.keys, account, factor, name=name, issuer=issuer(house)
                )
            return enrolment(visit, made, error)
        except (NotAllowed, NotFound, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("factor_added")
        return visit.go(HOME)

    @post("/factors/codes", status_code=200)
    async def codes(self, visit: Visit, house: PageServices) -> Template:
        """Ten new codes, shown here and never again."""
        session = await _changer(visit, house)
        try:
            await _fresh(visit, house)
            made = await house.accounts.factors.new_codes(session.account, _source(visit, session))
        except (Conflict, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        return visit.page("codes", codes=[grouped(one) for one in made], home="/account")

    @post("/factors/rename", status_code=200)
    async def rename(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        factor, name = visit.form.get("factor", ""), visit.form.get("name", "")
        try:
            await _fresh(visit, house)
            async with house.database.write() as tx:
                await house.accounts.entering.going_on(tx, session)
                await house.accounts.factors.rename(tx, session.account, factor, name)
        except (Invalid, NotFound, NotAllowed) as error:
            return await _page(visit, house, session, error)
        visit.tell("factor_renamed")
        return visit.go(HOME)

    @post("/factors/revoke", status_code=200)
    async def revoke(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        why = "lost" if visit.form.get("lost") else "owner"
        try:
            await _fresh(visit, house)
            async with house.database.write() as tx:
                await house.accounts.entering.going_on(tx, session)
                factor = visit.form.get("factor", "")
                until = await house.accounts.factors.revoke(tx, session.account, factor, why)
        except (Conflict, NotFound, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("factor_removed" if until is None else "factor_leaves")
        return visit.go(HOME)

    @post("/factors/keep", status_code=200)
    async def keep(self, visit: Visit, house: PageServices) -> Redirect:
        """Keep a factor that is being removed. It takes no more than a session: it only ever leaves
        the account as safe as it was."""
        session = await visit.session()
        async with house.database.write() as tx:
            factor = visit.form.get("factor", "")
            kept = await house.accounts.factors.keep(tx, session.account, factor)
        if kept:
            visit.tell("factor_stays")
        return visit.go(HOME)

    @post("/factors/others", status_code=200)
    async def others(self, visit: Visit, house: PageServices) -> Redirect:
        """End every session but this one."""
        session = await visit.session()
        async with house.database.write() as tx:
            await house.accounts.sessions.end_all(tx, session.account, "owner", but=session.id)
        visit.tell("others_ended")
        return visit.go(HOME)

    @post("/factors/no-password", status_code=200)
    async def no_password(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        try:
            async with house.database.write() as tx:
                await house.accounts.entering.remove_password(tx, session)
        except (Conflict, NotAllowed) as error:
            return await _page(visit, house, session, error)
        visit.tell("password_removed")
        return visit.go(HOME)


def shown(
    visit: Visit, house: PageServices, there: list[FactorView], held: list[Change]
) -> dict[str, Any]:
    """What a page that lists factors shows of them, and offers to bind."""
    return {
        "factors": rows(visit.speech, there, held),
        "kinds": {one.kind.value for one in counted(there)},
        "apps": any(one.kind is Kind.TOTP for one in there),
        "lasting": any(one.kind is not Kind.SAVED_CODES for one in there),
        "passkeys": bool(house.accounts.factors.site.rp_id),
    }


def rows(speaks: Speech, factors: list[FactorView], held: list[Change]) -> list[FactorRow]:
    """The factors as the pages list them, beside the changes that are held."""
    settles = {one.id: one.until for one in held}
    return [
        FactorRow(
            one.id, one.kind, _name(speaks, one.name), one.bound_at, one.last_used_at, one.left,
            one.synced, one.leaves_at, settles.get(one.held_by or ""),
        )
        for one in factors
    ]  # fmt: skip


def _name(speaks: Speech, name: str) -> str:
    return speaks.say(_UNNAMED[name]) if name in _UNNAMED else name


async def _changer(visit: Visit, house: PageServices) -> SessionView:
    return await house.accounts.entering.changing(visit.cookie(SESSION), visit.cookie(PENDING))


async def _fresh(visit: Visit, house: PageServices) -> SessionView:
    """Who may change something now. Raises ``NotAllowed``, ``NotSignedIn``."""
    session = await _changer(visit, house)
    house.accounts.entering.require_fresh(house.database.clock.now(), session)
    return session


async def _confirm(visit: Visit, house: PageServices, session: SessionView) -> None:
    made = await house.accounts.entering.confirm(
        session, visit.form.get("current", ""), visit.typed("factor")
    )
    visit.keep(SESSION, made.secret.reveal())


async def _let_in(visit: Visit, house: PageServices, tx: Tx, session: SessionView) -> None:
    if session.stage is Stage.ENROL:
        made = await house.accounts.entering.enrolled(tx, session)
        visit.forget(PENDING)
        visit.keep(SESSION, made.secret.reveal())


async def _page(
    visit: Visit, house: PageServices, session: SessionView, error: MailkeepError | None = None
) -> Template:
    async with house.database.read() as tx:
        points = await queries.contact_points(tx, session.account)
        there = await house.accounts.factors.bound(tx, session.account)
        changes = await house.accounts.changes.held(tx, session.account)
        password = await queries.has_password(tx, session.account)
        now = tx.now
    try:
        house.accounts.entering.require_fresh(now, session)
        fresh = True
    except NotAllowed:
        fresh = False
    news = next((word for word in NEWS if visit.told(word)), "")
    return visit.page(
        "factors",
        error=error,
        points=points,
        **shown(visit, house, there, changes),
        password=password,
        fresh=fresh,
        held=session.stage is Stage.ENROL,
        news=visit.speech.say(NEWS[news]) if news else "",
        changed=news in _CHANGES,
    )


def enrolment(
    visit: Visit, made: Enrolment, error: Invalid | None = None, home: str = "/account"
) -> Template:
    """The page that shows a new secret; ``home``: under which its form lies."""
    secret = made.secret.reveal()
    return visit.page(
        "totp",
        error=error,
        factor=made.factor,
        secret=secret,
        groups=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        picture=_qr(made.uri.reveal()),
        home=home,
    )


def _source(visit: Visit, session: SessionView) -> Source:
    return Source(visit.browser, visit.network, session.id)


async def label(tx: Tx, account: str) -> str:
    """What the owner's app calls the account."""
    points = await queries.contact_points(tx, account)
    return points[0].address if points else account


def issuer(house: PageServices) -> str:
    """What the owner's app calls us."""
    return house.recovery.settings.sender_name if house.recovery else "Mailkeep"


def grouped(code: Secret) -> str:
    """A code as it is read."""
    return tokens.grouped(code.reveal())


def _qr(uri: str) -> str:
    """A data address of the QR code, as SVG."""
    return str(segno.make(uri, error="m").svg_data_uri(scale=4, border=2, light="#fff"))

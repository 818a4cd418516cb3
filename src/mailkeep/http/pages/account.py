"""The account: its sessions, its second factor, its password."""

import msgspec
import segno
from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import queries, totp
from mailkeep.accounts.types import Enrolment
from mailkeep.base.clock import iso
from mailkeep.base.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from mailkeep.store.database import Tx

from .showing import show_factor
from .visit import SESSION, House, Visit


class SessionRow(msgspec.Struct, frozen=True):
    """A session in the list; ``name`` is short and the same for one browser."""

    id: str
    name: str
    since: str
    seen: str
    here: bool


class AccountPages(Controller):
    """Everything here needs a session."""

    path = "/account"
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: House) -> Template:
        return await _account(visit, house, added=visit.told("factor_added"))

    @post("/totp", status_code=200)
    async def enrol(self, visit: Visit, house: House) -> Template:
        """Show a new secret; nothing is bound before a code from it was typed.

        The password is asked again: whoever stole a session would otherwise bind a factor of their
        own, and the owner could not sign in any more.
        """
        session = await visit.session()
        try:
            await house.accounts.passwords.prove(session.account, visit.form.get("current", ""))
        except (NotSignedIn, TooMany) as error:
            return await _account(visit, house, error, at="totp")
        async with house.database.write() as tx:
            name = await _label(tx, session.account)
            made = await totp.enrol(tx, house.keys, session.account, name=name, issuer=_name(house))
        return _enrolment(visit, made)

    @post("/totp/confirm", status_code=200)
    async def bind(self, visit: Visit, house: House) -> Template | Redirect:
        """Bind the factor. After a wrong code the same secret is shown again: the app has it."""
        session = await visit.session()
        account, factor = session.account, visit.form.get("factor", "")
        try:
            async with house.database.write() as tx:
                code = visit.form.get("code", "")
                await totp.confirm(house.database, tx, house.keys, account, factor, code)
        except Invalid as error:
            async with house.database.read() as tx:
                name = await _label(tx, account)
                made = await totp.shown(
                    tx, house.keys, account, factor, name=name, issuer=_name(house)
                )
            return _enrolment(visit, made, error)
        except (Conflict, NotFound) as error:
            return await _account(visit, house, error)
        visit.tell("factor_added")
        return visit.go("/account")

    @post("/password", status_code=200)
    async def password(self, visit: Visit, house: House) -> Template | Redirect:
        session = await visit.session()
        try:
            factor = await show_factor(visit, house, session)
            await house.accounts.change_password(
                session.account,
                visit.form.get("current", ""),
                visit.form.get("new", ""),
                factor=factor,
            )
        except Invalid as error:
            wrong = Invalid(str(error), field="new")
            return await _account(visit, house, wrong, at="password")
        except (NotSignedIn, TooMany) as error:
            return await _account(visit, house, error, at="password")
        visit.forget(SESSION)
        return visit.go("/sign-in")

    @post("/sessions/end", status_code=200)
    async def end(self, visit: Visit, house: House) -> Redirect:
        session = await visit.session()
        async with house.database.write() as tx:
            if visit.form.get("all"):
                await house.accounts.sessions.end_all(tx, session.account, "owner")
            else:
                chosen = visit.form.get("session", "")
                await house.accounts.sessions.end(tx, session.account, chosen)
        return visit.go("/account")


async def _account(
    visit: Visit,
    house: House,
    error: NotSignedIn | Invalid | TooMany | Conflict | NotFound | None = None,
    *,
    at: str = "",
    added: bool = False,
) -> Template:
    """The page; with an error, ``at`` is the form that it is about."""
    session = await visit.session()
    async with house.database.read() as tx:
        points = await queries.contact_points(tx, session.account)
        factor = await queries.has_factor(tx, session.account)
        sessions = await house.accounts.sessions.of(tx, session.account)
    rows = [
        SessionRow(
            one.id,
            f"Browser {one.browser[-4:]}",
            iso(one.created_at),
            iso(one.seen_at),
            one.id == session.id,
        )
        for one in sessions
    ]
    return visit.page(
        "account", error=error, at=at, points=points, factor=factor, sessions=rows, added=added
    )


def _enrolment(visit: Visit, made: Enrolment, error: Invalid | None = None) -> Template:
    secret = made.secret.reveal()
    return visit.page(
        "totp",
        error=error,
        factor=made.factor,
        secret=secret,
        groups=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        picture=_qr(made.uri.reveal()),
    )


async def _label(tx: Tx, account: str) -> str:
    """What the owner's app calls the account."""
    points = await queries.contact_points(tx, account)
    return points[0].address if points else account


def _name(house: House) -> str:
    return house.recovery.settings.sender_name if house.recovery else "Mailkeep"


def _qr(uri: str) -> str:
    """A data address of the QR code, as SVG."""
    return str(segno.make(uri, error="m").svg_data_uri(scale=4, border=2, light="#fff"))

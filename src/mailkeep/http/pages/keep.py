"""Pages where users of client applications enrol and remove second factors that Mailkeep keeps.

Nobody is signed in here. A ticket from the application opens the page for one browser and ten
minutes; it gives access to nothing else, and opening it redeems nothing.
"""

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import applications, queries
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source
from mailkeep.accounts.types import SessionView
from mailkeep.base.errors import (
    Conflict,
    Invalid,
    MailkeepError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMany,
)

from .factors import enrolment, grouped, issuer, label, shown
from .visit import KEEPING, PageServices, Visit

HOME = "/keep/factors"
NEWS = {
    "kept": "on_keep.kept",
    "kept_removed": "on_keep.kept_removed",
    "kept_leaves": "on_factors.factor_leaves",
}


class KeepPages(Controller):
    """See the module."""

    path = "/keep"
    include_in_schema = False

    @get("/")
    async def form(self, visit: Visit) -> Template:
        return visit.page("keep_open")

    @post("/", status_code=200)
    async def open(self, visit: Visit, house: PageServices) -> Template | Redirect:
        secret = visit.form.get("secret", "")
        try:
            made = await house.accounts.keeping.open(secret, visit.origin)
        except NotSignedIn as error:
            return visit.page("keep_open", error=error)
        visit.keep(KEEPING, made.secret.reveal())
        return visit.go(HOME)

    @get("/factors")
    async def show(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _session(visit, house)
        return visit.go("/keep") if session is None else await _page(visit, house, session)

    @post("/factors/ask", status_code=200)
    async def ask(self, visit: Visit, house: PageServices) -> Response[str]:
        """What a settled passkey is asked."""
        session = await house.accounts.keeping.visit(visit.cookie(KEEPING))
        made = await house.accounts.factors.ask(session.account, visit.source, settled=True)
        return visit.json(made)

    @post("/factors/show", status_code=200)
    async def prove(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        try:
            made = await house.accounts.keeping.show(session, visit.typed("factor"))
        except (NotSignedIn, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.keep(KEEPING, made.secret.reveal())
        return visit.go(HOME)

    @post("/factors/passkey/ask", status_code=200)
    async def ask_to_bind(self, visit: Visit, house: PageServices) -> Response[str]:
        session = await house.accounts.keeping.visit(visit.cookie(KEEPING))
        async with house.database.read() as tx:
            await house.accounts.keeping.require(tx, session)
            name = await label(tx, session.account)
        made = await house.accounts.factors.ask_to_bind(
            session.account, visit.browser, name=name, issuer=issuer(house)
        )
        return visit.json(made)

    @post("/factors/passkey", status_code=200)
    async def passkey(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        try:
            async with house.database.write() as tx:
                await house.accounts.keeping.require(tx, session)
                await house.accounts.factors.bind_passkey(
                    tx,
                    session.account,
                    visit.form.get("passkey", ""),
                    _source(visit, session),
                    visit.form.get("name", ""),
                )
        except NotSignedIn:
            return visit.go("/keep")
        except (Conflict, Invalid, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("kept")
        return visit.go(HOME)

    @post("/totp", status_code=200)
    async def enrol(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Show a new secret; nothing is bound before a code from it was typed."""
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        try:
            async with house.database.write() as tx:
                await house.accounts.keeping.require(tx, session)
                name = await label(tx, session.account)
                made = await totp.enrol(
                    tx, house.keys, session.account, name=name, issuer=issuer(house)
                )
        except NotAllowed as error:
            return await _page(visit, house, session, error)
        return enrolment(visit, made, home="/keep")

    @post("/totp/confirm", status_code=200)
    async def bind(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        account, factor = session.account, visit.form.get("factor", "")
        try:
            async with house.database.write() as tx:
                await house.accounts.keeping.require(tx, session)
                await house.accounts.factors.bind_totp(
                    tx, account, factor, visit.form.get("code", ""), _source(visit, session)
                )
        except Invalid as error:
            async with house.database.read() as tx:
                name = await label(tx, account)
                made = await totp.shown(
                    tx, house.keys, account, factor, name=name, issuer=issuer(house)
                )
            return enrolment(visit, made, error, home="/keep")
        except NotSignedIn:
            return visit.go("/keep")
        except (NotAllowed, NotFound, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("kept")
        return visit.go(HOME)

    @post("/factors/codes", status_code=200)
    async def codes(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Ten new codes, shown here and never again."""
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        try:
            async with house.database.read() as tx:
                await house.accounts.keeping.require(tx, session)
            source = _source(visit, session)
            made = await house.accounts.factors.new_codes(session.account, source)
        except NotSignedIn:
            return visit.go("/keep")
        except (Conflict, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        return visit.page("codes", codes=[grouped(one) for one in made], home="/keep")

    @post("/factors/revoke", status_code=200)
    async def revoke(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await _session(visit, house)
        if session is None:
            return visit.go("/keep")
        try:
            async with house.database.write() as tx:
                await house.accounts.entering.going_on(tx, session)
                await house.accounts.keeping.require(tx, session)
                factor = visit.form.get("factor", "")
                until = await house.accounts.factors.revoke(tx, session.account, factor, "owner")
        except NotSignedIn:
            return visit.go("/keep")
        except (Conflict, NotFound, NotAllowed, TooMany) as error:
            return await _page(visit, house, session, error)
        visit.tell("kept_removed" if until is None else "kept_leaves")
        return visit.go(HOME)


async def _session(visit: Visit, house: PageServices) -> SessionView | None:
    try:
        return await house.accounts.keeping.visit(visit.cookie(KEEPING))
    except NotSignedIn:
        return None


def _source(visit: Visit, session: SessionView) -> Source:
    return Source(visit.browser, visit.network, session.id)


async def _page(
    visit: Visit, house: PageServices, session: SessionView, error: MailkeepError | None = None
) -> Template:
    async with house.database.read() as tx:
        view = await queries.account(tx, session.account)
        application = await applications.get(tx, view.application)
        there = await house.accounts.factors.bound(tx, session.account)
        changes = await house.accounts.changes.held(tx, session.account)
        name = await label(tx, session.account)
        try:
            await house.accounts.keeping.require(tx, session)
            fresh = True
        except NotAllowed:
            fresh = False
    news = next((word for word in NEWS if visit.told(word)), "")
    return visit.page(
        "keep",
        error=error,
        application=application,
        label=name,
        **shown(visit, house, there, changes),
        fresh=fresh,
        news=visit.speech.say(NEWS[news]) if news else "",
    )

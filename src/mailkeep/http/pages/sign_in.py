"""Sign-in pages: password, then the second factor where there is one; and sign-out."""

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts.types import SignedIn, Stage
from mailkeep.base.errors import NotSignedIn, TooMany
from mailkeep.http.oauth.sign_in import sent_by

from .visit import PENDING, SESSION, PageServices, Visit

#: Where who has shown the right password goes on, when that is not all.
_NEXT = {Stage.FACTOR: "/sign-in/factor", Stage.ENROL: "/account/factors"}


class SignInPages(Controller):
    """The password's form and the factor's."""

    path = "/"
    include_in_schema = False

    @get("/sign-in")
    async def form(self, visit: Visit, house: PageServices) -> Template | Redirect:
        if not visit.onward and await visit.maybe_session() is not None:
            return visit.go("/account")
        return await _form(visit, house)

    @post("/sign-in", status_code=200)
    async def sign_in(self, visit: Visit, house: PageServices) -> Template | Redirect:
        origin = visit.origin
        try:
            made = await house.accounts.sign_in(
                visit.form.get("address", ""),
                visit.form.get("password", ""),
                browser=origin.browser,
                network=origin.network,
                agent=origin.agent,
                place=origin.place,
            )
        except (NotSignedIn, TooMany) as error:
            return await _form(visit, house, error)
        return _in(visit, made)

    @post("/sign-in/passkey/ask", status_code=200)
    async def ask_anyone(self, visit: Visit, house: PageServices) -> Response[str]:
        made = await house.accounts.entering.ask_anyone(visit.browser, visit.network)
        return visit.json(made)

    @post("/sign-in/passkey", status_code=200)
    async def passkey(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """With a passkey and no password."""
        answer, origin = visit.form.get("assertion", ""), visit.origin
        try:
            made = await house.accounts.entering.by_passkey(
                answer,
                browser=origin.browser,
                network=origin.network,
                agent=origin.agent,
                place=origin.place,
            )
        except NotSignedIn as error:
            return await _form(visit, house, error)
        return _in(visit, made)

    @get("/sign-in/factor")
    async def factor_form(self, visit: Visit, house: PageServices) -> Template | Redirect:
        return await _factor(visit, house)

    @post("/sign-in/factor/ask", status_code=200)
    async def ask(self, visit: Visit, house: PageServices) -> Response[str]:
        made = await house.accounts.entering.ask(visit.cookie(PENDING), visit.source)
        return visit.json(made)

    @post("/sign-in/factor", status_code=200)
    async def factor(self, visit: Visit, house: PageServices) -> Template | Redirect:
        try:
            made = await house.accounts.entering.second_step(visit.cookie(PENDING), visit.typed())
        except (NotSignedIn, TooMany) as error:
            return await _factor(visit, house, error)
        return _in(visit, made)

    @post("/sign-out", status_code=200)
    async def sign_out(self, visit: Visit, house: PageServices) -> Redirect:
        session = await visit.maybe_session()
        if session is not None:
            async with house.database.write() as tx:
                await house.accounts.sessions.end(tx, session.account, session.id)
        visit.forget(SESSION, PENDING)
        return visit.go("/sign-in")


def _in(visit: Visit, made: SignedIn) -> Redirect:
    """On to what is asked next, if anything is."""
    if made.stage is not Stage.FULL:
        visit.keep(PENDING, made.secret.reveal())
        return visit.go(_NEXT[made.stage])
    visit.forget(PENDING)
    visit.keep(SESSION, made.secret.reveal())
    return visit.go(visit.onward or "/account")


async def _form(
    visit: Visit, house: PageServices, error: NotSignedIn | TooMany | None = None
) -> Template:
    application, headers = await sent_by(visit, house)
    return visit.page(
        "sign_in",
        error=error,
        headers=headers,
        application=application,
        confirmed=visit.told("address_confirmed"),
        passkeys=bool(house.accounts.factors.site.rp_id),
    )


async def _factor(
    visit: Visit, house: PageServices, error: NotSignedIn | TooMany | None = None
) -> Template | Redirect:
    """The page of the second step: only what is bound can be chosen."""
    kinds = await house.accounts.entering.choices(visit.cookie(PENDING))
    if not kinds:
        return visit.go("/sign-in")
    _, headers = await sent_by(visit, house)
    return visit.page("factor", error=error, headers=headers, kinds=kinds)

"""Sign-in: password, then the second factor where there is one; and out again."""

from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts.types import Stage
from mailkeep.base.errors import NotSignedIn, TooMany

from .visit import PENDING, SESSION, House, Visit


class SignInPages(Controller):
    """The password's form and the factor's."""

    path = "/"
    include_in_schema = False

    @get("/sign-in")
    async def form(self, visit: Visit) -> Template | Redirect:
        if await visit.maybe_session() is not None:
            return visit.go("/account")
        return visit.page("sign_in", confirmed=visit.told("address_confirmed"))

    @post("/sign-in", status_code=200)
    async def sign_in(self, visit: Visit, house: House) -> Template | Redirect:
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
            return visit.page("sign_in", error=error)
        if made.stage is Stage.FACTOR:
            visit.keep(PENDING, made.secret.reveal())
            return visit.go("/sign-in/factor")
        visit.keep(SESSION, made.secret.reveal())
        return visit.go("/account")

    @get("/sign-in/factor")
    async def factor_form(self, visit: Visit) -> Template | Redirect:
        return visit.page("factor") if visit.cookie(PENDING) else visit.go("/sign-in")

    @post("/sign-in/factor", status_code=200)
    async def factor(self, visit: Visit, house: House) -> Template | Redirect:
        try:
            made = await house.accounts.prove_factor(
                visit.cookie(PENDING), visit.form.get("code", "")
            )
        except (NotSignedIn, TooMany) as error:
            return visit.page("factor", error=error)
        visit.forget(PENDING)
        visit.keep(SESSION, made.secret.reveal())
        return visit.go("/account")

    @post("/sign-out", status_code=200)
    async def sign_out(self, visit: Visit, house: House) -> Redirect:
        session = await visit.maybe_session()
        if session is not None:
            async with house.database.write() as tx:
                await house.accounts.sessions.end(tx, session.account, session.id)
        visit.forget(SESSION, PENDING)
        return visit.go("/sign-in")

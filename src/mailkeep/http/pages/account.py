"""The account page: its addresses, factors, sessions and password."""

from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import language, queries
from mailkeep.accounts.factors.held import counted
from mailkeep.base.errors import Invalid, NotSignedIn, TooMany
from mailkeep.http.speech import COOKIE
from mailkeep.store.database import Tx

from .factors import rows as factor_rows
from .showing import is_fresh, show_factor
from .visit import SESSION, PageServices, Visit


class AccountPages(Controller):
    """Everything here needs a session."""

    path = "/account"
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        return await _account(visit, house)

    @post("/password", status_code=200)
    async def password(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        try:
            factor = await show_factor(visit, house, session)
            await house.accounts.change_password(
                session.account,
                visit.form.get("current", ""),
                visit.form.get("new", ""),
                visit.network,
                factor=factor,
            )
        except Invalid as error:
            wrong = Invalid(str(error), field="new")
            return await _account(visit, house, wrong, at="password")
        except (NotSignedIn, TooMany) as error:
            return await _account(visit, house, error, at="password")
        visit.forget(SESSION)
        return visit.go("/sign-in")

    @post("/language", status_code=200)
    async def language(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """In which language mail about the account is written from now on, and pages are for who
        is signed in; what this browser chose before goes."""
        session = await visit.session()
        wanted = visit.form.get("language", "")
        try:
            async with house.database.write() as tx:
                await language.choose(
                    house.database, tx, session.account, wanted, house.accounts.languages
                )
        except (Invalid, TooMany) as error:
            return await _account(visit, house, error, at="language")
        visit.forget(COOKIE)
        visit.tell("language")
        return visit.go("/account")

    @post("/erasure/stop", status_code=200)
    async def stop_erasure(self, visit: Visit, house: PageServices) -> Redirect:
        """The owner does not want to be erased, or never did; nothing else is asked of them: it
        only keeps what there is."""
        session = await visit.session()
        erasing = house.privacy.erasing

        async def work(tx: Tx) -> None:
            found = await erasing.of_account(tx, session.account)
            if found is not None:
                await erasing.stop(tx, found.id, by=session.account)

        await house.database.retrying(work)
        return visit.go("/account")

    @post("/factors/later", status_code=200)
    async def later(self, visit: Visit, house: PageServices) -> Redirect:
        """Put the word about second factors off; it comes back."""
        session = await visit.session()
        async with house.database.write() as tx:
            await house.accounts.demands.put_off(tx, session.account)
        return visit.go("/account")


async def _account(
    visit: Visit,
    house: PageServices,
    error: NotSignedIn | Invalid | TooMany | None = None,
    *,
    at: str = "",
) -> Template:
    """The page; with an error, ``at`` is the form that it is about."""
    session = await visit.session()
    async with house.database.read() as tx:
        points = await queries.contact_points(tx, session.account)
        factor = await queries.has_factor(tx, session.account)
        bound = await house.accounts.factors.bound(tx, session.account)
        changes = await house.accounts.changes.held(tx, session.account)
        password = await queries.has_password(tx, session.account)
        nudge = await house.accounts.demands.nudge(tx, session.account)
        sessions = await house.accounts.sessions.of(tx, session.account)
        erasure = await house.privacy.erasing.of_account(tx, session.account)
        locale = await language.locale(tx, session.account)
    return visit.page(
        "account",
        error=error,
        at=at,
        points=points,
        factor=factor,
        factors=factor_rows(visit.speech, bound, changes),
        kinds={one.kind.value for one in counted(bound)},
        fresh=is_fresh(house, session),
        password=password,
        nudge=nudge,
        signed_in=len(sessions),
        own_languages=house.accounts.languages.names,
        spoken=house.accounts.languages.of(locale).tag,
        language_set=visit.told("language"),
        erased_at=None if erasure is None else erasure.due_at,
    )

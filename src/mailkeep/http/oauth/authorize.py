"""``/oauth/authorize``: a client application sends a browser here for a recovery, to return with a
verdict; or, where its users are kept here, to sign somebody in (``sign_in``).

Opening it begins nothing, as everywhere: a person types the address, or looks at the one that the
application filled in, and presses the button.

Attack met here: another site sends somebody's browser here with a challenge and a state of its own.
It gains nothing: the code goes to the application that registered the redirect URI, in the browser
that showed both proofs, and the application knows that it did not send that browser. A form that
another site posts begins no recovery; where somebody signs in it is no more than a link.
"""

from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Response, get, post
from litestar.di import Provide
from litestar.response import Redirect, Template

from mailkeep.accounts import applications
from mailkeep.accounts.applications import ApplicationView
from mailkeep.base.errors import Invalid, NotAllowed, NotFound
from mailkeep.http import forms
from mailkeep.http.pages.visit import PageServices, Visit, visit
from mailkeep.http.policy import NAME, policy
from mailkeep.http.port import Incoming
from mailkeep.recovery.services import Recovery
from mailkeep.recovery.types import Asked, Reach

from . import asking, sign_in
from .asking import Refused


class Posted(Exception):
    """Another site has the browser post this (OpenID Connect Core section 3.1.2.1)."""

    def __init__(self, form: dict[str, str]) -> None:
        super().__init__()
        self.query = urlencode(form)


async def arrive(request: Incoming, house: PageServices) -> Visit:
    """The visit of a request. Raises ``Posted``."""
    try:
        return await visit(request, house)
    except NotAllowed:
        given = asking.read((await forms.fields(request)).items())
        application = await _application(house, given)
        if application is None or not application.signs_in:
            raise  # it would begin a recovery
        raise Posted(given) from None


def opened(_request: Incoming, error: Posted) -> Redirect:
    """The same as a link: opening it begins nothing."""
    return Redirect(f"{asking.AUTHORIZE}?{error.query}", status_code=303)


class Authorize(Controller):
    """The form, and what it begins."""

    path = asking.AUTHORIZE
    include_in_schema = False

    @get("/")
    async def form(
        self, request: Incoming, visit: Visit, house: PageServices
    ) -> Template | Redirect:
        pairs = list(request.query_params.multi_items())
        try:
            given, application, asked = await _asked(house, pairs)
            if application.signs_in:
                return await sign_in.go_on(visit, house, application, given, asked)
        except Refused as refused:
            return _back(visit, house, refused)
        return await _page(visit, house, given, application, asked, asking.hint(pairs).address)

    @post(
        "/",
        status_code=200,
        dependencies={"visit": Provide(arrive)},
        exception_handlers={Posted: opened},
    )
    async def begin(self, visit: Visit, house: PageServices) -> Template | Redirect | Response[Any]:
        recovery = _recovery(house)
        try:
            given, application, asked = await _asked(house, visit.form.items())
            if application.signs_in:
                return await sign_in.go_on(visit, house, application, given, asked)
        except Refused as refused:
            return _back(visit, house, refused)
        shown = (await recovery.proving.progress(visit.browser)).brings(application.id)
        crowded = False
        try:
            if not shown:
                crowded = await recovery.ask(
                    visit.form.get("address", ""),
                    browser=visit.browser,
                    network=visit.network,
                    nets=visit.nets,
                    application=application.id,
                )
        except Invalid as error:
            address = visit.form.get("address", "")
            return await _page(visit, house, given, application, asked, address, error)
        await recovery.verdicts.begin(visit.browser, asked)
        visit.asked(crowded=crowded, window=recovery.settings.window)
        return visit.go("/recover/proof")


def _recovery(house: PageServices) -> Recovery:
    if house.recovery is None:
        raise NotFound("there are no accounts here")
    return house.recovery


async def _asked(house: PageServices, pairs: Any) -> tuple[dict[str, str], ApplicationView, Asked]:
    given = asking.read(pairs)
    application = await _application(house, given)
    if application is None or application.revoked_at is not None:
        raise Invalid("the application that sent you is not known here")
    uri = asking.where(given, application.redirects)
    asked = asking.check(given, application.id, uri)
    if application.signs_in:
        return given, application, asked
    if "none" in given.get("prompt", "").split():
        # OpenID Connect Core section 3.1.2.6: nobody is signed in here, so nothing can happen
        # without a page.
        why = "a recovery needs its owner"
        raise Refused("interaction_required", why, uri, asked.state)
    if _recovery(house).reach is Reach.NOBODY:
        # Resets are only rehearsed: no customer must see anything of it.
        why = "no recovery begins here at this level"
        raise Refused("unauthorized_client", why, uri, asked.state)
    return given, application, asked


async def _application(house: PageServices, given: dict[str, str]) -> ApplicationView | None:
    async with house.database.read() as tx:
        try:
            return await applications.get(tx, given.get("client_id", "")[:40])
        except NotFound:
            return None


def _back(visit: Visit, house: PageServices, refused: Refused) -> Redirect:
    return visit.go(
        asking.back(
            refused.redirect_uri,
            asking.issuer(house.public_url),
            refused.state,
            error=refused.error,
            error_description=str(refused),
        )
    )


async def _page(
    visit: Visit,
    house: PageServices,
    given: dict[str, str],
    application: ApplicationView,
    asked: Asked,
    address: str,
    error: Invalid | None = None,
) -> Template:
    progress = await _recovery(house).proving.progress(visit.browser)
    return visit.page(
        "authorize",
        error=error,
        application=application,
        carried=given,
        address=address,
        shown=progress.brings(application.id),
        # A form that is refused leads back to the application.
        headers={NAME: policy(forms=applications.origins([asked.redirect_uri]))},
    )

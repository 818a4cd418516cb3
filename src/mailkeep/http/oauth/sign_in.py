"""``/oauth/authorize`` where an application's users are kept here: it is told who is signed in.

Whoever is signed in goes straight back; whoever is not signs in first, and the browser keeps
meanwhile what it was sent for. It keeps it itself: nobody else can set that cookie, and whatever
stands in it is checked anew.

Attack met here: another site sends somebody's browser here. The code goes to the application that
registered the redirect URI and holds the verifier, which knows that it did not send that browser.
"""

from urllib.parse import parse_qsl, urlencode

from litestar.response import Redirect, Template

from mailkeep.accounts import applications
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.signing_in import SignIn
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.http.pages.visit import SENT, PageServices, Visit
from mailkeep.http.policy import NAME, policy
from mailkeep.recovery.types import Asked

from . import asking
from .asking import Refused

MAIL = "email"  #: the scope that asks for an address (OpenID Connect Core section 5.4)
#: What has somebody sign in once more. Kept as the instant from which on that is done: else who
#: only looks at another page meanwhile goes on with the sign-in that was not recent enough.
_ANEW = ("prompt", "max_age")


async def go_on(
    visit: Visit,
    house: PageServices,
    application: ApplicationView,
    given: dict[str, str],
    asked: Asked,
) -> Redirect | Template:
    """Send the browser back to the application, or to the page on which one signs in.

    The policy of a page with a form holds for every step of the way that its form begins, and the
    application may go on to places that it has not registered: so who comes from our form goes back
    by a page of its own.

    Raises:
        Refused: the application is told why not.
    """
    session, now = await visit.maybe_session(), house.database.clock.now()
    if session is not None and asking.is_recent(given, session.created_at, now):
        scopes = given.get("scope", "").split()
        code = await house.accounts.signing_in.grant(
            session,
            SignIn(
                asked.application, asked.redirect_uri, asked.nonce, asked.challenge, MAIL in scopes
            ),
        )
        visit.forget(SENT)
        issuer = asking.issuer(house.public_url)
        to = asking.back(asked.redirect_uri, issuer, asked.state, code=code.reveal())
        if visit.comes_from_here:
            return visit.page("onward", to=to, application=application)
        return visit.go(to)
    if "none" in given.get("prompt", "").split():
        raise Refused("login_required", "sign in first", asked.redirect_uri, asked.state)
    kept = {name: value for name, value in given.items() if name not in _ANEW}
    if session is not None:
        kept[asking.SINCE] = str(now)
    if not visit.send(urlencode(kept)):
        raise Refused("invalid_request", "this is too long", asked.redirect_uri, asked.state)
    return visit.go("/sign-in")


async def sent_by(
    visit: Visit, house: PageServices
) -> tuple[ApplicationView | None, dict[str, str]]:
    """The application that sent this browser to sign in, and what a page whose form leads back
    there needs in its head."""
    try:
        given = asking.read(parse_qsl(visit.cookie(SENT)))
        async with house.database.read() as tx:
            found = await applications.get(tx, given.get("client_id", "")[:40])
        uri = asking.where(given, found.redirects)
    except (Invalid, NotFound):
        return None, {}
    if found.revoked_at is not None or not found.signs_in:
        return None, {}
    return found, {NAME: policy(forms=applications.origins([uri]))}

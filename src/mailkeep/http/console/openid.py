"""Console sign-in through an OpenID provider: the authorisation code flow with PKCE.

The provider sends the browser back with a GET. That page redeems nothing: it has a form with the
code, which posts it from our own page, so that all our cookies can be ``SameSite=Strict``.

Attacks met here: the code of somebody else's sign-in is put into this browser (its ``state`` is not
the one that the browser keeps); a code of another provider (``iss``, and the token's own issuer); a
session that was in the browser before (it ends); a replayed logout (it ends no session that began
later).
"""

import hmac
from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.base.clock import HOUR, MINUTE, SECOND
from mailkeep.base.errors import MailkeepError, NotAllowed, NotFound, NotSignedIn, Unavailable
from mailkeep.http import forms
from mailkeep.http.policy import NAME, policy
from mailkeep.http.port import Incoming, Running
from mailkeep.operators import openid, services
from mailkeep.operators.provider import Asked, Provider
from mailkeep.store.database import Tx

from .operator import cookie, enter, seal, unseal

ASKED = "__Host-operator-openid"
WAITS = 10 * MINUTE  #: for the provider to send the browser back
_LONGEST = 4096  #: characters of a code


class OpenIdSignIn(Controller):
    """There, back, and told that somebody left."""

    path = "/console/sign-in/openid"
    include_in_schema = False

    @post("/")
    async def begin(self, request: Incoming, running: Running) -> Response[Any]:
        forms.check_origin(request, running.public_url)
        provider = _provider(running)
        try:
            url, asked = await provider.begin(WAITS)
        except Unavailable as error:
            return await sign_in_page(running, error)
        kept = [cookie(seal(running.keys, asked), WAITS // SECOND, ASKED)]
        return Redirect(url, status_code=303, cookies=kept)

    @get("/back")
    async def back(self, request: Incoming, running: Running) -> Template:
        """Redeems nothing, whoever opens it."""
        _provider(running)
        given = request.query_params
        told = {name: given.get(name, "")[:_LONGEST] for name in ("code", "state", "iss", "error")}
        return Template("console/openid.html", context={"told": told})

    @post("/back")
    async def finish(self, request: Incoming, running: Running) -> Response[Any]:
        forms.check_origin(request, running.public_url)
        provider = _provider(running)
        posted = await forms.fields(request)
        try:
            redirect = await _finish(request, running, provider, posted)
        except (NotSignedIn, NotAllowed, Unavailable) as error:
            page = await sign_in_page(running, error)
            page.cookies.append(cookie("", 0, ASKED))
            return page
        redirect.cookies.append(cookie("", 0, ASKED))
        return redirect

    @post("/logout", status_code=200)
    async def logout(self, request: Incoming, running: Running) -> Response[None]:
        """The provider tells us that somebody left (OpenID Connect Back-Channel Logout 1.0)."""
        provider = _provider(running)
        token = (await forms.fields(request)).get("logout_token", "")
        headers = {"Cache-Control": "no-store"}
        try:
            told = await provider.left(token)
        except NotSignedIn:
            return Response(None, status_code=400, headers=headers)
        await running.database.retrying(
            lambda tx: services.left(tx, running.keys, provider.settings, told)
        )
        return Response(None, headers=headers)


async def sign_in_page(running: Running, error: MailkeepError | None) -> Template:
    """The ways in. The form may lead on to the provider, and nowhere else."""
    forms_to = []
    provider = running.openid
    if provider is not None:
        try:
            forms_to.append(openid.origin((await provider.metadata()).authorization_endpoint))
        except Unavailable as away:
            error = error or away
    return Template(
        "console/sign_in.html",
        context={
            "error": error,
            "issuer": "" if provider is None else openid.origin(provider.settings.issuer),
            "away": provider is not None and not forms_to,
        },
        status_code=200 if error is None else error.status,
        headers={NAME: policy(forms=forms_to)},
    )


async def _finish(
    request: Incoming, running: Running, provider: Provider, posted: dict[str, str]
) -> Redirect:
    asked = unseal(running.keys, request.cookies.get(ASKED, ""), Asked)
    state = posted.get("state", "")
    if asked.until <= running.database.clock.now() or not hmac.compare_digest(
        state.encode(), asked.state.encode()
    ):
        raise NotSignedIn("this is the answer to another sign-in; begin again", field="state")
    code = posted.get("code", "")
    if not code or posted.get("error"):
        raise NotSignedIn("the OpenID provider let nobody in; begin again")
    who = await provider.finish(asked, code, posted.get("iss", ""))
    settings = provider.settings
    life = round(settings.hours * HOUR)

    async def work(tx: Tx) -> str:
        return await services.enter_by_word(tx, running.keys, settings, who, tx.now + life)

    try:
        session = await running.database.retrying(work)
    except NotAllowed:
        await running.database.retrying(
            lambda tx: services.shut_out(tx, running.keys, settings, who.subject)
        )
        raise
    return await enter(request, running, session, life)


def _provider(running: Running) -> Provider:
    """Raises ``NotFound`` where there is none."""
    if running.openid is None:
        raise NotFound("no such page")
    return running.openid

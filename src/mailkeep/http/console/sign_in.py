"""Console sign-in with an API key and a passkey, and sign-out.

An API key with the scope ``operate`` signs in, for eight hours; once an operator has bound a
passkey, it takes the key and such a passkey. Where an OpenID provider is set up, this is the
fallback for when that provider is down, and a key alone does not suffice. Nobody signs in here by
mail.
"""

from typing import Any

from litestar import Controller, MediaType, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import second_step
from mailkeep.accounts.language import ENGLISH, shipped
from mailkeep.base import tokens
from mailkeep.base.clock import MINUTE, SECOND
from mailkeep.base.errors import MailkeepError, NotAllowed, NotSignedIn
from mailkeep.http import client, forms
from mailkeep.http.bearer import comes_from
from mailkeep.http.port import Incoming, Running
from mailkeep.http.speech import Speech
from mailkeep.mail import api_keys
from mailkeep.operators import services
from mailkeep.store.database import Tx

from .openid import sign_in_page
from .operator import LIFE, Waiting, cookie, enter, leave, seal, unseal

WAITING = "__Host-operator-waiting"  #: a right key that waits for the passkey
WAITS = 5 * MINUTE


class SignIn(Controller):
    """In and out."""

    path = "/console"
    include_in_schema = False

    @get("/sign-in")
    async def ask(self, running: Running) -> Template:
        return await sign_in_page(running, None)

    @post("/sign-in")
    async def key(self, request: Incoming, running: Running) -> Response[Any]:
        forms.check_origin(request, running.public_url)
        presented = (await forms.fields(request)).get("key", "").strip()
        try:
            async with running.database.read() as tx:
                grant = await api_keys.authorise(
                    tx,
                    running.keys,
                    presented,
                    services.SCOPE,
                    network=comes_from(request, running),
                )
                wanted = await second_step.is_wanted(tx)
            if running.openid is not None and not wanted:
                raise NotAllowed("a key alone opens no console here: no operator has a passkey")
        except MailkeepError as error:
            return await sign_in_page(running, error)
        running.grants.used(grant)
        if wanted:
            until = running.database.clock.now() + WAITS
            waiting = seal(running.keys, Waiting(grant.id, tokens.link_secret(), until))
            kept = [cookie(waiting, WAITS // SECOND, WAITING)]
            return Redirect("/console/sign-in/passkey", status_code=303, cookies=kept)
        return await _in(request, running, grant.id)

    @get("/sign-in/passkey")
    async def second(self, request: Incoming, running: Running) -> Template:
        await _waiting(request, running)
        return _passkey(None)

    @post("/sign-in/passkey/ask", status_code=200)
    async def ask_passkey(self, request: Incoming, running: Running) -> Response[str]:
        forms.check_origin(request, running.public_url)
        waiting = await _waiting(request, running)
        made = await running.accounts.second_step.ask(_browser(running, waiting))
        return Response(made, media_type=MediaType.JSON)

    @post("/sign-in/passkey")
    async def show_passkey(self, request: Incoming, running: Running) -> Response[Any]:
        forms.check_origin(request, running.public_url)
        waiting = await _waiting(request, running)
        answer = (await forms.fields(request)).get("assertion", "")
        network = running.keys.pseudonym("network", client.network(comes_from(request, running)))
        try:
            account = await running.accounts.second_step.prove(
                answer, _browser(running, waiting), network
            )
        except NotSignedIn as error:
            return _passkey(error)
        return await _in(request, running, waiting.key, account)

    @post("/sign-out")
    async def out(self, request: Incoming, running: Running) -> Redirect:
        forms.check_origin(request, running.public_url)
        await leave(request, running)
        return Redirect("/console/sign-in", status_code=303, cookies=[cookie("", 0)])


def _passkey(error: NotSignedIn | None) -> Template:
    """The page shares the owners' words about passkeys; the console's are in English."""
    context = Speech(shipped().of(ENGLISH)).context | {"error": error}
    return Template("console/passkey.html", context=context, status_code=401 if error else 200)


async def _waiting(request: Incoming, running: Running) -> Waiting:
    """Whose key was right a moment ago, and still is. Raises ``NotSignedIn``."""
    waiting = unseal(running.keys, request.cookies.get(WAITING, ""), Waiting)
    network = comes_from(request, running)
    async with running.database.read() as tx:
        name = await api_keys.still_may(tx, waiting.key, services.SCOPE, network)
        if name is None or waiting.until <= tx.now:
            raise NotSignedIn("sign in again")
    return waiting


def _browser(running: Running, waiting: Waiting) -> str:
    return running.keys.pseudonym("browser", f"console {waiting.nonce}")


async def _in(request: Incoming, running: Running, key: str, account: str = "") -> Redirect:
    """Write the session; only here, so that guessing keys never takes the database's writer."""

    async def work(tx: Tx) -> str:
        return await services.enter_by_key(tx, key, tx.now + LIFE, account)

    session = await running.database.retrying(work)
    found = await enter(request, running, session, LIFE)
    found.cookies.append(cookie("", 0, WAITING))
    return found

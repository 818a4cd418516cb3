"""Operators at the console: an API key with the scope ``operate`` signs in, for eight hours; once
an operator has bound a passkey, the key and such a passkey.

Security: the cookie is sealed and names a session, never holds the key; each request asks whether
the session stands and its key is still good, so that signing out ends the one, wherever the cookie
was copied to, and revoking the key ends all of its. The cookie is ``SameSite=Strict``, and a POST
that a browser says comes from another site is refused. Nobody signs in here by mail.
"""

import base64
import binascii
import contextlib
from typing import Any, TypeVar

import msgspec
from litestar import Controller, MediaType, Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from mailkeep.accounts import second_step
from mailkeep.base import tokens
from mailkeep.base.clock import HOUR, MINUTE, SECOND, Instant
from mailkeep.base.errors import MailkeepError, NotSignedIn
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.events import audit
from mailkeep.http import client, forms
from mailkeep.http.bearer import comes_from
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import api_keys, operators
from mailkeep.mail.grants import Scope
from mailkeep.store.database import Tx

T = TypeVar("T", "Signed", "Waiting")

COOKIE = "__Host-operator"
WAITING = "__Host-operator-waiting"  #: a right key that waits for the passkey
LIFE = 8 * HOUR
SCOPE = Scope.OPERATE
WAITS = 5 * MINUTE
_PURPOSE = "operator cookie"
_WAITING_PURPOSE = "operator who waits"


class Signed(msgspec.Struct, frozen=True):
    """What the cookie says: which sign-in it is of."""

    session: str


class Waiting(msgspec.Struct, frozen=True):
    """Whose key was right. ``nonce``: names the browser to the challenge that it is given."""

    key: str
    nonce: str
    until: Instant


class Operator(msgspec.Struct, frozen=True):
    """Who is at the console, and what they posted."""

    signed: Signed
    key: str
    name: str
    form: dict[str, str]
    network: str


def seal(keys: KeyRing, said: Signed | Waiting) -> str:
    """A cookie's value."""
    sealed = keys.seal(_purpose(type(said)), msgspec.json.encode(said))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(keys: KeyRing, value: str, kind: type[T]) -> T:
    """What ``seal`` made. Raises ``NotSignedIn``."""
    try:
        sealed = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return msgspec.json.decode(keys.unseal(_purpose(kind), sealed), type=kind)
    except (Unsealable, binascii.Error, ValueError) as error:
        raise NotSignedIn("sign in first") from error


def _purpose(kind: type[Any]) -> str:
    return _WAITING_PURPOSE if kind is Waiting else _PURPOSE


async def still(tx: Tx, signed: Signed, network: str) -> tuple[str, str] | None:
    """The id and the name of the key that signed in, while it may act from ``network`` (an
    address); else None."""
    return await operators.still(tx, signed.session, SCOPE, network)


async def operator(request: Incoming, running: Running) -> Operator:
    """Who is signed in. Raises ``NotSignedIn``; ``NotAllowed`` for a POST from another site."""
    posted: dict[str, str] = {}
    if request.method == "POST":
        forms.check_origin(request, running.public_url)
    signed = unseal(running.keys, request.cookies.get(COOKIE, ""), Signed)
    network = comes_from(request, running)
    async with running.database.read() as tx:
        found = await still(tx, signed, network)
    if found is None:
        raise NotSignedIn("sign in again")
    if request.method == "POST":
        posted = await forms.fields(request)
    return Operator(signed, *found, posted, network)


class SignIn(Controller):
    """In and out."""

    path = "/console"
    include_in_schema = False

    @get("/sign-in")
    async def ask(self) -> Template:
        return Template("console/sign_in.html", context={"error": None})

    @post("/sign-in")
    async def enter(self, request: Incoming, running: Running) -> Response[Any]:
        forms.check_origin(request, running.public_url)
        presented = (await forms.fields(request)).get("key", "").strip()
        try:
            async with running.database.read() as tx:
                grant = await api_keys.authorise(
                    tx, running.keys, presented, SCOPE, network=comes_from(request, running)
                )
                wanted = await second_step.is_wanted(tx)
        except MailkeepError as error:
            return Template(
                "console/sign_in.html", context={"error": error}, status_code=error.status
            )
        running.grants.used(grant)
        if wanted:
            until = running.database.clock.now() + WAITS
            waiting = seal(running.keys, Waiting(grant.id, tokens.link_secret(), until))
            cookie = _cookie(waiting, WAITS // SECOND, WAITING)
            return Redirect("/console/sign-in/passkey", status_code=303, cookies=[cookie])
        return await _in(running, grant.id)

    @get("/sign-in/passkey")
    async def second(self, request: Incoming, running: Running) -> Template:
        await _waiting(request, running)
        return Template("console/passkey.html", context={"error": None})

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
            return Template("console/passkey.html", context={"error": error}, status_code=401)
        return await _in(running, waiting.key, account)

    @post("/sign-out")
    async def leave(self, request: Incoming, running: Running) -> Redirect:
        forms.check_origin(request, running.public_url)
        with contextlib.suppress(NotSignedIn):
            session = unseal(running.keys, request.cookies.get(COOKIE, ""), Signed).session
            await running.database.retrying(lambda tx: operators.leave(tx, session))
        return Redirect("/console/sign-in", status_code=303, cookies=[_cookie("", 0)])


async def _waiting(request: Incoming, running: Running) -> Waiting:
    """Whose key was right a moment ago, and still is. Raises ``NotSignedIn``."""
    waiting = unseal(running.keys, request.cookies.get(WAITING, ""), Waiting)
    network = comes_from(request, running)
    async with running.database.read() as tx:
        name = await api_keys.still_may(tx, waiting.key, SCOPE, network)
        if name is None or waiting.until <= tx.now:
            raise NotSignedIn("sign in again")
    return waiting


def _browser(running: Running, waiting: Waiting) -> str:
    return running.keys.pseudonym("browser", f"console {waiting.nonce}")


async def _in(running: Running, key: str, account: str = "") -> Redirect:
    """Written only now: whoever guesses keys never holds the writer."""

    async def work(tx: Tx) -> str:
        if account:
            await audit.write(tx, key, "console.passkey", {"account": account})
        return await operators.enter(tx, key, tx.now + LIFE)

    value = seal(running.keys, Signed(await running.database.retrying(work)))
    cookies = [_cookie(value, LIFE // SECOND), _cookie("", 0, WAITING)]
    return Redirect("/console", status_code=303, cookies=cookies)


def on_error(_request: Incoming, error: MailkeepError) -> Response[Any]:
    """A page that says what is wrong; who is not signed in is asked to."""
    if isinstance(error, NotSignedIn):
        return Redirect("/console/sign-in", status_code=303)
    return Template("console/error.html", context={"error": error}, status_code=error.status)


def _cookie(value: str, seconds: int, name: str = COOKIE) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        path="/",
        max_age=seconds,
        secure=True,
        httponly=True,
        samesite="strict",
    )

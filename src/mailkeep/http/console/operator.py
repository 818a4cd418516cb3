"""Operators at the console: an API key with the scope ``operate`` signs in, for eight hours.

Security: the cookie is sealed and names a session, never holds the key; each request asks whether
the session stands and its key is still good, so that signing out ends the one, wherever the cookie
was copied to, and revoking the key ends all of its. The cookie is ``SameSite=Strict``, and a POST
that a browser says comes from another site is refused. Nobody signs in here by mail.
"""

import base64
import binascii
import contextlib
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from mailkeep.base.clock import HOUR, SECOND
from mailkeep.base.errors import MailkeepError, NotSignedIn
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.http import forms
from mailkeep.http.bearer import comes_from
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import api_keys, operators
from mailkeep.mail.grants import Scope
from mailkeep.store.database import Tx

COOKIE = "__Host-operator"
LIFE = 8 * HOUR
SCOPE = Scope.OPERATE
_PURPOSE = "operator cookie"


class Signed(msgspec.Struct, frozen=True):
    """What the cookie says: which sign-in it is of."""

    session: str


class Operator(msgspec.Struct, frozen=True):
    """Who is at the console, and what they posted."""

    signed: Signed
    key: str
    name: str
    form: dict[str, str]
    network: str


def seal(keys: KeyRing, signed: Signed) -> str:
    """The cookie's value."""
    sealed = keys.seal(_PURPOSE, msgspec.json.encode(signed))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(keys: KeyRing, value: str) -> Signed:
    """What ``seal`` made. Raises ``NotSignedIn``."""
    try:
        sealed = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return msgspec.json.decode(keys.unseal(_PURPOSE, sealed), type=Signed)
    except (Unsealable, binascii.Error, ValueError) as error:
        raise NotSignedIn("sign in first") from error


async def still(tx: Tx, signed: Signed, network: str) -> tuple[str, str] | None:
    """The id and the name of the key that signed in, while it may act from ``network`` (an
    address); else None."""
    return await operators.still(tx, signed.session, SCOPE, network)


async def operator(request: Incoming, running: Running) -> Operator:
    """Who is signed in. Raises ``NotSignedIn``; ``NotAllowed`` for a POST from another site."""
    posted: dict[str, str] = {}
    if request.method == "POST":
        forms.check_origin(request, running.public_url)
    signed = unseal(running.keys, request.cookies.get(COOKIE, ""))
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
        except MailkeepError as error:
            return Template(
                "console/sign_in.html", context={"error": error}, status_code=error.status
            )
        running.grants.used(grant)
        # Written only now: whoever guesses keys never holds the writer.
        session = await running.database.retrying(
            lambda tx: operators.enter(tx, grant.id, tx.now + LIFE)
        )
        value = seal(running.keys, Signed(session))
        return Redirect("/console", status_code=303, cookies=[_cookie(value, LIFE // SECOND)])

    @post("/sign-out")
    async def leave(self, request: Incoming, running: Running) -> Redirect:
        forms.check_origin(request, running.public_url)
        with contextlib.suppress(NotSignedIn):
            session = unseal(running.keys, request.cookies.get(COOKIE, "")).session
            await running.database.retrying(lambda tx: operators.leave(tx, session))
        return Redirect("/console/sign-in", status_code=303, cookies=[_cookie("", 0)])


def on_error(_request: Incoming, error: MailkeepError) -> Response[Any]:
    """A page that says what is wrong; who is not signed in is asked to."""
    if isinstance(error, NotSignedIn):
        return Redirect("/console/sign-in", status_code=303)
    return Template("console/error.html", context={"error": error}, status_code=error.status)


def _cookie(value: str, seconds: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        path="/",
        max_age=seconds,
        secure=True,
        httponly=True,
        samesite="strict",
    )

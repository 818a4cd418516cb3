"""Authenticates and authorises requests to the console.

Each handler declares the permission that it needs (``opt=needs(…)``); one that declares none admits
nobody.

Security: the cookie is sealed and names a session, never holds a key. Each request checks that the
session stands, and what its operator may do now, so that signing out, revoking the key, lowering a
role or removing an operator takes effect at once, wherever the cookie was copied to. The cookie is
``SameSite=Strict``, and a POST that the browser says comes from another site is refused.
"""

import base64
import binascii
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from mailkeep.accounts import second_step
from mailkeep.base.clock import HOUR, MINUTE, SECOND, Instant
from mailkeep.base.errors import MailkeepError, NotAllowed, NotSignedIn
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.http import forms
from mailkeep.http.bearer import comes_from
from mailkeep.http.port import Incoming, Running
from mailkeep.operators import services
from mailkeep.operators.permissions import Permission
from mailkeep.operators.provider import Asked
from mailkeep.operators.types import Present, Way
from mailkeep.store.database import Tx

T = TypeVar("T", "Signed", "Waiting", Asked)

COOKIE = "__Host-operator"
LIFE = 8 * HOUR  #: of a sign-in with a key
LIVE = "Mailkeep-Live"  #: header of what a live page fetches by itself (``static/console.js``)
NEEDS = "needs"
_PURPOSES = {
    "Signed": "operator cookie",
    "Waiting": "operator who waits",
    "Asked": "operator at the OpenID provider",
}


class Signed(msgspec.Struct, frozen=True):
    """The content of the cookie: which session it is of."""

    session: str


class Waiting(msgspec.Struct, frozen=True):
    """Somebody whose key was right, and whose passkey is asked for. ``nonce``: ties the browser to
    its challenge."""

    key: str
    nonce: str
    until: Instant


class Refused(msgspec.Struct, frozen=True):
    """A form that was refused: where it was posted to, what was typed, and why."""

    path: str
    typed: dict[str, str]
    error: MailkeepError


class Operator(msgspec.Struct, frozen=True):
    """Who is at the console, and what they posted. ``refused``: that it was refused just now."""

    signed: Signed
    present: Present
    form: dict[str, str]
    network: str
    refused: Refused | None = None

    @property
    def actor(self) -> str:
        """Who acts, as the audit chain names them: an operator's id, or an API key's."""
        return self.present.actor

    @property
    def name(self) -> str:
        return self.present.name

    def may(self, permission: str) -> bool:
        return self.present.may(Permission(permission))


def needs(permission: Permission) -> dict[str, Any]:
    """Declares the permission that a handler's caller must have."""
    return {NEEDS: permission}


def seal(keys: KeyRing, said: Signed | Waiting | Asked) -> str:
    """A cookie's value."""
    sealed = keys.seal(_PURPOSES[type(said).__name__], msgspec.json.encode(said))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(keys: KeyRing, value: str, kind: type[T]) -> T:
    """What ``seal`` made. Raises ``NotSignedIn``."""
    try:
        sealed = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return msgspec.json.decode(keys.unseal(_PURPOSES[kind.__name__], sealed), type=kind)
    except (Unsealable, binascii.Error, ValueError) as error:
        raise NotSignedIn("sign in first") from error


async def still(tx: Tx, running: Running, signed: Signed, network: str) -> Present | None:
    """Who is signed in, if they may still act from ``network`` (an address); else None."""
    found = await services.still(tx, signed.session, network)
    if found is None:
        return None
    if found.way is Way.OPENID:
        return None if running.openid is None else found
    if found.account:
        return found if await second_step.is_operators(tx, found.account) else None
    # A key alone is valid only while there is no stronger way in that it would bypass.
    return None if running.openid is not None or await second_step.is_wanted(tx) else found


async def operator(request: Incoming, running: Running) -> Operator:
    """Who is signed in.

    Raises:
        NotSignedIn: nobody, or no more.
        NotAllowed: they may not do this; or it is a POST from another site.
    """
    needed = request.route_handler.opt.get(NEEDS)
    posted: dict[str, str] = {}
    if request.method == "POST":
        forms.check_origin(request, running.public_url)
    signed = unseal(running.keys, request.cookies.get(COOKIE, ""), Signed)
    network = comes_from(request, running)
    async with running.database.read() as tx:
        found, now = await still(tx, running, signed, network), tx.now
    if found is None:
        raise NotSignedIn("sign in again")
    if not isinstance(needed, Permission) or not found.may(needed):
        raise NotAllowed(f"your role, {found.role}, may not do this")
    if not _by_itself(request) and now - found.seen_at > MINUTE:
        await running.database.retrying(lambda tx: services.seen(tx, signed.session))
    if request.method == "POST":
        posted = await forms.fields(request)
    return Operator(signed, found, posted, network)


def _by_itself(request: Incoming) -> bool:
    """Whether a live page made this request, and no person: its stream, and what its script fetches
    when that tells of a change. It is let in as any other and keeps no session alive: else a page
    that nobody is at would, for as long as something happens (63B 2.2.3). A POST is a person's."""
    live = request.url.path.endswith("/news") or LIVE in request.headers
    return request.method != "POST" and live


async def enter(request: Incoming, running: Running, session: str, life: int) -> Redirect:
    """Go to the console with a new session; the browser's earlier session ends, whoever's it
    was."""
    if COOKIE in request.cookies:
        await leave(request, running)
    value = seal(running.keys, Signed(session))
    return Redirect("/console", status_code=303, cookies=[cookie(value, life // SECOND)])


async def leave(request: Incoming, running: Running) -> None:
    """End the browser's session, where it has one."""
    try:
        session = unseal(running.keys, request.cookies.get(COOKIE, ""), Signed).session
    except NotSignedIn:
        return
    await running.database.retrying(lambda tx: services.leave(tx, session))


def on_error(_request: Incoming, error: MailkeepError) -> Response[Any]:
    """An error page; somebody who is not signed in is sent to the sign-in page."""
    if isinstance(error, NotSignedIn):
        return Redirect("/console/sign-in", status_code=303)
    return Template("console/error.html", context={"error": error}, status_code=error.status)


def cookie(value: str, seconds: int, name: str = COOKIE) -> Cookie:
    """A cookie of ours: sent back to us alone, from pages of ours alone."""
    return Cookie(
        key=name,
        value=value,
        path="/",
        max_age=seconds,
        secure=True,
        httponly=True,
        samesite="strict",
    )

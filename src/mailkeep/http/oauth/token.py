"""``/oauth/token``: an authenticated application exchanges its code for a verdict, or for who is
signed in; ``/oauth/userinfo``: it asks whether they still are.

RFC 6749 sections 2.3.1, 3.2, 4.1.3 and 5, OpenID Connect Core sections 3.1.3 and 5.3.

Security: reads hostile input. An application authenticates before its code is looked at, so a
stranger who saw a code can neither use nor spoil it.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Response, post, route
from litestar.exceptions import ClientException

from mailkeep.accounts import applications
from mailkeep.base.errors import Conflict, NotFound, NotSignedIn
from mailkeep.http.bearer import basic, key_of
from mailkeep.http.port import Incoming, Running

from . import asking

MEDIA_TYPE = "application/json"
_FORM = "application/x-www-form-urlencoded"
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_ONCE = ("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret")
MOST = 64 * 1024


class Answer(msgspec.Struct, omit_defaults=True):
    """An ID token, and the access token with which the application says that it acts on a verdict,
    or asks whether somebody is still signed in."""

    access_token: str
    token_type: str
    expires_in: int
    id_token: str
    scope: str


class Error(Exception):
    """An error of RFC 6749 section 5.2."""

    def __init__(self, error: str, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.error, self.status = error, status


@post(asking.EXCHANGE, status_code=200, include_in_schema=False, request_max_body_size=MOST)
async def token(request: Incoming, running: Running) -> Response[Any]:
    """Exchange a code. The answer is JSON, an error too."""
    try:
        answer = await _exchange(request, running)
    except Error as error:
        headers = dict(_HEADERS)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="mailkeep", charset="UTF-8"'
        request.state.why = error.error
        told = {"error": error.error, "error_description": str(error)}
        return Response(told, status_code=error.status, media_type=MEDIA_TYPE, headers=headers)
    return Response(answer, media_type=MEDIA_TYPE, headers=_HEADERS)


async def _exchange(request: Incoming, running: Running) -> Answer:
    if running.recovery is None:
        raise NotFound("there are no accounts here")
    given = await _form(request)
    client, secret = _client(request.headers.getall("authorization", []), given)
    try:
        async with running.database.read() as tx:
            application = await applications.authenticate(tx, running.keys, client, secret)
    except NotSignedIn as error:
        raise Error("invalid_client", str(error), 401) from error
    if "grant_type" not in given:
        raise Error("invalid_request", "grant_type is missing")
    if given["grant_type"] != "authorization_code":
        raise Error("unsupported_grant_type", "say grant_type=authorization_code")
    for name in ("code", "redirect_uri", "code_verifier"):
        if not given.get(name):
            raise Error("invalid_request", f"{name} is missing")
    shown = (given["code"], given["redirect_uri"], given["code_verifier"])
    issuer = asking.issuer(running.public_url)
    try:
        if application.signs_in:
            granted = await running.accounts.signing_in.exchange(application, *shown, issuer)
            claims, secret, seconds, scope = msgspec.structs.astuple(granted)
        else:
            taken = await running.recovery.verdicts.exchange(application, *shown, issuer)
            claims, secret, seconds = msgspec.structs.astuple(taken)
            scope = "openid"
    except Conflict as error:
        raise Error("invalid_grant", str(error)) from error
    signed = running.signing.sign(claims, kind="JWT", now=running.database.clock.now())
    return Answer(secret.reveal(), "Bearer", seconds, signed, scope)


@route(
    asking.USERINFO,
    http_method=["GET", "POST"],
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MOST,
)
async def userinfo(request: Incoming, running: Running) -> Response[Any]:
    """Who is signed in by an access token, while they are (RFC 6750 section 3)."""
    headers = dict(_HEADERS)
    try:
        token = await _shown(request)
        return Response(await running.accounts.signing_in.who(token), headers=headers)
    except (NotSignedIn, Error) as error:
        told = {"error": "invalid_token", "error_description": str(error)}
        headers["WWW-Authenticate"] = 'Bearer realm="mailkeep", error="invalid_token"'
        return Response(told, status_code=401, media_type=MEDIA_TYPE, headers=headers)


async def _shown(request: Incoming) -> str:
    """The access token, in the header or in the form of a POST (RFC 6750 section 2)."""
    if request.method == "POST" and "authorization" not in request.headers:
        given = await _form(request, ("access_token",))
        return given.get("access_token", "")
    return key_of(request)


async def _form(request: Incoming, only: Collection[str] = _ONCE) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Error("invalid_request", f"send {_FORM}")
    try:
        form = await request.form()
    except (LookupError, ValueError, ClientException) as error:
        raise Error("invalid_request", "the form cannot be read") from error
    given: dict[str, str] = {}
    for name, value in form.multi_items():
        # An empty one counts as left out (RFC 6749 section 3.2).
        if name in only and isinstance(value, str) and value:
            if name in given:
                raise Error("invalid_request", f"{name} is given twice")
            given[name] = value
    return given


def _client(headers: list[str], given: dict[str, str]) -> tuple[str, str]:
    """The id and secret that are presented, in one of both ways (RFC 6749 section 2.3)."""
    if len(headers) > 1:
        raise Error("invalid_request", "Authorization is given twice")
    if not headers:
        return given.get("client_id", ""), given.get("client_secret", "")
    if "client_secret" in given:
        raise Error("invalid_request", "prove who you are in one way only")
    shown = basic(headers[0])
    if shown is None:
        raise Error("invalid_client", "send the id and the secret as RFC 6749 has it", 401)
    if given.get("client_id", shown[0]) != shown[0]:
        raise Error("invalid_request", "client_id is another one than in the header")
    return shown

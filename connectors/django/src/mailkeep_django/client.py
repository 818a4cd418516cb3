"""Talks to Mailkeep: discovery, codes, ID tokens, verdicts, users.

OpenID Connect Core section 3.1, RFC 7636, RFC 9207. Nothing of an answer is believed that the
signature, the issuer, the audience, the nonce and the time do not vouch for.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from . import conf

KEPT_SECONDS = 3600  #: for which a discovery document is used
CLOCK_SECONDS = 30  #: by which two clocks may differ
LARGEST = 1 << 20  #: bytes of an answer

_known: dict[str, tuple[float, dict[str, Any]]] = {}


class Refused(Exception):
    """Mailkeep said no, or what it said cannot be believed. Nothing may be written."""

    def __init__(self, why: str, status: int = 0, body: Any = None) -> None:
        super().__init__(why)
        self.status, self.body = status, body


@dataclass(frozen=True)
class Sent:
    """What the session keeps while its browser is away."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Verdict:
    """What a recovery showed.

    ``factor``: ``proven``, ``outstanding`` or ``none``. ``token`` acknowledges it, once, within
    ``seconds``.
    """

    id: str
    subject: str
    factor: str
    token: str
    seconds: int


class _NoRedirects(HTTPRedirectHandler):
    """A secret goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Never."""


_opener = build_opener(_NoRedirects)


def begin(redirect_uri: str) -> tuple[str, Sent]:
    """Where to send the browser, and what to keep in its session."""
    sent = Sent(*(secrets.token_urlsafe(32) for _ in range(3)))
    digest = hashlib.sha256(sent.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": conf.get("CLIENT_ID"),
        "redirect_uri": redirect_uri,
        "scope": "openid",
        "state": sent.state,
        "nonce": sent.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{_document()['authorization_endpoint']}?{urlencode(query)}", sent


def take(sent: Sent, query: dict[str, str], redirect_uri: str) -> Verdict:
    """The verdict that a browser brings back.

    Args:
        query: of the URL that it came back with.

    Raises:
        Refused: it is not the browser that was sent, not from Mailkeep, or there is no verdict.
    """
    if not hmac.compare_digest(query.get("state", "").encode(), sent.state.encode()):
        raise Refused("this browser was not sent by us")
    if query.get("iss") != conf.issuer():  # RFC 9207: whose answer it is
        raise Refused("this is another one's answer")
    if "code" not in query:
        raise Refused("there is no verdict")
    form = {
        "grant_type": "authorization_code",
        "code": query["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": sent.verifier,
    }
    answer = _ask(
        "POST",
        _document()["token_endpoint"],
        urlencode(form).encode(),
        {**_as_application(), "Content-Type": "application/x-www-form-urlencoded"},
    )
    claims = _verified(str(answer.get("id_token", "")), sent.nonce)
    return Verdict(
        str(claims["jti"]),
        str(claims["sub"]),
        str(claims["factor"]),
        str(answer["access_token"]),
        int(answer["expires_in"]),
    )


def acknowledge(verdict: str, token: str) -> None:
    """Say that the password is written now. Raises ``Refused``: then it must not be."""
    url = f"{conf.issuer()}/v1/verdicts/{quote(verdict, safe='')}/acknowledge"
    _ask("POST", url, b"", {"Authorization": f"Bearer {token}"})


def register(users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Register users, 500 at most; what became of each. Raises ``Refused``."""
    answer = _ask(
        "PUT",
        f"{conf.issuer()}/v1/subjects",
        json.dumps({"subjects": users}).encode(),
        {"Authorization": f"Bearer {conf.get('API_KEY')}", "Content-Type": "application/json"},
    )
    return list(answer["results"])


def device() -> str:
    """A fresh name for a browser, which says nothing."""
    return secrets.token_urlsafe(16)


def whither(address: str, subject: str, timeout: float, **more: str) -> str:
    """Where a reset goes on: ``here`` (at Mailkeep) or ``there``. Raises ``Refused``."""
    told = {"address": address, "subject": subject, **more}
    answer = _ask(
        "POST",
        f"{conf.issuer()}/v1/resets",
        json.dumps({name: value for name, value in told.items() if value}).encode(),
        {"Authorization": f"Bearer {conf.get('API_KEY')}", "Content-Type": "application/json"},
        timeout,
    )
    way = answer.get("way") if isinstance(answer, dict) else None
    if way not in {"here", "there"}:
        raise Refused("Mailkeep's answer cannot be read")
    return str(way)


def forget(subject: str) -> None:
    """Have a user forgotten, and answer for it. Raises ``Refused``."""
    url = f"{conf.issuer()}/v1/subjects/{quote(subject, safe='')}"
    told = _ask("DELETE", url, None, {"Authorization": f"Bearer {conf.get('API_KEY')}"})
    if told["held"]["agreed"] is None:
        vouch(subject, str(told["held"]["id"]))


def look(subject: str) -> dict[str, Any]:
    """A user as they stand at Mailkeep, and what is held. Raises ``Refused``."""
    url = f"{conf.issuer()}/v1/subjects/{quote(subject, safe='')}"
    return _ask("GET", url, None, {"Authorization": f"Bearer {conf.get('API_KEY')}"})


def vouch(subject: str, change: str) -> None:
    """Answer for a change that is held, with the client secret: whoever stole the API key cannot.
    Raises ``Refused``: something else is held by now."""
    url = f"{conf.issuer()}/v1/subjects/{quote(subject, safe='')}"
    _ask("POST", f"{url}/held/{quote(change, safe='')}/vouch", b"", _as_application())


def ticket(subject: str) -> str:
    """Where a user, who is signed in at the site, binds a second factor that Mailkeep keeps: once,
    within ten minutes. Raises ``Refused``."""
    url = f"{conf.issuer()}/v1/subjects/{quote(subject, safe='')}/factors/ticket"
    told = str(_ask("POST", url, b"", _as_application())["url"])
    if not told.startswith(f"{conf.issuer()}/"):
        raise Refused("Mailkeep names an address that is not its own")
    return told


def _as_application() -> dict[str, str]:
    """The id and secret, as RFC 6749 section 2.3.1 has them."""
    both = f"{quote(conf.get('CLIENT_ID'), safe='')}:{quote(conf.get('CLIENT_SECRET'), safe='')}"
    return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


def _verified(token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token (OpenID Connect Core section 3.1.3.7)."""
    document = _document()
    published: Any = _ask("GET", document["jwks_uri"], None, {})
    registry = jwt.JWTClaimsRegistry(
        now=int(time.time()),
        leeway=CLOCK_SECONDS,
        iss={"essential": True, "value": conf.issuer()},
        aud={"essential": True, "value": conf.get("CLIENT_ID")},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        jti={"essential": True},
        factor={"essential": True, "values": ["proven", "outstanding", "none"]},
    )
    try:
        keys = KeySet.import_key_set(published)
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        registry.validate(claims)
    except (JoseError, ValueError) as error:
        raise Refused("the ID token cannot be believed") from error
    return claims


def _document() -> dict[str, Any]:
    """What Mailkeep says of itself (OpenID Connect Discovery section 4)."""
    issuer = conf.issuer()
    at, found = _known.get(issuer, (0.0, {}))
    if not found or time.monotonic() - at > KEPT_SECONDS:
        found = _ask("GET", f"{issuer}/.well-known/openid-configuration", None, {})
        if found.get("issuer") != issuer:
            raise Refused("another issuer answers there")
        _known[issuer] = time.monotonic(), found
    return found


def _ask(
    method: str,
    url: str,
    body: bytes | None,
    headers: dict[str, str],
    timeout: float | None = None,
) -> dict[str, Any]:
    if not url.startswith(f"{conf.issuer()}/"):
        raise Refused("Mailkeep names an address that is not its own")
    # The scheme is the issuer's, which the site's own settings name.
    request = Request(url, body, headers, method=method)  # noqa: S310
    try:
        with _opener.open(request, timeout=timeout or conf.get("TIMEOUT")) as reply:
            text = reply.read(LARGEST)
    except HTTPError as error:
        raise Refused(f"Mailkeep answered {error.code}", error.code, _read(error)) from error
    except (URLError, OSError) as error:
        raise Refused("Mailkeep cannot be reached") from error
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Refused("Mailkeep's answer cannot be read") from error
    return found


def _read(error: HTTPError) -> Any:
    try:
        return json.loads(error.read(LARGEST))
    except (ValueError, OSError):
        return None

"""Sign-in with an OpenID provider: builds requests and validates its answers and tokens (pure).

OpenID Connect Core 1.0 sections 3.1.2, 3.1.3.7, Discovery 1.0 section 4.3, Back-Channel Logout 1.0
section 2, RFC 7636, RFC 9207, RFC 9700.

Attacks met here: a code or token of another issuer (mix-up, a stranger's key set); a token for
another client, another sign-in (nonce), another purpose; ``alg`` none, or a symmetric one keyed
with what is public; endpoints in clear.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mailkeep.base import pkce
from mailkeep.base.errors import NotSignedIn, Unavailable

from .types import is_near

#: Only signatures by a key that nobody else has; never ``none``, never a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY = 60  #: seconds that clocks may differ
OLDEST = 600  #: seconds since it was made for which a token is taken
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
MOST_GROUPS = 2000
_LONGEST = 16 * 1024  #: characters of a token


class Metadata(msgspec.Struct, frozen=True):
    """How a provider is reached. ``names_itself``: it says in each answer who it is (RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool
    names_itself: bool


class Who(msgspec.Struct, frozen=True):
    """The person that an ID token names. ``sid``: the provider's name for its session, or ""."""

    subject: str
    name: str
    groups: tuple[str, ...]
    sid: str


class Left(msgspec.Struct, frozen=True):
    """Whom a logout token ends: a person everywhere, or one session of theirs."""

    subject: str
    sid: str
    at: int


def metadata(told: object, issuer: str) -> Metadata:
    """Read a discovery document.

    Raises:
        Unavailable: it is another issuer's, says too little, or leads where nothing is sealed.
    """
    if not isinstance(told, dict):
        raise Unavailable("the OpenID provider's metadata cannot be read")
    # Discovery section 4.3: exactly; else another issuer answers in its place.
    if told.get("issuer") != issuer:
        raise Unavailable("the OpenID provider's issuer is not the one in the settings")
    found = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        url = told.get(name)
        if not isinstance(url, str) or not _sealed(url, issuer):
            raise Unavailable(f"the OpenID provider's {name} is not an https URL")
        found[name] = url
    ways = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        issuer,
        **found,
        basic=isinstance(ways, list) and "client_secret_basic" in ways,
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
    )


def ask_url(
    metadata: Metadata,
    client: str,
    redirect_uri: str,
    *,
    scopes: Sequence[str],
    state: str,
    nonce: str,
    verifier: str,
) -> str:
    """The authorisation URL to which the browser is sent."""
    words = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *scopes))),
        "state": state,
        "nonce": nonce,
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": pkce.METHOD,
    }
    at = metadata.authorization_endpoint
    return f"{at}{'&' if urlsplit(at).query else '?'}{urlencode(words)}"


def origin(url: str) -> str:
    """``scheme://host[:port]`` of a URL, for the policy of a page."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def kid(token: str) -> str | None:
    """Which key a token says it is signed by. Raises ``NotSignedIn`` for what is no token."""
    if len(token) > _LONGEST:
        raise NotSignedIn("the OpenID provider's token is too long")
    try:
        found = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise NotSignedIn("the OpenID provider's token cannot be read") from error
    return found if isinstance(found, str) else None


def who(
    token: str, keys: KeySet, *, issuer: str, client: str, nonce: str, groups: str, now: int
) -> Who:
    """Validate an ID token, and return whom it names (Core section 3.1.3.7).

    Args:
        groups: the claim that lists them.
        now: seconds.

    Raises:
        NotSignedIn: it is not for this sign-in.
    """
    claims = _claims(token, keys, issuer=issuer, client=client, now=now)
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] + LEEWAY <= now:
        raise NotSignedIn("the OpenID provider's token has expired; sign in again")
    if claims.get("nonce") != nonce or "events" in claims:
        raise NotSignedIn("the OpenID provider's token is for another sign-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise NotSignedIn("the OpenID provider does not say who you are")
    named = (claims.get(one) for one in ("name", "preferred_username", "email"))
    name = next((one for one in named if isinstance(one, str) and one.strip()), "operator")
    sid = claims.get("sid")
    return Who(
        subject,
        "".join(one for one in name if one.isprintable()).strip()[:120] or "operator",
        _groups(claims.get(groups)),
        sid if isinstance(sid, str) else "",
    )


def left(token: str, keys: KeySet, *, issuer: str, client: str, now: int) -> Left:
    """Validate a logout token, and return whom it signs out (Back-Channel Logout section 2.6).

    Raises:
        NotSignedIn: it is none, or not for us.
    """
    claims = _claims(token, keys, issuer=issuer, client=client, now=now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict):
        raise NotSignedIn("this is not a logout token")
    if "nonce" in claims:  # so that an ID token never passes for one
        raise NotSignedIn("this is not a logout token")
    subject, sid = claims.get("sub"), claims.get("sid")
    subject = subject if isinstance(subject, str) else ""
    sid = sid if isinstance(sid, str) else ""
    if not subject and not sid:
        raise NotSignedIn("this logout token names nobody")
    return Left(subject, sid, int(claims["iat"]))


def _claims(token: str, keys: KeySet, *, issuer: str, client: str, now: int) -> dict[str, Any]:
    kid(token)
    try:
        signed = jws.deserialize_compact(token, keys, algorithms=list(ALGORITHMS))
        claims = msgspec.json.decode(signed.payload)
    except (JoseError, ValueError) as error:
        raise NotSignedIn("the signature of the OpenID provider's token is not valid") from error
    if not isinstance(claims, dict) or claims.get("iss") != issuer:
        raise NotSignedIn("this token is from another issuer")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client not in audiences:
        raise NotSignedIn("the OpenID provider's token is for another client")
    party = claims.get("azp")
    if (len(audiences) > 1 or party is not None) and party != client:
        raise NotSignedIn("the OpenID provider's token was issued to another client")
    made = claims.get("iat")
    if not isinstance(made, int | float) or not now - OLDEST <= made <= now + LEEWAY:
        raise NotSignedIn("the OpenID provider's token is not fresh; is a clock wrong?")
    before = claims.get("nbf", 0)
    if not isinstance(before, int | float) or before > now + LEEWAY:
        raise NotSignedIn("the OpenID provider's token is not valid yet")
    return claims


def _groups(told: object) -> tuple[str, ...]:
    """As a list, or one word; anything else is no group."""
    if isinstance(told, str):
        return (told,)
    if not isinstance(told, list):
        return ()
    return tuple(one for one in told[:MOST_GROUPS] if isinstance(one, str))


def _sealed(url: str, issuer: str) -> bool:
    """Whether a URL is https, or http on this machine when the issuer is here too, in
    development."""
    parts = urlsplit(url)
    near = is_near(urlsplit(issuer).hostname or "") and is_near(parts.hostname or "")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and near))

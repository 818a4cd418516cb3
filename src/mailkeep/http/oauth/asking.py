"""Validates the authorisation request of a client application (pure).

RFC 6749 section 4.1, OpenID Connect Core section 3.1.2, RFC 7636, RFC 9207, RFC 9700.

Attack met here: whoever has the browser redirected to an address of theirs reads the code. So
nothing is redirected before the redirect URI is known to be one that the application registered,
character by character; until then an error is a page of ours.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

import msgspec

from mailkeep.base import pkce
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid
from mailkeep.recovery.types import Asked

AUTHORIZE = "/oauth/authorize"
EXCHANGE = "/oauth/token"
USERINFO = "/oauth/userinfo"
LONGEST = 1024  #: characters of one parameter
SINCE = "signed_in_since"  #: what we add ourselves to what a browser keeps; an instant
#: What is read, and carried by the form to the POST that acts on it.
CARRIED = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "request", "request_uri"),
    SINCE,
)


class Refused(Exception):
    """The application is told, by the browser that goes back to it (RFC 6749 section 4.1.2.1)."""

    def __init__(self, error: str, why: str, redirect_uri: str, state: str) -> None:
        super().__init__(why)
        self.error = error
        self.redirect_uri = redirect_uri
        self.state = state


def read(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters that we know; those that we do not are ignored (RFC 6749 section 3.1).

    Raises:
        Invalid: one is given twice, or is too long.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in CARRIED:
            continue
        if name in found:
            raise Invalid(f"{name} is given twice", field=name)
        if len(value) > LONGEST:
            raise Invalid(f"{name} is too long", field=name)
        if value:  # an empty one counts as left out, there too
            found[name] = value
    return found


def where(given: dict[str, str], redirects: Sequence[str]) -> str:
    """The redirect URI, when it is one that the application registered.

    Raises:
        Invalid: it is not; the browser must not be sent there.
    """
    uri = given.get("redirect_uri", "")
    if uri not in redirects:
        raise Invalid("the application sent you with an address that it has not registered")
    return uri


def check(given: dict[str, str], application: str, redirect_uri: str) -> Asked:
    """What is asked, checked.

    Args:
        application, redirect_uri: as they were found to be.

    Raises:
        Refused: the application is told why.
    """
    state = given.get("state", "")

    def refuse(error: str, why: str) -> Refused:
        return Refused(error, why, redirect_uri, state)

    for name in ("request", "request_uri"):
        if name in given:
            raise refuse(f"{name}_not_supported", f"{name} is not taken here")
    if given.get("response_type") != "code":
        raise refuse("unsupported_response_type", "say response_type=code")
    if given.get("response_mode", "query") != "query":
        raise refuse("invalid_request", "say response_mode=query, or nothing")
    if "openid" not in given.get("scope", "").split():
        raise refuse("invalid_scope", "say scope=openid")
    if not given.get("max_age", "0").isdecimal():
        raise refuse("invalid_request", "max_age is no number of seconds")
    prompts = set(given.get("prompt", "").split())
    if "none" in prompts and len(prompts) > 1:
        raise refuse("invalid_request", "prompt=none stands alone")
    # Never `plain`, and never missing (RFC 9700 section 2.1.1).
    if given.get("code_challenge_method") != pkce.METHOD:
        raise refuse("invalid_request", "say code_challenge_method=S256")
    challenge = given.get("code_challenge", "")
    if not pkce.is_challenge(challenge):
        raise refuse("invalid_request", "code_challenge is none by S256")
    return Asked(application, redirect_uri, state, given.get("nonce", ""), challenge)


def is_recent(given: dict[str, str], signed_in: Instant, now: Instant) -> bool:
    """Whether a sign-in is recent enough for what is asked (OpenID Connect Core section 3.1.2.1,
    ``prompt`` and ``max_age``). On the page of the sign-in another account can be chosen."""
    if {"login", "select_account"} & set(given.get("prompt", "").split()):
        return False
    since = given.get(SINCE, "")
    if since.isdecimal() and signed_in < int(since) <= now:  # a later one is a stranger's
        return False
    return "max_age" not in given or now - signed_in <= int(given["max_age"]) * SECOND


def back(redirect_uri: str, issuer: str, state: str, **words: str) -> str:
    """Where the browser goes, with what it carries; who sent it is named (RFC 9207)."""
    carried = dict(words)
    if state:
        carried["state"] = state
    carried["iss"] = issuer
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(carried)}"


def issuer(public_url: str) -> str:
    """Our own name (OpenID Connect Core section 2, ``iss``)."""
    return public_url.rstrip("/")


class Hint(msgspec.Struct, frozen=True):
    """An address to write into the form; whoever sent it may have made it up."""

    address: str = ""


def hint(pairs: Iterable[tuple[str, str]]) -> Hint:
    """``login_hint``, where it may be an address."""
    found = next((value for name, value in pairs if name == "login_hint"), "")
    return Hint(found if len(found) <= 320 and "@" in found and found.isprintable() else "")

"""Redacts secrets and addresses from log lines, whoever logged them (pure; ASVS 16.2.5).

Our own code logs pseudonymous ids. This catches the rest: a library's error with the URL that it
could not reach, an address in a server's refusal, a key in a traceback. It redacts too much rather
than too little, and returns plain JSON values whatever it is given.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

GONE = "…"
LONGEST = 8_000  #: characters of one text; tracebacks are cut in the middle
MOST = 64  #: values of one object or list
DEPTH = 5

#: Names under which only secrets and people are logged.
_NAMES = frozenset(
    {"address", "api_key", "authorization", "body", "code", "cookie", "email", "html", "password"}
    | {"recipient", "secret", "set-cookie", "subject", "text", "token"}
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # User and password of a URL, as a database's; up to the last @ before the path.
    (re.compile(r"://[^\s/]*@"), f"://{GONE}@"),
    # What a link says after its path: secrets ride in the fragment, and some services' in a query.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,15}://[^\s?#]*)[?#]\S*", re.IGNORECASE), rf"\1?{GONE}"),
    (re.compile(r"#[A-Za-z0-9_=&.~%-]{8,}"), f"#{GONE}"),
    # Of an API key: its prefix stays, so that one sees what was there.
    (re.compile(r"mk_[A-Za-z0-9_-]+"), f"mk_{GONE}"),
    (re.compile(r"\b(bearer|basic|digest)[\s:=]+[^\s,;]+", re.IGNORECASE), rf"\1 {GONE}"),
    # A mail address, plain or as a URL or a mail header writes it.
    (re.compile(r"[^\s@<>,;]+(?:@|%40|＠)[^\s@<>,;]+", re.IGNORECASE), f"{GONE}@{GONE}"),
)


def text(said: str) -> str:
    """A text without keys, tokens, addresses and the secret part of links."""
    if len(said) > LONGEST:
        half = LONGEST // 2
        said = f"{said[:half]} {GONE} {said[-half:]}"
    for pattern, instead in _PATTERNS:
        said = pattern.sub(instead, said)
    return said


def value(said: object, depth: int = DEPTH) -> object:
    """Anything, as JSON values without what must not be logged."""
    if said is None or isinstance(said, bool | int):
        return said
    if isinstance(said, float):
        return said if math.isfinite(said) else str(said)
    if isinstance(said, str):
        return text(said)
    if depth <= 0:
        return GONE
    if isinstance(said, Mapping):
        return fields(said, depth)
    if isinstance(said, list | tuple | set | frozenset):
        return [value(one, depth - 1) for one in list(said)[:MOST]]
    try:
        return text(repr(said))
    except Exception:
        return GONE


def fields(said: Mapping[Any, object], depth: int = DEPTH) -> dict[str, object]:
    """The fields of a line; what a name says is secret is dropped unread."""
    out: dict[str, object] = {}
    for name, one in list(said.items())[:MOST]:
        known = text(name if isinstance(name, str) else repr(name))
        secret = known.lower() in _NAMES and isinstance(one, str | bytes)
        out[known] = GONE if secret else value(one, depth - 1)
    return out

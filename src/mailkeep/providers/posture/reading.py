"""Shared parsing of account replies: bounded, and into plain words (pure)."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from mailkeep.providers.types import HttpReply, TransportFailure

from .types import MAX_ITEMS, MAX_LIST, MAX_VALUE, Trouble, Value

T = TypeVar("T")
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62}\.?)*[a-z0-9]|\[[0-9a-f:.]+\]")
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
MOST_WORDS: Final = 40  #: of a list of words that stands in facts


def decode(reply: HttpReply | TransportFailure, into: type[T]) -> T | Trouble:
    """The body of a 200 as ``into``; else why there is none. Never raises."""
    if isinstance(reply, TransportFailure):
        return Trouble.UNREACHABLE
    if reply.status in {401, 403}:
        return Trouble.REFUSED
    if reply.status == 429:
        return Trouble.THROTTLED
    if reply.status >= 500 or reply.status == 408:
        return Trouble.UNREACHABLE
    if reply.status != 200:
        return Trouble.UNREADABLE
    if len(reply.body) > MAX_LIST:
        return Trouble.TOO_LARGE
    try:
        return msgspec.json.decode(reply.body, type=into)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        return Trouble.UNREADABLE


def too_many(entries: int) -> bool:
    return entries > MAX_ITEMS


def hidden(text: str | int | None) -> Value:
    """A value that may be somebody's, or a secret's neighbour. An absent one is empty."""
    whole = "" if text is None else str(text)
    return Value(whole if len(whole) <= MAX_VALUE else "sha256:" + fingerprint(whole))


def flag(on: bool | None) -> Value:
    return Value({True: "yes", False: "no", None: ""}[on], safe=True)


def word(text: str | None) -> Value:
    """A name out of a provider's own vocabulary; one that is none is kept out of facts."""
    whole = text or ""
    return Value(whole, safe=True) if not whole or _WORD.fullmatch(whole) else hidden(whole)


def words(texts: tuple[str, ...]) -> Value:
    """Several such names, in order: their own order says nothing."""
    ordered = sorted(set(texts))
    if len(ordered) <= MOST_WORDS and all(_WORD.fullmatch(one) for one in ordered):
        return Value(" ".join(ordered), safe=True)
    return hidden("\n".join(ordered))


def host(url: str | None) -> Value:
    """The host of an address of the web, which may stand in facts."""
    try:
        found = (urlsplit(url or "").hostname or "").lower()
    except ValueError:
        found = ""
    return Value(found, safe=True) if not found or _HOST.fullmatch(found) else hidden(found)


def domain_of(address: str) -> Value:
    """The domain of a mail address, which may stand in facts."""
    return host("//" + address.rpartition("@")[2].strip().lower())


def fingerprint(secret: str) -> str:
    """A name for a secret of high entropy (a token) that does not show it."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()[:32]


def secret(text: str | None) -> Value:
    """A secret of the account: whether it changed can be seen, itself it is not kept."""
    return Value("sha256:" + fingerprint(text) if text else "")


def content(*texts: str | None) -> Value:
    """Texts of any length, of which only a change is of interest."""
    return Value("sha256:" + fingerprint("\0".join(one or "" for one in texts)))


def fields(**values: Value) -> Mapping[str, Value]:
    return values

"""Extracts every host that a received mail names, wherever a reader or their software would meet it
(pure).

It reads our own mail, whose text we know, so it may be strict: every word that looks like a host
counts, also in plain text, since mail readers make links of such words. What it cannot read, it
names (``UNREADABLE`` and its like): silence about it would be a place to hide.

Security: reads hostile input. ``parts`` bounds what is looked at; the patterns cannot backtrack;
host names are bounded before they are normalised; nothing is fetched or run.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from email.errors import MessageError
from email.header import decode_header

import idna
import msgspec

from mailkeep.base.tokens import LINK_LENGTH

from .parts import ATTACHED, MAX_FIELD, MAX_RAW, TOO_LARGE, UNREADABLE, Parts, take_apart

__all__ = ["ATTACHED", "MAX_RAW", "TOO_LARGE", "UNREADABLE", "Reading", "plain", "read"]

MAX_HOSTS = 64
MAX_FOREIGN = 32  #: host names in other scripts that are looked up
MAX_MARKERS = 16
MAX_VALUE = 9000

#: Fields whose addresses a reader may write to, or see. ``Return-Path`` is the envelope sender.
_ADDRESSES = frozenset(
    {
        *("from", "sender", "reply-to", "return-path", "to", "cc", "errors-to"),
        *("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc"),
        *("disposition-notification-to", "return-receipt-to", "mail-reply-to", "mail-followup-to"),
    }
)
#: Of them those that people see as the sender, or answer to: no provider writes its own there.
_ANSWERED = frozenset({"from", "reply-to", "mail-reply-to", "mail-followup-to"})
_DECODED = frozenset({"subject", "content-base", "content-location", "content-description"})
_SIGNATURES = frozenset({"dkim-signature", "domainkey-signature"})
_SIGNER = re.compile(r"(?:^|;)\s*[di]\s*=\s*([^;\s]+)")
_AT = re.compile(r"@([^\s@<>()\[\]\",;:\\?&'/]{1,253})")
# The slashes of a web address may be back slashes, more than two or none: browsers take them all.
_WEB = re.compile(r"(?:https?|ftp|wss?):[/\\]*([^\s/\\?#\"'<>]{1,300})", re.IGNORECASE)
_NO_SCHEME = re.compile(r"(?<![:/\\\w])[/\\]{2}([^\s/\\?#\"'<>]{1,300})")
_WORD = re.compile(
    r"(?<![\w.-])(?:[^\W_][\w-]{0,62}\.){1,126}(?:[^\W\d_]{2,24}|xn--[\w-]{1,58})(?![\w-])"
)
_TAG = re.compile(r"<[^<>]{0,20000}>")
_ATTRIBUTE = re.compile(
    r"\b(href|src|srcset|imagesrcset|srcdoc|action|formaction|background|poster|data|cite|ping|base"
    r"|longdesc|lowsrc|dynsrc|codebase|archive|classid|manifest|usemap|content|style|url|values?"
    r"|to|from|by|on[a-z]{2,20})"
    rf"\s*=\s*(\"[^\"]{{0,{MAX_VALUE}}}\"?|'[^']{{0,{MAX_VALUE}}}'?|[^\s>\"']{{1,{MAX_VALUE}}})",
    re.IGNORECASE,
)
#: Attributes whose value is an address; one that names no host could still lead anywhere.
_ADDRESSED = frozenset({"href", "src", "action", "formaction", "data", "background", "ping"})
_SCHEME = re.compile(r"(?!(?:https?|mailto):)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ACTIVE = re.compile(r"<\s*(?:script|object|embed|applet|iframe|frame)\b", re.IGNORECASE)
# CSS Syntax Module Level 3, section 4.3.7.
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|\s)?|([^\n0-9a-fA-F]))")
_IGNORED_IN_URL = re.compile(r"[\x00-\x20\u00ad\u200b-\u200f\u2060\ufeff]+")
_MARKER = re.compile(
    rf"(?<![0-9A-Za-z-])[0-9A-Z](?:-?[0-9A-Z]){{{LINK_LENGTH - 1}}}(?![0-9A-Za-z])"
)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}|\[[0-9a-f:.]{2,45}\]")


class Reading(msgspec.Struct, frozen=True):
    """What a mail names. ``markers``: words that could be a canary's secret, folded. ``shown``: of
    the hosts those that stand in what people read, and not only in its head. ``answered``: those
    of its senders and of whom an answer would go to."""

    hosts: tuple[str, ...]
    markers: tuple[str, ...]
    shown: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()


def read(raw: bytes, known: Callable[[tuple[str, ...]], bool] | None = None) -> Reading:
    """Read a received mail. Never raises, whatever it holds.

    Args:
        known: told the markers; where it says no the hosts are left, so that a mail from a stranger
            costs little.
    """
    parts = take_apart(raw)
    texts = [*(one.text for one in parts.texts), *parts.aside]
    found = (match[0].replace("-", "") for text in texts for match in _MARKER.finditer(text))
    markers = tuple(dict.fromkeys(found))[:MAX_MARKERS]
    if known is not None and not known(markers):
        return Reading((), markers)
    # In the order in which they stand, each once.
    shown = dict.fromkeys(_of_texts(parts))
    answered = (_of_field(*one) for one in parts.fields if one[0] in _ANSWERED)
    return Reading(
        _compared(dict.fromkeys(_of_parts(parts)) | shown),
        markers,
        _compared(shown),
        _compared(dict.fromkeys(host for hosts in answered for host in hosts)),
    )


def _of_parts(parts: Parts) -> Iterator[str]:
    yield from parts.odd
    for name, value in parts.fields:
        yield from _of_field(name, value)


def _of_texts(parts: Parts) -> Iterator[str]:
    for part in parts.texts:
        yield from _of_html(part.text) if part.html else _of_text(part.text)
    for text in parts.aside:
        yield from _of_text(text)


def _compared(found: Iterable[str]) -> tuple[str, ...]:
    """The hosts in normalised form, sorted; the work on them is bounded."""
    names: set[str] = set()
    foreign = 0
    for host in found:
        if not host.isascii() or "xn--" in host.lower():
            foreign += 1
        names.add(UNREADABLE if foreign > MAX_FOREIGN else plain(host))
        if len(names) > MAX_HOSTS or foreign > MAX_FOREIGN:
            return tuple(sorted({*sorted(names)[: MAX_HOSTS - 1], TOO_LARGE}))
    return tuple(sorted(names))


def strangers(hosts: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """The hosts that no entry of ``allowed`` covers, sorted.

    An entry is a host, or with a leading dot every host below it: an entry for our own domain
    must not let in a name below it that somebody else has got hold of.
    """
    known = {entry.lower() for entry in allowed}
    exact = {entry for entry in known if not entry.startswith(".")}
    below = tuple(entry for entry in known if entry.startswith(".") and len(entry) > 1)
    return tuple(
        sorted(host for host in hosts if host not in exact and not (below and host.endswith(below)))
    )


def plain(host: str) -> str:
    """A host in normalised form: lower case, A-labels, no port, no user."""
    host = host.rpartition("@")[2].strip().rstrip(".").lower()
    if not host.startswith("["):
        host = host.partition(":")[0].rstrip(".")
    if not host.isascii() or "xn--" in host:
        if len(host) > 253:
            return UNREADABLE
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return UNREADABLE
    return host if len(host) <= 253 and _HOST.fullmatch(host) else UNREADABLE


def _of_field(name: str, value: str) -> Iterator[str]:
    if name in _SIGNATURES:
        yield from (match[1].rpartition("@")[2] for match in _SIGNER.finditer(_unfolded(value)))
    elif name in _ADDRESSES or name.startswith("list-"):
        text = _decoded(value)
        yield from _of_text(text)
    elif name in _DECODED:
        yield from _of_text(_decoded(value))


def _unfolded(value: str) -> str:
    return value[:MAX_FIELD].replace("\r", "").replace("\n", "")


def _decoded(value: str) -> str:
    """A field with its encoded words decoded (RFC 2047), as a reader sees it."""
    value = _unfolded(value)
    try:
        parts = [
            part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(value)
        ]
    except (MessageError, LookupError, ValueError):
        return value
    return " ".join([value, *parts])


def _of_text(text: str) -> Iterator[str]:
    for pattern in (_WEB, _NO_SCHEME, _AT):
        yield from (match[1] for match in pattern.finditer(text))
    yield from (match[0] for match in _WORD.finditer(text))


def _of_html(text: str) -> Iterator[str]:
    """Links in attributes as a browser would read them, and what stands between the tags."""
    if _ACTIVE.search(text):
        yield UNREADABLE
    for match in _ATTRIBUTE.finditer(text):
        if len(match[2]) >= MAX_VALUE:
            yield TOO_LARGE
        value = html.unescape(match[2].strip("\"'"))
        tight = _IGNORED_IN_URL.sub("", value)
        for pattern in (_WEB, _NO_SCHEME, _AT):
            yield from (found[1] for found in pattern.finditer(tight))
        if tight.lower().startswith("mailto:"):
            yield from _of_text(tight[len("mailto:") :])
        elif match[1].lower() in _ADDRESSED and _SCHEME.match(tight):
            yield UNREADABLE
    shown = html.unescape(_TAG.sub(" ", text))
    yield from _of_text(shown)
    yield from _of_text(_IGNORED_IN_URL.sub(lambda m: " " if m[0].isspace() else "", shown))
    if "\\" in text or "&" in text:
        # Style sheets may write any letter as a number; we write no back slash at all.
        whole = html.unescape(text)
        if "\\" in whole:
            yield from _of_text(_CSS_ESCAPE.sub(_unescaped, whole))


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return str(match[2])
    number = int(match[1], 16)
    return chr(number) if 0 < number < 0xD800 else "\ufffd"

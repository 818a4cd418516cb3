"""Which hosts a received mail names, wherever a reader or his software would meet them (pure).

It reads mail of our own whose text we know, so it may be strict: every word that looks like a host
counts, also in plain text, since mail readers make links of such words. What it cannot read, it
names (``UNREADABLE`` and its like): silence about it would be a place to hide.

Security: reads hostile input. Only the first ``MAX_RAW`` bytes and ``MAX_PARTS`` parts are looked
at; the patterns cannot backtrack; nothing is fetched or run.
"""

import html
import re
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

import idna
import msgspec

from mailkeep.base.tokens import LINK_LENGTH

MAX_RAW = 512 * 1024
MAX_PARTS = 32
MAX_FIELD = 20_000
MAX_HOSTS = 64
MAX_MARKERS = 16

TOO_LARGE = "too-large.invalid"  #: there was more of it than is looked at
ATTACHED = "attachment.invalid"  #: a part that is no text
UNREADABLE = "unreadable.invalid"  #: a host name that cannot be one, or a part that cannot be read

#: Fields whose addresses a reader may write to, or see. ``Return-Path`` is the envelope sender.
_ADDRESSES = frozenset(
    {
        *("from", "sender", "reply-to", "return-path", "to", "cc", "errors-to"),
        *("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc"),
        *("disposition-notification-to", "return-receipt-to", "mail-reply-to", "mail-followup-to"),
    }
)
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
    r"\b(?:href|src|srcset|action|formaction|background|poster|data|cite|content|style|url)"
    r"\s*=\s*(\"[^\"]{0,9000}\"|'[^']{0,9000}'|[^\s>]{1,9000})",
    re.IGNORECASE,
)
_IGNORED_IN_URL = re.compile(r"[\x00-\x20\u00ad\u200b-\u200f\u2060\ufeff]+")
_MARKER = re.compile(
    rf"(?<![0-9A-Za-z-])[0-9A-Z](?:-?[0-9A-Z]){{{LINK_LENGTH - 1}}}(?![0-9A-Za-z])"
)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}|\[[0-9a-f:.]{2,45}\]")


class Reading(msgspec.Struct, frozen=True):
    """What a mail names. ``markers``: words that could be a canary's secret, folded."""

    hosts: tuple[str, ...]
    markers: tuple[str, ...]


def read(raw: bytes) -> Reading:
    """Read a received mail. Never raises, whatever it holds."""
    hosts: set[str] = {TOO_LARGE} if len(raw) > MAX_RAW else set()
    texts: list[str] = []
    try:
        message = message_from_bytes(raw[:MAX_RAW], policy=policy.compat32)
        for name, value in message.items():
            if len(str(value)) > MAX_FIELD:
                hosts.add(TOO_LARGE)
            hosts.update(_of_field(name.lower(), str(value)))
        for number, part in enumerate(_leaves(message)):
            if number >= MAX_PARTS:
                hosts.add(TOO_LARGE)
                break
            if part.get_content_maintype() != "text":
                hosts.add(ATTACHED)
                continue
            text = _text(part)
            if text is None:
                hosts.add(UNREADABLE)
                continue
            texts.append(text)
            hosts.update(_of_html(text) if part.get_content_subtype() == "html" else _of_text(text))
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        # The standard library's parser raises all of these on mails that are not as they should be.
        hosts.add(UNREADABLE)
    names = sorted({plain(host) for host in hosts})
    found = (match[0].replace("-", "") for text in texts for match in _MARKER.finditer(text))
    markers = tuple(dict.fromkeys(found))
    return Reading(_bounded(names), markers[:MAX_MARKERS])


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
    """A host in the form in which it is compared: lower case, A-labels, no port, no user."""
    host = host.rpartition("@")[2].strip().rstrip(".").lower()
    if not host.startswith("["):
        host = host.partition(":")[0].rstrip(".")
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return UNREADABLE
    return host if len(host) <= 253 and _HOST.fullmatch(host) else UNREADABLE


def _bounded(names: list[str]) -> tuple[str, ...]:
    return (*names[: MAX_HOSTS - 1], TOO_LARGE) if len(names) > MAX_HOSTS else tuple(names)


def _leaves(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """The parts that hold something; what is inside an attached mail as well."""
    return (part for part in message.walk() if not part.is_multipart())


def _of_field(name: str, value: str) -> Iterator[str]:
    if name in _SIGNATURES:
        yield from (match[1].rpartition("@")[2] for match in _SIGNER.finditer(_unfolded(value)))
    elif name in _ADDRESSES or name.startswith("list-"):
        text = _decoded(value)
        yield from _of_text(text)
    elif name == "subject":
        yield from _of_text(_decoded(value))


def _unfolded(value: str) -> str:
    return value[:MAX_FIELD].replace("\r", "").replace("\n", "")


def _decoded(value: str) -> str:
    """A field without its encoded words (RFC 2047): a reader sees what they stand for."""
    value = _unfolded(value)
    try:
        parts = [
            part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(value)
        ]
    except (MessageError, LookupError, ValueError):
        return value
    return " ".join([value, *parts])


def _text(part: "Message[str, str]") -> str | None:
    """A part as a reader sees it; None when it cannot be decoded."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, Base64Error):
        return None
    if not isinstance(payload, bytes):
        return None
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


def _of_text(text: str) -> Iterator[str]:
    for pattern in (_WEB, _NO_SCHEME, _AT):
        yield from (match[1] for match in pattern.finditer(text))
    yield from (match[0] for match in _WORD.finditer(text))


def _of_html(text: str) -> Iterator[str]:
    """Links in attributes as a browser would read them, and what stands between the tags."""
    for match in _ATTRIBUTE.finditer(text):
        value = html.unescape(match[1].strip("\"'"))
        tight = _IGNORED_IN_URL.sub("", value)
        for pattern in (_WEB, _NO_SCHEME, _AT):
            yield from (found[1] for found in pattern.finditer(tight))
        if tight.lower().startswith("mailto:"):
            yield from _of_text(tight[len("mailto:") :])
    shown = html.unescape(_TAG.sub(" ", text))
    yield from _of_text(shown)
    yield from _of_text(_IGNORED_IN_URL.sub(lambda m: " " if m[0].isspace() else "", shown))

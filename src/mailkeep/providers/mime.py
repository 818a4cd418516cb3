"""Serialises Internet messages (RFC 5322, RFC 2045 to 2047) without the standard library's
generator.

The standard library's folding differs from patch release to patch release; these messages are the
same everywhere. Tests read them back with the library's parser. Callers have run `outgoing.check`:
no text here can end a line early.
"""

import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from . import parts
from .message import Address, OutgoingMessage
from .types import ID_HEADER

_WIDTH: Final = 76
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# RFC 5322 section 3.2.3: what a display name may hold without quotes.
_PLAIN_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def message_id(message: OutgoingMessage) -> str:
    """The ``Message-ID``: the same over every provider and attempt.

    So a mailbox that receives a mail twice, after an ambiguous attempt, can show it once.
    """
    return f"<{message.id}@{message.sender.email.rpartition('@')[2]}>"


def mailbox(address: Address) -> str:
    """``address`` as one mailbox in Unicode, the name quoted (RFC 5322 section 3.4), for JSON."""
    if not address.name:
        return address.email
    quoted = address.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address.email}>'


def visible(message: OutgoingMessage) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """Who stands in ``To`` and in ``Cc``."""
    if message.shown is not None:
        return message.shown.to, message.shown.cc
    return (message.to, *message.more_to), message.cc


def header_value(value: str) -> str:
    """A header's value on one line in ASCII: encoded words where it is not (RFC 2047)."""
    return value if value.isascii() else " ".join(_encoded_words(value))


def mailbox_value(address: Address) -> str:
    """A mailbox as a header's value on one line in ASCII: the name in encoded words where it must
    be, and never the address (RFC 2047 section 5): nobody could answer to it then."""
    whole = mailbox(address)
    return whole if whole.isascii() else _folded_mailbox(address).replace("\r\n ", " ")


def write(message: OutgoingMessage, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """The message with CRLF line ends, not dot-stuffed; every line within RFC 5322's limits.

    Args:
        message: checked by `outgoing.check`.
        extra: more headers, checked by the caller.
    """
    lines = [f"From: {_folded_mailbox(message.sender)}"]
    to, cc = visible(message)
    if to or not cc:
        # RFC 5322 section 3.4: a group without members says that there is nobody to show.
        lines.append(_people("To", to) if to else "To: undisclosed-recipients:;")
    if cc:
        lines.append(_people("Cc", cc))
    if message.reply_to is not None:
        lines.append(f"Reply-To: {_folded_mailbox(message.reply_to)}")
    lines.append(_fold("Subject", message.subject, unstructured=True))
    lines.append(f"Message-ID: {message_id(message)}")
    if message.date is not None:
        lines.append(f"Date: {_date(message.date // 1_000_000)}")
    lines.append(f"{ID_HEADER}: {message.id}")
    lines.extend(_fold(name, value) for name, value in (*message.headers, *extra))
    lines.append("MIME-Version: 1.0")
    return "\r\n".join(lines).encode("ascii") + b"\r\n" + parts.write(message)


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return format_datetime(_EPOCH + timedelta(seconds=seconds))


def _people(name: str, people: Sequence[Address]) -> str:
    return f"{name}: " + ",\r\n ".join(map(_folded_mailbox, people))


def _folded_mailbox(address: Address) -> str:
    name = address.name
    if not name:
        return address.email
    if not name.isascii() or "=?" in name:
        phrase = "\r\n ".join(_encoded_words(name))
    elif _PLAIN_PHRASE.fullmatch(name) and name == " ".join(name.split()):
        phrase = name
    else:
        phrase = mailbox(address).rpartition(" <")[0]
    return f"{phrase}\r\n <{address.email}>"


def _fold(name: str, value: str, *, unstructured: bool = False) -> str:
    """One header, folded at its spaces (RFC 5322 section 2.2.3) or as encoded words.

    ``unstructured``: nobody parses the value, so it may become encoded words wherever that is
    needed to keep it exactly, as for a subject that looks like an encoded word itself.
    """
    exact = not value or (value == " ".join(value.split()) and "=?" not in value)
    long_word = any(len(word) > _WIDTH - 2 for word in value.split(" "))
    if not value.isascii() or (unstructured and (long_word or not exact)):
        return f"{name}: " + "\r\n ".join(_encoded_words(value))
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        # A line of nothing but spaces would end the header; so an empty word never starts one.
        if word and len(line) + 1 + len(word) > _WIDTH and line.strip() and line[-1] != ":":
            lines.append(line)
            line = ""
        line += " " + word
    return "\r\n".join([*lines, line])


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 section 2: at most 75 characters each, and no character split between two."""
    words, chunk = [], b""
    for char in text:
        octets = char.encode()
        if len(chunk) + len(octets) > 45:
            words.append(chunk)
            chunk = b""
        chunk += octets
    words.append(chunk)
    return [f"=?utf-8?b?{binascii.b2a_base64(word, newline=False).decode()}?=" for word in words]

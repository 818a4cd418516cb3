"""Internet messages (RFC 5322, RFC 2045 to 2047), written by hand.

The standard library's folding differs from patch release to patch release; what leaves here is the
same everywhere. Tests read it back with the library's parser. Callers have run `outgoing.check`: no
text here can end a line early.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from .types import ID_HEADER, Address, OutgoingMessage

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


def header_value(value: str) -> str:
    """A header's value on one line in ASCII: encoded words where it is not (RFC 2047)."""
    return value if value.isascii() else " ".join(_encoded_words(value))


def write(message: OutgoingMessage, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """The message with CRLF line ends, not dot-stuffed; every line within RFC 5322's limits.

    Args:
        message: checked by `outgoing.check`.
        extra: more headers, checked by the caller.
    """
    lines = [
        f"From: {_folded_mailbox(message.sender)}",
        f"To: {_folded_mailbox(message.to)}",
    ]
    if message.reply_to is not None:
        lines.append(f"Reply-To: {_folded_mailbox(message.reply_to)}")
    lines.append(_fold("Subject", message.subject, unstructured=True))
    lines.append(f"Message-ID: {message_id(message)}")
    if message.date is not None:
        date = (_EPOCH + timedelta(microseconds=message.date)).replace(microsecond=0)
        lines.append(f"Date: {format_datetime(date)}")
    lines.append(f"{ID_HEADER}: {message.id}")
    lines.extend(_fold(name, value) for name, value in (*message.headers, *extra))
    lines.append("MIME-Version: 1.0")
    parts = [
        _part(subtype, text)
        for subtype, text in (("plain", message.text), ("html", message.html))
        if text is not None
    ]
    head = "\r\n".join(lines).encode("ascii") + b"\r\n"
    if len(parts) == 1:
        return head + parts[0]
    # "=_" occurs neither in base64 nor in quoted-printable, and a body with "--=_" in it is never
    # left as it is: no text can hold the boundary and add a part.
    token = hashlib.sha256(f"{message.id}\0{message.attempt}".encode()).hexdigest()[:24]
    boundary = f"=_{token}".encode()
    separator = b"--" + boundary + b"\r\n"
    return b"".join(
        (
            head,
            b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n\r\n',
            separator + parts[0],
            separator + parts[1],
            b"--" + boundary + b"--\r\n",
        )
    )


def _part(subtype: str, text: str) -> bytes:
    """One text part, encoded so that no relay needs to touch it (and break a DKIM signature)."""
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    if not body.endswith("\n"):
        body += "\n"
    raw = body.replace("\n", "\r\n").encode()
    escapes = len(raw) - len(body) - body.count("\n")  # octets beyond one a character
    # RFC 2045 section 2.7: lines within 998 octets. "--=_" could be taken for a boundary.
    if not escapes and "--=_" not in body and max(map(len, body.split("\n"))) <= 900:
        cte, encoded = b"7bit", raw
    elif escapes < len(raw) // 6:  # still readable; base64 is smaller from about there on
        cte, encoded = b"quoted-printable", binascii.b2a_qp(raw, istext=True)
    else:
        cte, encoded = b"base64", _base64_lines(raw)
    kind = f"text/{subtype}; charset=utf-8".encode()
    return (
        b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + cte + b"\r\n\r\n" + encoded
    )


def _base64_lines(raw: bytes) -> bytes:
    step = _WIDTH // 4 * 3
    chunks = (raw[at : at + step] for at in range(0, len(raw), step))
    return b"".join(binascii.b2a_base64(chunk, newline=False) + b"\r\n" for chunk in chunks)


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

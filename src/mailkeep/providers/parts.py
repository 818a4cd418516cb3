"""Builds the MIME parts of a mail: texts, files and their structure (RFC 2045, 2046, 2387).

Text and HTML are alternatives, images go with the HTML that shows them (related), files come after
them (mixed). A part in base64 comes out octet for octet as it went in.
"""

import binascii
import hashlib
import re
from typing import Final
from urllib.parse import quote

from .message import Attachment, OutgoingMessage

_WIDTH: Final = 76
_QUOTABLE: Final = re.compile(r"[ !#-\[\]-~]{1,120}")


def write(message: OutgoingMessage) -> bytes:
    """The body with the ``Content-`` headers above it, which end the mail's head."""
    token = hashlib.sha256(f"{message.id}\0{message.attempt}".encode()).hexdigest()[:24]
    files = message.attachments
    inline = [one for one in files if one.content_id and message.html is not None]
    forms = [] if message.text is None else [_text("plain", message.text)]
    if message.html is not None:
        html = _text("html", message.html)
        forms.append(
            _multipart("related", "=_r" + token, [html, *map(_file, inline)]) if inline else html
        )
    forms.extend(_form(one) for one in files if one.alternative)
    body = forms[0] if len(forms) == 1 else _multipart("alternative", "=_" + token, forms)
    shown = message.html is not None
    apart = [_file(one) for one in files if not (one.alternative or (shown and one.content_id))]
    return _multipart("mixed", "=_m" + token, [body, *apart]) if apart else body


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    # "=_" occurs neither in base64 nor in quoted-printable, and what holds "--=_" is never left as
    # it is: no part can hold the boundary and add another.
    separator = f"--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    return b"".join((head, *(separator + part for part in parts), f"--{boundary}--\r\n".encode()))


def _text(subtype: str, text: str) -> bytes:
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
        cte, encoded = b"base64", base64_lines(raw)
    kind = f"text/{subtype}; charset=utf-8".encode()
    return (
        b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + cte + b"\r\n\r\n" + encoded
    )


def _form(one: Attachment) -> bytes:
    """Another form of the text: mail readers look for one without a disposition (RFC 6047)."""
    return _encoded([_content_type(one.content_type)], one.content)


def _file(one: Attachment) -> bytes:
    disposition = "inline" if one.content_id else "attachment"
    lines = [
        _content_type(one.content_type),
        f"Content-Disposition: {disposition};\r\n {filename(one.filename)}",
    ]
    if one.content_id:
        lines.append(f"Content-ID: <{one.content_id}>")
    if one.media_type == "message/rfc822":
        # RFC 2046 section 5.2.1: such a part is not encoded. What needs to be goes as RFC 6532
        # section 3.7 has it, whose type may.
        if as_it_is(one.content):
            head = "\r\n".join(lines)
            return (
                f"{head}\r\nContent-Transfer-Encoding: 7bit\r\n\r\n".encode()
                + one.content
                + b"\r\n"
            )
        lines[0] = "Content-Type: message/global"
    return _encoded(lines, one.content)


def as_it_is(content: bytes) -> bool:
    """Whether octets can stand in a mail without any encoding, and come out the same."""
    return (
        content.isascii()
        and b"\0" not in content
        and b"--=_" not in content
        and content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
        and max(map(len, content.split(b"\r\n"))) <= 900
    )


def _encoded(lines: list[str], content: bytes) -> bytes:
    head = "\r\n".join((*lines, "Content-Transfer-Encoding: base64"))
    return head.encode() + b"\r\n\r\n" + base64_lines(content)


def base64_lines(raw: bytes) -> bytes:
    """Base64 in lines of 76, each with its end."""
    whole = binascii.b2a_base64(raw, newline=False)
    lines = [whole[at : at + _WIDTH] for at in range(0, len(whole), _WIDTH)]
    return b"\r\n".join((*lines, b""))


def _content_type(text: str) -> str:
    kind, *parameters = (part.strip() for part in text.split(";"))
    return "Content-Type: " + ";\r\n ".join((kind, *parameters))


def filename(name: str) -> str:
    """The ``filename`` parameter: quoted ASCII, or RFC 2231 in pieces that fit on a line."""
    if _QUOTABLE.fullmatch(name) and "=?" not in name:
        return f'filename="{name}"'
    whole = quote(name, safe="!#$&+-.^_`|~")  # RFC 2231 section 7: attribute-char
    if len(whole) <= 55:
        return f"filename*=utf-8''{whole}"
    # No piece may cut a percent-escape in two.
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,18}", whole)
    return ";\r\n ".join(
        f"filename*{at}*=" + ("utf-8''" if at == 0 else "") + piece
        for at, piece in enumerate(pieces)
    )

"""Parses the JSON calls of Mailchimp Transactional as it does itself."""

import base64
import binascii
import json

from .mail import Attachment, Mailbox
from .mandrill_account import ApiError
from .web import member, text


def invalid(name: str, detail: object) -> ApiError:
    """The error for a field that is not as it should be."""
    return ApiError("ValidationError", -2, f"Validation error: {json.dumps({name: detail})}")


def items(value: object, name: str) -> list[object]:
    """A member that is a list; empty when it is none."""
    found = member(value, name)
    return found if isinstance(found, list) else []


def mapping(value: object) -> dict[str, object]:
    """A JSON object; empty for anything else."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def optional(message: dict[str, object], name: str) -> str | None:
    """A string that is there and not empty."""
    value = message.get(name)
    return value if isinstance(value, str) and value else None


def own_metadata(message: dict[str, object], address: str) -> dict[str, object]:
    """What ``recipient_metadata`` has for an address."""
    for item in items(message, "recipient_metadata"):
        if text(member(item, "rcpt")).lower() == address.lower():
            return mapping(member(item, "values"))
    return {}


def mailbox(item: object) -> Mailbox:
    """One entry of ``to``."""
    kind = text(member(item, "type"))
    email = text(member(item, "email"))
    name = text(member(item, "name"))
    return Mailbox(email, name, "cc" if kind == "cc" else "bcc" if kind == "bcc" else "to")


def files(message: dict[str, object], name: str, *, inline: bool = False) -> list[Attachment]:
    """Attachments, or images shown in the HTML."""
    found: list[Attachment] = []
    for item in items(message, name):
        try:
            content = base64.b64decode(text(member(item, "content")))
        except binascii.Error as error:
            raise invalid("message", {name: "not base64"}) from error
        title = text(member(item, "name"))
        found.append(
            Attachment(title, text(member(item, "type")), content, title if inline else "")
        )
    return found


def kept(name: str) -> bool:
    """Headers that are commands to the provider go no further."""
    return not name.lower().startswith("x-mc-") and name.lower() != "bcc"


def without_commands(raw: bytes) -> bytes:
    """MIME without the header fields that are commands to the provider."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    lines: list[bytes] = []
    keeping = True
    for line in head.split(b"\r\n"):
        if line[:1] not in {b" ", b"\t"}:
            keeping = kept(line.partition(b":")[0].decode("latin-1").strip())
        if keeping:
            lines.append(line)
    return b"\r\n".join(lines) + gap + body

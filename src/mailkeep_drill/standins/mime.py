"""The MIME that a provider builds from what its API was given."""

import email.policy
import re
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Any

from .mail import Attachment, Mail, Mailbox

# Headers are written whole: refolding long identifiers turns them into encoded words.
_WIDE = email.policy.SMTP.clone(max_line_length=900)
_OURS = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "sender",
        "return-path",
        "received",
        "dkim-signature",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }
)
_NAME = re.compile(r"[!-9;-~]{1,76}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")


def compose(mail: Mail, message_id: str) -> EmailMessage:
    """Build the message. `message_id` goes out as it is; the mail's headers do not change it."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = _address(mail.sender)
    shown = mail.shown or mail.to
    for header, kind in (("To", "to"), ("Cc", "cc")):
        boxes = [_address(box) for box in shown if box.kind == kind]
        if boxes:
            message[header] = ", ".join(boxes)
    message["Subject"] = _line(mail.subject)
    message["Date"] = formatdate(mail.at, usegmt=False)
    for name, value in mail.headers:
        low = name.lower()
        if low == "reply-to":
            _put(message, "Reply-To", mail.reply_to or value)
        elif low not in _OURS and _NAME.fullmatch(name):
            message[name] = _line(value)
    if mail.reply_to:
        _put(message, "Reply-To", mail.reply_to)
    message["Message-ID"] = _line(message_id)
    _body(message, mail)
    return message


def parse(raw: bytes) -> EmailMessage:
    """Read MIME that was submitted as such."""
    message = message_from_bytes(crlf(raw), policy=email.policy.SMTP)
    if not isinstance(message, EmailMessage):  # the policy's factory makes it one
        raise TypeError(type(message).__name__)
    return message


def write(message: EmailMessage) -> bytes:
    """The octets of a message, with CRLF line ends."""
    return message.as_bytes(policy=_WIDE)


def crlf(raw: bytes) -> bytes:
    """End every line with CRLF (RFC 5321 section 2.3.8)."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", raw)


def body_of(message: EmailMessage, subtype: str) -> str | None:
    """The text of the ``plain`` or ``html`` body, decoded, or None."""
    part = message.get_body(preferencelist=(subtype,))
    if part is None:
        return None
    try:
        content = part.get_content()
    except (LookupError, UnicodeError, KeyError):
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content if isinstance(content, str) else None


def fold(name: str, value: str) -> bytes:
    """A header field of the provider's own, with its line end. ASCII only."""
    return f"{name}: {_line(value)}\r\n".encode("ascii", "replace")


def _line(value: str) -> str:
    """One line: nobody gets to add headers by way of a value (CWE-93)."""
    return _CONTROL.sub(" ", value).strip()


def _put(message: EmailMessage, name: str, value: str) -> None:
    del message[name]
    message[name] = _line(value)


def _address(box: Mailbox) -> str:
    try:
        return str(Address(display_name=_line(box.name), addr_spec=_line(box.email)))
    except (ValueError, IndexError, AttributeError):
        # Addresses that the standard library does not parse, but a provider might pass on.
        return formataddr((_line(box.name), _line(box.email)))


def _body(message: EmailMessage, mail: Mail) -> None:
    if mail.text is not None or mail.html is None:
        message.set_content(mail.text or "", cte="quoted-printable")
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    else:
        message.set_content(mail.html, subtype="html", cte="quoted-printable")
    html = message.get_body(preferencelist=("html",))
    for file in mail.attachments:
        if file.content_id and html is not None:  # an image stands with the HTML that shows it
            html.add_related(file.content, **_headers(file))
    for file in mail.attachments:
        if not file.content_id or html is None:
            _attach(message, file)


def _attach(message: EmailMessage, file: Attachment) -> None:
    if file.type.lower().startswith("message/rfc822"):  # never in base64 (RFC 2046 section 5.2.1)
        message.add_attachment(parse(file.content), filename=_line(file.name) or None)
    else:
        message.add_attachment(file.content, **_headers(file))


def _headers(file: Attachment) -> dict[str, Any]:
    """What stands above a file, as `EmailMessage` takes it."""
    main, _, sub = _line(file.type).partition("/")
    return {
        "maintype": main or "application",
        "subtype": sub or "octet-stream",
        "filename": _line(file.name) or None,
        "disposition": "inline" if file.content_id else "attachment",
        "cid": f"<{_line(file.content_id)}>" if file.content_id else None,
    }

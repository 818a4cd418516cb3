"""Builds the requests for Mailchimp Transactional: ``/messages/send`` or, for some mails,
``/send-raw``.

``send`` writes the MIME itself, from fields. It shows every recipient in the header, has one name
for an image's file and its content id, and knows no invitation; so a mail that is shown to others
than get it, or has such parts, goes as we write it.

Formats: https://mailchimp.com/developer/transactional/api/messages/send-new-message/ and
https://mandrill.zendesk.com/hc/en-us/articles/360039280433 (the ``X-MC-`` headers of a raw mail).
"""

import base64
from collections.abc import Mapping

import msgspec

from . import mime, outgoing
from .message import OutgoingMessage
from .mime import header_value, mailbox_value


def path_and_call(
    options: Mapping[str, str], message: OutgoingMessage
) -> tuple[str, dict[str, object]]:
    """(the path below the API's base, the call without its key)."""
    if _is_raw(message):
        return "/messages/send-raw.json", _raw(options, message)
    return "/messages/send.json", {"message": _fields(options, message)}


def _is_raw(message: OutgoingMessage) -> bool:
    return message.shown is not None or any(
        one.content_id or one.alternative or one.media_type.startswith("message/")
        for one in message.attachments
    )


def _fields(options: Mapping[str, str], message: OutgoingMessage) -> dict[str, object]:
    headers = {k: header_value(v) for k, v in outgoing.our_headers(message).items()}
    if message.reply_to is not None:
        headers["Reply-To"] = mailbox_value(message.reply_to)
    body: dict[str, object] = {
        "from_email": message.sender.email,
        "from_name": message.sender.name,
        "to": [
            {"email": one.email, "name": one.name, "type": kind}
            for kind, people in (
                ("to", (message.to, *message.more_to)),
                ("cc", message.cc),
                ("bcc", message.bcc),
            )
            for one in people
        ],
        "subject": message.subject,
        "headers": headers,
        # Merging would eat *|...|* out of a body that a stranger had a hand in.
        "merge": False,
        "auto_text": False,
        "auto_html": False,
        "inline_css": False,
        # Else each of several would be shown a mail to themselves alone.
        "preserve_recipients": len(message.recipients()) > 1,
        "important": message.secret,
        "track_opens": _tracked(options, message, "track_opens"),
        "track_clicks": _tracked(options, message, "track_clicks"),
        # False also keeps the body out of the account's log and of /messages/content.
        "view_content_link": not message.secret,
        "metadata": _metadata(message),
    }
    if message.text is not None:
        body["text"] = message.text
    if message.html is not None:
        body["html"] = message.html
    if message.attachments:
        body["attachments"] = [
            {
                "type": one.content_type,
                "name": one.filename,
                "content": base64.b64encode(one.content).decode(),
            }
            for one in message.attachments
        ]
    if tags := _tags(message):
        body["tags"] = tags
    for name, value in (
        ("subaccount", outgoing.option(options, "subaccount")),
        ("signing_domain", outgoing.option(options, "signing_domain")),
        ("return_path_domain", _return_path(options, message)),
    ):
        if value:
            body[name] = value
    return body


def _raw(options: Mapping[str, str], message: OutgoingMessage) -> dict[str, object]:
    tracks = [
        word
        for option, word in (("track_opens", "opens"), ("track_clicks", "clicks_htmlonly"))
        if _tracked(options, message, option)
    ]
    headers = {
        # No word of theirs means no tracking; without the header the account's default holds.
        "X-MC-Track": ",".join(tracks) or "none",
        "X-MC-Autotext": "false",
        "X-MC-AutoHtml": "false",
        "X-MC-InlineCSS": "false",
        "X-MC-PreserveRecipients": "true",
        "X-MC-Important": "true" if message.secret else "false",
        "X-MC-ViewContentLink": "false" if message.secret else "true",
        "X-MC-Metadata": _ascii_json(_metadata(message)),
    }
    if tags := _tags(message):
        headers["X-MC-Tags"] = header_value(",".join(tag.replace(",", " ") for tag in tags))
    for name, option in (("Subaccount", "subaccount"), ("SigningDomain", "signing_domain")):
        if value := outgoing.option(options, option):
            headers[f"X-MC-{name}"] = header_value(value)
    call: dict[str, object] = {
        "raw_message": mime.write(message, headers.items()).decode("ascii"),
        "from_email": message.sender.email,
        "from_name": message.sender.name,
        # Who gets it; the header is left as it is.
        "to": [one.email for one in message.recipients()],
    }
    if return_path := _return_path(options, message):
        call["return_path_domain"] = return_path
    return call


def _tracked(options: Mapping[str, str], message: OutgoingMessage, option: str) -> bool:
    return not message.secret and outgoing.flag(options, option)


def _metadata(message: OutgoingMessage) -> dict[str, str]:
    return outgoing.metadata(message, fields=10, key=50, value=200)


def _tags(message: OutgoingMessage) -> list[str]:
    tags = [tag.lstrip("_")[:50] for tag in message.tags]  # a leading "_" is an error there
    return [tag for tag in tags if tag]


def _return_path(options: Mapping[str, str], message: OutgoingMessage) -> str | None:
    if message.return_path:
        return message.return_path.rpartition("@")[2]
    return outgoing.option(options, "return_path_domain")


def _ascii_json(value: dict[str, str]) -> str:
    """JSON that can be folded at its spaces, in ASCII, so that it stays JSON in a header."""
    pieces = (
        f"{msgspec.json.encode(k).decode()}: {msgspec.json.encode(v).decode()}"
        for k, v in value.items()
    )
    text = "{" + ", ".join(pieces) + "}"
    return "".join(char if char.isascii() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    octets = char.encode("utf-16-be")
    return "".join(f"\\u{octets[at : at + 2].hex()}" for at in range(0, len(octets), 2))

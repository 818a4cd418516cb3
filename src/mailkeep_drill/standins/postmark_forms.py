"""The JSON in which Postmark's API shows mails, webhooks and streams (pure)."""

import time
from collections.abc import Mapping

from .mail import Mail, Record
from .postmark_hooks import SERVER_ID, eastern


def matches(mail: Mail, query: Mapping[str, str]) -> bool:
    """Whether a list of mails is asked for this one."""
    wanted = {
        "recipient": mail.recipients,
        "fromemail": [mail.sender.email],
        "tag": list(mail.tags),
    }
    for name, values in wanted.items():
        if name in query and query[name].lower() not in {value.lower() for value in values}:
            return False
    return all(
        str(mail.metadata.get(name.removeprefix("metadata_"), "")) == value
        for name, value in query.items()
        if name.startswith("metadata_")
    )


def outbound(record: Record) -> dict[str, object]:
    """A mail as a list tells of it."""
    mail = record.mail
    boxes = {
        header: [{"Email": b.email, "Name": b.name or None} for b in mail.to if b.kind == kind]
        for header, kind in (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"))
    }
    links = mail.track_links or frozenset()
    return {
        "Tag": mail.tags[0] if mail.tags else "",
        "MessageID": mail.id,
        "MessageStream": mail.stream or "outbound",
        **boxes,
        "Recipients": mail.recipients,
        "ReceivedAt": eastern(mail.at),
        "From": f'"{mail.sender.name}" <{mail.sender.email}>',
        "Subject": mail.subject,
        "Attachments": [file.name for file in mail.attachments],
        "Status": "Queued" if record.fate == "held" else "Sent",
        "TrackOpens": bool(mail.track_opens),
        "TrackLinks": "HtmlAndText" if len(links) == 2 else "HtmlOnly" if links else "None",
        "Metadata": mail.metadata,
        "Sandboxed": False,
    }


def listed(name: str, entries: list[dict[str, object]]) -> dict[str, object]:
    """A list with its count."""
    return {"TotalCount": len(entries), name: entries}


def webhook(number: int, url: str) -> dict[str, object]:
    """A webhook that reports everything."""
    on, content = {"Enabled": True}, {"Enabled": True, "IncludeContent": False}
    return {
        "ID": number,
        "Url": url,
        "MessageStream": "outbound",
        "Status": "verified",
        "Triggers": {
            "Open": {"Enabled": True, "PostFirstOpenOnly": False},
            "Click": on,
            "Delivery": on,
            "Bounce": content,
            "SpamComplaint": content,
            "SubscriptionChange": on,
        },
    }


def streams() -> dict[str, object]:
    """The message streams that every server has."""
    kinds = (("outbound", "Transactional"), ("broadcast", "Broadcasts"), ("inbound", "Inbound"))
    streams: list[dict[str, object]] = [
        {
            "ID": name,
            "ServerID": SERVER_ID,
            "Name": f"Default {kind} Stream",
            "Description": None,
            "MessageStreamType": kind,
            "CreatedAt": eastern(time.time()),
            "UpdatedAt": None,
            "ArchivedAt": None,
            "ExpectedPurgeDate": None,
            "SubscriptionManagementConfiguration": {"UnsubscribeHandlingType": "none"},
        }
        for name, kind in kinds
    ]
    return listed("MessageStreams", streams)

"""The JSON in which Mailchimp Transactional's API shows mails and webhooks (pure)."""

import secrets
import time
from collections import Counter

from .mail import Mail, Record
from .mandrill_hooks import php_map, state_of

_COUNTED = {
    "delivered": "sent",
    "bounced": "hard_bounces",
    "soft_bounced": "soft_bounces",
    "rejected": "rejects",
    "complained": "complaints",
    "unsubscribed": "unsubs",
    "opened": "opens",
    "clicked": "clicks",
}


def webhook(number: int, now: str) -> dict[str, object]:
    """A webhook that reports everything."""
    return {
        "id": 1130 + number,
        "url": "",
        "description": "",
        "auth_key": secrets.token_urlsafe(16),
        "events": [
            "send",
            "hard_bounce",
            "soft_bounce",
            "open",
            "click",
            "spam",
            "unsub",
            "reject",
        ],
        "created_at": now,
        "last_sent_at": None,
        "batches_sent": 0,
        "events_sent": 0,
        "last_error": None,
    }


def date(at: float) -> str:
    """A time as it is written there, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def counts(record: Record) -> Counter[str]:
    """What became of a mail, by the words of its statistics."""
    return Counter(_COUNTED[event.kind] for event in record.events if event.kind in _COUNTED)


def found(record: Record) -> dict[str, object]:
    """A mail as a search tells of it."""
    mail = record.mail
    seen = counts(record)
    return {
        "ts": int(mail.at),
        "_id": mail.id,
        "sender": mail.sender.email,
        "template": None,
        "subject": mail.subject,
        "email": mail.to[0].email,
        "tags": list(mail.tags),
        "opens": seen["opens"],
        "opens_detail": [],
        "clicks": seen["clicks"],
        "clicks_detail": [],
        "state": state_of(record),
        "metadata": php_map(mail.metadata),
    }


def matches(mail: Mail, query: str) -> bool:
    """Whether a search is for this mail."""
    if not query or query == "*":
        return True
    field, colon, wanted = query.partition(":")
    if colon and field in {"email", "full_email"}:
        return wanted.strip() in mail.to[0].email.lower()
    if colon and field == "subject":
        return wanted.strip() in mail.subject.lower()
    if colon and field.startswith("u_"):  # a metadata field made searchable
        return str(mail.metadata.get(field[2:], "")).lower() == wanted.strip()
    return any(query in where for where in (mail.subject.lower(), mail.to[0].email.lower()))

"""Postmark's webhooks: one JSON object a request, no signature.

Formats: https://postmarkapp.com/developer/webhooks/ (delivery, bounce, spam complaint, open, click,
subscription change); types of bounce: .../developer/api/bounce-api#bounce-types. Proof is HTTP
basic authentication, entered as part of the URL or beside it, and headers that the customer chose
(.../api/webhooks-api, HttpAuth and HttpHeaders). Six retries for 5xx, 408, 429 and silence; other
4xx are dropped; ``X-PM-Retries-Remaining`` and ``X-PM-Webhook-Trace-Id`` (.../webhooks-overview).
"""

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar
from urllib.parse import unquote

from yarl import URL

from .hooks import HookRequest, HookSettings, Proof
from .mail import Event, EventKind

SERVER_ID = 23
_EASTERN = timezone(timedelta(hours=-5))
_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.7339.80 Safari/537.36"
)
_READER: dict[str, object] = {
    "Client": {"Name": "Chrome 140.0.7339.80", "Company": "Google", "Family": "Chrome"},
    "OS": {"Name": "macOS 10.15 Catalina", "Company": "Apple Computer, Inc.", "Family": "macOS"},
    "Platform": "WebMail",
    "UserAgent": _AGENT,
    "Geo": {
        "CountryISOCode": "US",
        "Country": "United States",
        "RegionISOCode": "TX",
        "Region": "Texas",
        "City": "Houston",
        "Zip": "77058",
        "Coords": "29.5502,-95.0973",
        "IP": "203.0.113.42",
    },
}
BOUNCES: dict[EventKind, tuple[str, int, str, str]] = {
    "bounced": (
        "HardBounce",
        1,
        "Hard bounce",
        "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
    ),
    "soft_bounced": (
        "SoftBounce",
        4096,
        "Soft bounce",
        "Unable to temporarily deliver message (i.e. mailbox full, account disabled, out of disk).",
    ),
    "deferred": (
        "Transient",
        2,
        "Message delayed/Undeliverable",
        "The server could not temporarily deliver your message (ex: Message is delayed).",
    ),
    "complained": (
        "SpamComplaint",
        100001,
        "Spam complaint",
        "The subscriber explicitly marked this message as spam.",
    ),
}


class PostmarkHooks:
    """See the module."""

    batch: ClassVar[int] = 1
    retry_delays: ClassVar[tuple[float, ...]] = (60.0, 300.0, 600.0, 600.0, 600.0, 900.0)
    gives_up_for_good: ClassVar[bool] = False

    def tells(self, event: Event) -> bool:
        """Nothing is told of mail that is merely on its way, or was refused at the API."""
        return event.kind not in {"sent", "rejected"}

    def tries_again(self, status: int) -> bool:
        """Server errors, limits and silence; any other 4xx drops the event."""
        return status == 0 or status >= 500 or status in {408, 429}

    def retry_headers(self, left: int) -> dict[str, str]:
        """How many tries there will be after this one."""
        return {"X-PM-Retries-Remaining": str(left)}

    def request(self, events: list[Event], settings: HookSettings, proof: Proof) -> HookRequest:
        """One event, with the credentials that were entered."""
        url = URL(settings.url)
        credentials = settings.auth
        if url.user is not None:
            credentials = f"{unquote(url.user)}:{unquote(url.password or '')}"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Postmark",
            "X-PM-Webhook-Trace-Id": events[0].id,
        }
        if proof == "real":
            headers |= settings.headers
        elif proof == "wrong":
            credentials = f"{credentials.partition(':')[0]}:{secrets.token_urlsafe(12)}"
            headers |= {name: secrets.token_urlsafe(12) for name in settings.headers}
        if credentials and proof != "none":
            packed = base64.b64encode(credentials.encode()).decode()
            headers["Authorization"] = f"Basic {packed}"
        body = json.dumps(payload(events[0])).encode()
        return HookRequest(str(url.with_user(None)), headers, body)


def payload(event: Event) -> dict[str, object]:
    """The JSON of one event."""
    mail = event.mail
    common: dict[str, object] = {
        "MessageStream": mail.stream or "outbound",
        "MessageID": mail.id,
        "Metadata": {name: str(value) for name, value in mail.metadata.items()},
        "Tag": mail.tags[0] if mail.tags else "",
    }
    at = stamp(event.at)
    if event.kind == "delivered":
        return {
            "RecordType": "Delivery",
            "ServerID": SERVER_ID,
            **common,
            "Recipient": event.recipient,
            "DeliveredAt": at,
            "Details": event.diag,
        }
    if event.kind in {"opened", "clicked"}:
        more: dict[str, object] = {"RecordType": "Open", "FirstOpen": True, "ReadSeconds": 5}
        if event.kind == "clicked":
            more = {"RecordType": "Click", "ClickLocation": "HTML", "OriginalLink": event.url}
        return {**more, **_READER, **common, "ReceivedAt": at, "Recipient": event.recipient}
    if event.kind == "unsubscribed":
        return subscription(event.recipient, "ManualSuppression", event.at, event=event)
    return bounce(event, common)


def bounce(event: Event, common: dict[str, object]) -> dict[str, object]:
    """A record of type Bounce or SpamComplaint."""
    kind, code, name, description = BOUNCES[event.kind]
    complaint = event.kind == "complained"
    return {
        "RecordType": "SpamComplaint" if complaint else "Bounce",
        "ID": bounce_id(event.id),
        "Type": kind,
        "TypeCode": code,
        "Name": name,
        "ServerID": SERVER_ID,
        **common,
        "Description": description,
        "Details": f"smtp;{event.diag}" if event.diag else "",
        "Email": event.recipient,
        "From": event.mail.sender.email,
        "BouncedAt": stamp(event.at),
        "DumpAvailable": False,
        "Inactive": complaint or kind == "HardBounce",
        "CanActivate": not complaint,
        "Subject": event.mail.subject,
    }


def subscription(
    recipient: str, reason: str | None, at: float, *, event: Event | None = None
) -> dict[str, object]:
    """A SubscriptionChange; without an event it was made by hand, without a reason it is undone."""
    mail = None if event is None else event.mail
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": None if mail is None else mail.id,
        "ServerID": SERVER_ID,
        "MessageStream": (mail.stream if mail is not None else "") or "outbound",
        "ChangedAt": stamp(at),
        "Recipient": recipient,
        "Origin": "Customer" if event is None else "Recipient",
        "SuppressSending": reason is not None,
        "SuppressionReason": reason,
        "Tag": None if mail is None else (mail.tags[0] if mail.tags else ""),
        "Metadata": {} if mail is None else {k: str(v) for k, v in mail.metadata.items()},
    }


def bounce_id(event_id: str) -> int:
    """A number for a bounce, the same every time."""
    return 692_560_000 + int(event_id.replace("-", "")[:8], 16) % 100_000_000


def stamp(at: float) -> str:
    """ISO 8601 in UTC with seven digits of a second, as the webhooks have it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def eastern(at: float) -> str:
    """The same in the API's own zone, as its answers have it."""
    return datetime.fromtimestamp(at, _EASTERN).strftime("%Y-%m-%dT%H:%M:%S.%f0-05:00")

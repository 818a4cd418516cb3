"""Mailchimp Transactional's webhooks, on the wire as its PHP writes them.

Formats: https://mailchimp.com/developer/transactional/docs/webhooks/ (kinds of event, ``delivered``
among them; up to 1,000 events in one POST), Message-Event-Webhook-Format and
How-to-Authenticate-Webhook-Requests in the provider's help, and its own test payload.
Retries: 20 times at intervals of 15 to 25 minutes, then the webhook is disabled (release notes,
17 June 2024).
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import ClassVar
from urllib.parse import urlencode

from .hooks import HookRequest, HookSettings, Proof
from .mail import Event, EventKind, Record

NAMES: dict[EventKind, str] = {
    "sent": "send",
    "delivered": "delivered",
    "deferred": "deferral",
    "bounced": "hard_bounce",
    "soft_bounced": "soft_bounce",
    "rejected": "reject",
    "opened": "open",
    "clicked": "click",
    "complained": "spam",
    "unsubscribed": "unsub",
}
_STATES: dict[EventKind, str] = {
    "deferred": "deferred",
    "bounced": "bounced",
    "soft_bounced": "soft-bounced",
    "rejected": "rejected",
    "complained": "spam",
    "unsubscribed": "unsub",
}
TEST_KEY = "test-webhook"
"""Signs the check that is made when a URL is entered: everybody knows it."""
_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.4 Safari/605.1.15"
)
_LOCATION = {
    "country_short": "US",
    "country": "United States",
    "region": "Oklahoma",
    "city": "Oklahoma City",
    "latitude": 35.4675598145,
    "longitude": -97.5164337158,
    "postal_code": "73101",
    "timezone": "-05:00",
}
_AGENT_PARSED = {
    "type": "Browser",
    "ua_family": "Safari",
    "ua_name": "Safari 17.4",
    "ua_version": "17.4",
    "ua_url": "https://www.apple.com/safari/",
    "ua_company": "Apple Inc.",
    "ua_company_url": "https://www.apple.com/",
    "ua_icon": "http://cdn.mandrill.com/img/email-client-icons/safari.png",
    "os_family": "OS X",
    "os_name": "OS X 10.15 Catalina",
    "os_url": "https://www.apple.com/macos/",
    "os_company": "Apple Computer, Inc.",
    "os_company_url": "https://www.apple.com/",
    "os_icon": "http://cdn.mandrill.com/img/email-client-icons/macosx.png",
    "mobile": False,
}


class MandrillHooks:
    """See the module."""

    batch: ClassVar[int] = 1000
    retry_delays: ClassVar[tuple[float, ...]] = (1200.0,) * 20
    gives_up_for_good: ClassVar[bool] = True

    def tells(self, event: Event) -> bool:
        """Every kind has a webhook."""
        return event.kind in NAMES

    def tries_again(self, status: int) -> bool:
        """Anything but a 200."""
        return status != 200

    def retry_headers(self, left: int) -> dict[str, str]:
        """None: a repeated webhook looks like the first."""
        del left
        return {}

    def request(self, events: list[Event], settings: HookSettings, proof: Proof) -> HookRequest:
        """``mandrill_events``, form-encoded and signed."""
        payload = php_json([_event(event) for event in events])
        return signed(payload, settings.url, settings.key, proof)


def signed(payload: str, url: str, key: str, proof: Proof = "real") -> HookRequest:
    """The POST of one batch, with ``X-Mandrill-Signature``.

    HMAC-SHA1 under the webhook's key over the URL as it was entered and every POST field, name and
    value, sorted by name; base64.
    """
    fields = {"mandrill_events": payload}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Mandrill-Webhook/1.0",
    }
    if proof != "none":
        data = url + "".join(name + fields[name] for name in sorted(fields))
        used = key if proof == "real" else secrets.token_urlsafe(16)
        digest = hmac.digest(used.encode(), data.encode(), hashlib.sha1)
        headers["X-Mandrill-Signature"] = base64.b64encode(digest).decode()
    return HookRequest(url, headers, urlencode(fields).encode())


def php_json(value: object) -> str:
    """JSON as PHP's json_encode writes it: ASCII, with slashes escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def php_map(value: dict[str, object]) -> object:
    """An empty map is an empty array in PHP."""
    return value or []


def state_of(record: Record) -> str:
    """The ``state`` of a message in searches: sent, bounced or rejected."""
    if record.fate == "rejected":
        return "rejected"
    return "bounced" if "bounced" in record.deliveries.values() else "sent"


def _event(event: Event) -> dict[str, object]:
    mail = event.mail
    message: dict[str, object] = {
        "ts": int(mail.at),
        "subject": mail.subject,
        "email": event.recipient,
        "sender": mail.sender.email,
        "tags": list(mail.tags),
        "opens": [],
        "clicks": [],
        "state": _STATES.get(event.kind, "sent"),
        "metadata": php_map(mail.metadata),
        "subaccount": None,
        "template": None,
        "diag": None,
        "smtp_events": [],
        "resends": [],
        "_id": mail.id,
        # A hash of the message's state: new with every event.
        "_version": base64.urlsafe_b64encode(
            hashlib.blake2b(event.id.encode(), digest_size=16).digest()
        )
        .decode()
        .rstrip("="),
    }
    body: dict[str, object] = {
        "event": NAMES[event.kind],
        "_id": mail.id,
        "msg": message,
        "ts": int(event.at),
    }
    if event.kind in {"delivered", "deferred"}:
        message["smtp_events"] = [_smtp_event(event)]
    if event.kind in {"bounced", "soft_bounced"}:
        hard = event.kind == "bounced"
        message["bounce_description"] = "bad_mailbox" if hard else "mailbox_full"
        message["bgtools_code"] = 10 if hard else 22
        message["diag"] = f"smtp;{event.diag}"
    if event.kind in {"opened", "clicked"}:
        opened = {
            "ts": int(event.at),
            "ip": "203.0.113.7",
            "location": "Oklahoma, US",
            "ua": _AGENT,
        }
        message["opens"] = [opened]
        body["ip"] = "203.0.113.7"
        body["location"] = _LOCATION
        body["user_agent"] = _AGENT
        body["user_agent_parsed"] = _AGENT_PARSED
    if event.kind == "clicked":
        message["clicks"] = [{"ts": int(event.at), "url": event.url}]
        body["url"] = event.url
    return body


def _smtp_event(event: Event) -> dict[str, object]:
    return {
        "ts": int(event.at),
        "type": "sent" if event.kind == "delivered" else "deferred",
        "diag": event.diag,
        "source_ip": "198.2.136.20",
        "destination_ip": "127.0.0.1",
        "size": event.mail.size,
    }

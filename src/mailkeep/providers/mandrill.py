"""The adapter for Mailchimp Transactional (Mandrill), API 1.0.

Options: ``subaccount``, ``ip_pool``, ``signing_domain``, ``return_path_domain``, ``track_opens``
and ``track_clicks`` ("true" or "false"; secret mail is never tracked). The webhook secret is the
webhook's own key, ``webhook_url`` the URL exactly as it was entered there.

Formats: https://mailchimp.com/developer/transactional/api/messages/send-new-message/ and
https://mailchimp.com/developer/transactional/docs/webhooks/.

Security: the key travels in the body, as the API wants it. A suspended account still answers 200,
with the mail "queued": ``queued_reason`` tells.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from . import mandrill_calls, outgoing, replies, webhooks
from .allowance import Allowance, number
from .errors import ForgedWebhook, MalformedWebhook
from .message import OutgoingMessage
from .types import (
    CannotBeAsked,
    Capabilities,
    Claim,
    ClaimKind,
    HttpReply,
    HttpRequest,
    OfCopy,
    Outcome,
    OutcomeKind,
    ProviderConfig,
    Reply,
    SmtpReply,
    TransportFailure,
    VerifiedRequest,
    WebhookRequest,
)
from .volume import counted

DEFAULT_BASE_URL: Final = "https://mandrillapp.com/api/1.0"
_MAX_EVENTS: Final = 1000  # documented
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "Mailkeep",
}

# Error ``name`` in {status: "error", code, name, message}; the HTTP status with it is mostly 500.
_ERRORS: Final = {
    "Invalid_Key": OutcomeKind.UNAUTHORISED,
    "PaymentRequired": OutcomeKind.SUSPENDED,
    "Unknown_Subaccount": OutcomeKind.UNAUTHORISED,
    "ValidationError": OutcomeKind.REJECTED,
    "ServiceUnavailable": OutcomeKind.UNAVAILABLE,
    "GeneralError": OutcomeKind.UNAVAILABLE,
}
# Read only where the error is not one about the message: that one quotes the message.
_SUSPENDED_WORDS: Final = re.compile(
    r"\b(account|sending|user)\b.{0,60}\b(suspended|disabled|paused|under review|deactivated)",
    re.IGNORECASE | re.DOTALL,
)
_STATUSES: Final = {
    "sent": OutcomeKind.ACCEPTED,
    "queued": OutcomeKind.ACCEPTED,
    "rejected": OutcomeKind.SUPPRESSED_THERE,
    "invalid": OutcomeKind.REJECTED,
    "scheduled": OutcomeKind.AMBIGUOUS,  # we never ask for a time, so someone else did
}
_REJECT_REASONS: Final = {
    "hard-bounce": OutcomeKind.SUPPRESSED_THERE,
    "soft-bounce": OutcomeKind.SUPPRESSED_THERE,
    "spam": OutcomeKind.SUPPRESSED_THERE,
    "unsub": OutcomeKind.SUPPRESSED_THERE,
    "custom": OutcomeKind.SUPPRESSED_THERE,
    "rule": OutcomeKind.SUPPRESSED_THERE,
    "invalid-sender": OutcomeKind.SENDER_REFUSED,
    "unsigned": OutcomeKind.SENDER_REFUSED,
    "invalid": OutcomeKind.REJECTED,
    "test-mode-limit": OutcomeKind.THROTTLED,
}
_QUEUED_REASONS: Final = {
    "attachments": OutcomeKind.ACCEPTED,
    "multiple-recipients": OutcomeKind.ACCEPTED,
    "sending-backlogged": OutcomeKind.ACCEPTED,
    "free-trial-sends-exhausted": OutcomeKind.THROTTLED,
    "hourly-quota-exhausted": OutcomeKind.THROTTLED,
    "monthly-limit-reached": OutcomeKind.THROTTLED,
    "sending-paused": OutcomeKind.SUSPENDED,
    "sending-suspended": OutcomeKind.SUSPENDED,
    "account-suspended": OutcomeKind.SUSPENDED,
}
_EVENTS: Final = {
    "send": ClaimKind.SENT,
    "delivered": ClaimKind.DELIVERED,
    "deferral": ClaimKind.DEFERRED,
    "hard_bounce": ClaimKind.BOUNCED,
    "soft_bounce": ClaimKind.SOFT_BOUNCED,
    "open": ClaimKind.OPENED,
    "click": ClaimKind.CLICKED,
    "spam": ClaimKind.COMPLAINED,
    "unsub": ClaimKind.UNSUBSCRIBED,
    "reject": ClaimKind.REJECTED,
}
_DENYLISTS: Final = frozenset({"blacklist", "denylist"})
_ALLOWLISTS: Final = frozenset({"whitelist", "allowlist", "safelist"})


class Mandrill(CannotBeAsked):
    """See the module."""

    kind: ClassVar[str] = "mandrill"
    capabilities: ClassVar[Capabilities] = Capabilities(
        idempotency_key=False,
        search_by_our_id=False,  # only after the operator has made the field searchable by hand
        webhook_auth="signature",
        reports_deliveries=True,
        tracking_off="message",
        # Their help pages say 25 MB for the mail with its attachments; 1,000 recipients are ours.
        max_size=25 * 1024 * 1024,
        max_recipients=1000,
        # https://mandrill.zendesk.com/hc/en-us/articles/205583187-About-Email-Content-Storage
        keeps_days=30,
        # A thousand events, percent-encoded, take about one MiB; bounces with long replies more.
        max_webhook=2 * 1024 * 1024,
        # The return path bounce-md_…@mandrillapp.com, its own signature beside ours, tracked links.
        marks=("mandrillapp.com", ".mandrillapp.com"),
        options=("subaccount", "ip_pool", "signing_domain", "track_opens", "track_clicks"),
        mark_options=("return_path_domain", "signing_domain"),
    )

    def build(self, config: ProviderConfig, message: OutgoingMessage) -> HttpRequest:
        """``POST /messages/send.json``, or ``send-raw.json``; see `Provider.build`."""
        outgoing.check(message)
        options = config.options
        path, fields = mandrill_calls.path_and_call(options, message)
        call = {"key": outgoing.key_of(config.secret), **fields, "async": False}
        if pool := outgoing.option(options, "ip_pool"):
            call["ip_pool"] = pool
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, path)
        return HttpRequest("POST", url, _HEADERS, msgspec.json.encode(call))

    def read(self, reply: Reply, to: Sequence[str] = ()) -> Outcome:
        """Read ``[{email, status, _id, reject_reason, queued_reason}]`` or an error object."""
        if isinstance(reply, TransportFailure):
            return replies.of_transport(reply)
        if isinstance(reply, SmtpReply):
            return replies.of_wrong_protocol(reply)
        body = replies.body_of(reply)
        if isinstance(body, dict) and body.get("status") == "error":
            return _read_error(reply, body)
        if isinstance(body, list) and 200 <= reply.status < 300:
            items = [item for item in body if isinstance(item, dict)]
            if len(items) == len(body) == max(1, len(to)):
                return _read_items(reply, items, to)
            # We named so many: an answer about others means that someone added them.
            return replies.outcome(
                OutcomeKind.AMBIGUOUS, reply, f"{len(body)} recipients answered for"
            )
        return replies.of_status(reply)

    def ask_allowance(self, config: ProviderConfig) -> HttpRequest:
        """``POST /users/info.json``; see `allowance.Tells`."""
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, "/users/info.json")
        body = msgspec.json.encode({"key": outgoing.key_of(config.secret)})
        return HttpRequest("POST", url, _HEADERS, body)

    def allowance(self, reply: Reply) -> Allowance | None:
        """Read ``{reputation, hourly_quota, backlog}``."""
        body = replies.body_of(reply) if isinstance(reply, HttpReply) else None
        if not isinstance(reply, HttpReply) or reply.status != 200 or not isinstance(body, dict):
            return None
        return Allowance(
            number(body.get("hourly_quota")),
            number(body.get("backlog")),
            number(body.get("reputation")),
        )

    def ask_volume(self, config: ProviderConfig) -> HttpRequest:
        """``POST /users/info.json``; see `volume.Counts`."""
        return self.ask_allowance(config)

    def volume(self, reply: Reply) -> int | None:
        """Read ``{stats: {all_time: {sent}}}``."""
        return counted(reply, "stats", "all_time", "sent")

    def verify(self, config: ProviderConfig, request: WebhookRequest) -> VerifiedRequest:
        """Check ``X-Mandrill-Signature``: HMAC-SHA1 over the URL and the sorted form fields.

        The signature holds no time: a replay is caught by the claims' ids. Mandrill's test call,
        signed with a key that everybody knows, is refused; it asks by HEAD first.
        """
        body = webhooks.bounded(request, self.capabilities.max_webhook)
        key = webhooks.webhook_key(config)
        if key == b"test-webhook":
            raise ForgedWebhook("the webhook secret is the public test key")
        presented = replies.header(request.headers, "x-mandrill-signature") or ""
        if len(presented) != 28:  # base64 of 20 octets; saves the work on most of what is forged
            raise ForgedWebhook("the webhook has no signature")
        fields = _form(body)
        url = config.webhook_url or request.url
        signed = url.encode("utf-8", "replace") + b"".join(k + fields[k] for k in sorted(fields))
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha1))
        return VerifiedRequest.prove(
            config,
            request,
            presented=presented.encode("utf-8", "replace"),
            expected=expected,
            payload=fields.get(b"mandrill_events", b""),
            authenticated="signature",
        )

    def parse(self, config: ProviderConfig, verified: VerifiedRequest) -> list[Claim]:
        """Read message events and list changes; inbound mail is not read here."""
        events = webhooks.payload_of(config, verified)
        if not isinstance(events, list):
            raise MalformedWebhook("mandrill_events is not an array")
        return webhooks.claims(verified, events, _MAX_EVENTS, _claim)


def _read_error(reply: HttpReply, error: dict[str, object]) -> Outcome:
    name, text = _known(error.get("name"), _ERRORS), error.get("message")
    kind = _ERRORS[name] if name else None
    words = name or "an error of an unknown name"
    text = text[:500] if isinstance(text, str) else ""
    if kind is OutcomeKind.REJECTED and text.startswith("You must specify a key"):
        kind = OutcomeKind.UNAUTHORISED
    elif kind is not OutcomeKind.REJECTED and _SUSPENDED_WORDS.search(text):
        kind, words = OutcomeKind.SUSPENDED, f"{words}, says suspended"
    if reply.status == 429:
        kind = OutcomeKind.THROTTLED
    if kind is None:
        kind = replies.of_status(reply).kind
    return replies.outcome(kind, reply, words)


def _read_items(reply: HttpReply, items: list[dict[str, object]], to: Sequence[str]) -> Outcome:
    """The one recipient's outcome, and each copy's."""
    if len(items) == 1:
        return _read_status(reply, items[0])
    first = to[0].lower()
    mine = [one for one in items if replies.lower(one.get("email")) == first]
    if len(mine) != 1:
        return replies.outcome(OutcomeKind.AMBIGUOUS, reply, "the recipient is not answered for")
    named = {one.lower(): one for one in to[1:]}
    copies = [
        OfCopy(named[email], _read_status(reply, one).kind)
        for one in items
        if one is not mine[0] and (email := replies.lower(one.get("email"))) in named
    ]
    return replies.with_copies(_read_status(reply, mine[0]), copies)


def _read_status(reply: HttpReply, item: dict[str, object]) -> Outcome:
    status = _known(item.get("status"), _STATUSES)
    reason: str | None = None
    if status == "queued" and item.get("queued_reason"):
        # A reason unknown to us leaves the mail in their hands, and nobody says for how long.
        reason = _known(item["queued_reason"], _QUEUED_REASONS)
        kind = _QUEUED_REASONS[reason] if reason else OutcomeKind.AMBIGUOUS
    elif status == "rejected":
        reason = _known(item.get("reject_reason"), _REJECT_REASONS)
        kind = _REJECT_REASONS[reason] if reason else OutcomeKind.SUPPRESSED_THERE
    else:
        kind = _STATUSES[status] if status else OutcomeKind.AMBIGUOUS
    words = ", ".join(filter(None, (status or "an unknown status", reason)))
    message_id = replies.identifier(item.get("_id"))
    if kind is OutcomeKind.ACCEPTED and message_id is None:
        kind, words = OutcomeKind.AMBIGUOUS, f"{words}, without an id"
    if status in {"rejected", "invalid"}:
        message_id = None  # not kept, so nothing can leave later
    return replies.outcome(kind, reply, words, provider_message_id=message_id)


def _known(word: object, words: Mapping[str, OutcomeKind]) -> str | None:
    """``word`` if it is one of ``words``: only those may show in a detail."""
    return word if isinstance(word, str) and word in words else None


def _form(body: bytes) -> dict[bytes, bytes]:
    """The fields of ``application/x-www-form-urlencoded``, in octets as they were signed.

    Raises:
        ForgedWebhook: too many fields, or one twice: which one was signed would be a guess.
    """
    pairs = body.split(b"&", 9)
    if len(pairs) > 8:
        raise ForgedWebhook("the webhook has too many fields")
    fields: dict[bytes, bytes] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        name = _unquote(name)
        if name in fields:
            raise ForgedWebhook("the webhook has a field twice")
        fields[name] = _unquote(value)
    fields.pop(b"", None)
    return fields


def _unquote(text: bytes) -> bytes:
    """Percent-decoding by way of quoted-printable, which the standard library decodes in C.

    This runs before the signature is checked, so anyone can have us do it: `urllib`'s takes half a
    second for the 3 MiB that this does in milliseconds. Where they differ (a "%" without two
    hexadecimal digits, which no encoder writes) the signature does not fit.
    """
    return binascii.a2b_qp(text.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"="))


def _claim(verified: VerifiedRequest, event: dict[str, object]) -> Claim:
    name = webhooks.word(event, "event") or webhooks.word(event, "type")
    entry = webhooks.member(event, "reject")
    mail = webhooks.member(event, "msg")
    metadata = webhooks.member(mail, "metadata")
    message_id, attempt = webhooks.ours(metadata)
    action = webhooks.word(event, "action")
    provider_message_id = webhooks.word(event, "_id")
    recipient = webhooks.word(mail, "email", 320) or webhooks.word(entry, "email", 320)
    if name in _DENYLISTS:
        kind = ClaimKind.ACCOUNT_NOTICE if action == "remove" else ClaimKind.SUPPRESSED
    elif name in _ALLOWLISTS:
        kind = ClaimKind.ACCOUNT_NOTICE
    else:
        kind = _EVENTS.get(name or "", ClaimKind.UNKNOWN)
    at = event.get("ts")
    seconds = at if isinstance(at, int | float) and not isinstance(at, bool) else 0
    return Claim(
        provider=verified.provider,
        # Events have no id. These fields tell two events of a message apart; the list of earlier
        # opens, which grows from one webhook to the next, is not among them.
        claim_id=webhooks.digest(
            name,
            action,
            provider_message_id,
            recipient,
            at,
            *(event.get(field) for field in ("url", "ip", "user_agent")),
        ),
        kind=kind,
        provider_message_id=provider_message_id,
        message_id=message_id,
        recipient=recipient,
        at=webhooks.instant(seconds * 1_000_000),
        detail=webhooks.described(
            (
                action,
                entry.get("reason"),
                mail.get("bounce_description"),
                mail.get("diag"),
            )
        ),
        authenticated=verified.authenticated,
        attempt=attempt,
    )

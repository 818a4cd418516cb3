"""The adapter for Postmark: its e-mail API and its modular webhooks.

Options: ``message_stream``, ``track_opens`` and ``track_links`` ("true" or "false"; secret mail is
never tracked), ``webhook_header``, ``max_size``. Postmark signs nothing: its webhooks carry a
shared secret, in a custom header named by ``webhook_header`` or as HTTP basic authentication
(``user:password``). Its API writes the header from who gets the mail: others that a submitted mail
shows are not shown there, and an invitation goes as a file.

Formats: https://postmarkapp.com/developer/api/email-api, .../api/overview (error codes) and
https://postmarkapp.com/developer/webhooks/webhooks-overview.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import urlencode

import msgspec

from . import outgoing, replies, webhooks
from .allowance import Allowance
from .message import Address, Attachment, OutgoingMessage
from .mime import header_value, mailbox, message_id
from .types import (
    ID_KEY,
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

DEFAULT_BASE_URL: Final = "https://api.postmarkapp.com"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_MESSAGE: Final = "00000000-0000-0000-0000-000000000000"

# ``ErrorCode`` of a refusal, whatever the HTTP status with it (422 for nearly all).
_ERRORS: Final = {
    10: (OutcomeKind.UNAUTHORISED, "bad or missing token"),
    100: (OutcomeKind.UNAVAILABLE, "maintenance"),
    101: (OutcomeKind.UNAVAILABLE, "internal error"),
    300: (OutcomeKind.REJECTED, "invalid email request"),
    400: (OutcomeKind.SENDER_REFUSED, "sender signature not found"),
    401: (OutcomeKind.SENDER_REFUSED, "sender signature not confirmed"),
    402: (OutcomeKind.UNAVAILABLE, "invalid JSON"),
    403: (OutcomeKind.REJECTED, "incompatible JSON"),
    405: (OutcomeKind.SUSPENDED, "not allowed to send"),
    406: (OutcomeKind.SUPPRESSED_THERE, "inactive recipient"),
    409: (OutcomeKind.UNAVAILABLE, "JSON required"),
    411: (OutcomeKind.SUPPRESSED_THERE, "forbidden attachment type"),
    412: (OutcomeKind.SUSPENDED, "account is pending"),
    413: (OutcomeKind.SUSPENDED, "account may not send"),
    422: (OutcomeKind.UNAUTHORISED, "invalid server or account"),
    429: (OutcomeKind.THROTTLED, "rate limit exceeded"),
    1235: (OutcomeKind.UNAUTHORISED, "no such message stream"),
    1236: (OutcomeKind.UNAUTHORISED, "message stream does not send"),
    1480: (OutcomeKind.UNAUTHORISED, "not from this network"),
}
# A 200 can still mean that the one recipient gets nothing.
_NOT_DELIVERED: Final = re.compile(r"will not deliver", re.IGNORECASE)
_TEST_TOKEN: Final = re.compile(r"\btest job accepted\b", re.IGNORECASE)

_RECORDS: Final = {
    "Delivery": ClaimKind.DELIVERED,
    "Open": ClaimKind.OPENED,
    "Click": ClaimKind.CLICKED,
    "SpamComplaint": ClaimKind.COMPLAINED,
}
# ``Type`` of a bounce record; https://postmarkapp.com/developer/api/bounce-api#bounce-types.
_BOUNCES: Final = {
    "HardBounce": ClaimKind.BOUNCED,
    "VirusNotification": ClaimKind.BOUNCED,
    "SoftBounce": ClaimKind.SOFT_BOUNCED,
    "Transient": ClaimKind.DEFERRED,
    "DnsError": ClaimKind.DEFERRED,
    "OpenRelayTest": ClaimKind.DEFERRED,
    "SpamNotification": ClaimKind.COMPLAINED,
    "SpamComplaint": ClaimKind.COMPLAINED,
    "Unsubscribe": ClaimKind.UNSUBSCRIBED,
    "BadEmailAddress": ClaimKind.REJECTED,
    "Blocked": ClaimKind.REJECTED,
    "DMARCPolicy": ClaimKind.REJECTED,
    "Unconfirmed": ClaimKind.REJECTED,
    "TemplateRenderingFailed": ClaimKind.REJECTED,
    # Their SMTP endpoint has said 250 by then: only this tells that the account may not send.
    "SMTPApiError": ClaimKind.REJECTED,
    "ManuallyDeactivated": ClaimKind.SUPPRESSED,
}
# Endings that they refuse: https://postmarkapp.com/developer/user-guide/send-email-with-api.
_FORBIDDEN: Final = frozenset(
    {
        *("bat", "bin", "chm", "com", "cpl", "crt", "exe", "hlp", "hta", "inf", "ins", "isp"),
        *("jse", "lnk", "mdb", "msc", "msi", "msp", "mst", "pcd", "pif", "reg", "scr", "sct"),
        *("shs", "vba", "vbe", "vbs", "wsf", "wsh", "wsl"),
    }
)
_INSTANTS: Final = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


class Postmark:
    """See the module."""

    kind: ClassVar[str] = "postmark"
    capabilities: ClassVar[Capabilities] = Capabilities(
        idempotency_key=False,
        search_by_our_id=True,  # GET /messages/outbound?metadata_mailkeep_id=
        webhook_auth="shared_secret",
        reports_deliveries=True,
        tracking_off="message",
        # https://postmarkapp.com/support/article/1056: 10 MB after base64.
        max_size=10 * 1024 * 1024,
        max_recipients=50,
        forbidden=_FORBIDDEN,
        # https://postmarkapp.com/support/article/1289: unless the account pays for another time.
        keeps_days=45,
        # The return path pm_bounces@pm.mtasv.net and its signature; tracked links and openings.
        marks=("pm.mtasv.net", ".pstmrk.it"),
        options=("message_stream", "track_opens", "track_links", "webhook_header"),
    )

    def build(self, config: ProviderConfig, message: OutgoingMessage) -> HttpRequest:
        """``POST /email``; see `Provider.build`."""
        outgoing.check(message)
        options = config.options
        headers = {
            **outgoing.our_headers(message),
            "Message-ID": message_id(message),
            "X-PM-KeepID": "true",  # else Postmark writes its own
        }
        track_links = not message.secret and outgoing.flag(options, "track_links")
        body: dict[str, object] = {
            "From": mailbox(message.sender),
            "To": _people((message.to, *message.more_to)),
            "Subject": message.subject,
            "Headers": [{"Name": k, "Value": header_value(v)} for k, v in headers.items()],
            # Both said every time: the server's own default may be to track.
            "TrackOpens": not message.secret and outgoing.flag(options, "track_opens"),
            "TrackLinks": "HtmlAndText" if track_links else "None",
            "Metadata": outgoing.metadata(message, fields=10, key=20, value=80),
        }
        for name, people in (("Cc", message.cc), ("Bcc", message.bcc)):
            if people:
                body[name] = _people(people)
        if message.attachments:
            body["Attachments"] = [_attachment(one) for one in message.attachments]
        if message.reply_to is not None:
            body["ReplyTo"] = mailbox(message.reply_to)
        if message.text is not None:
            body["TextBody"] = message.text
        if message.html is not None:
            body["HtmlBody"] = message.html
        if message.tags:
            body["Tag"] = message.tags[0]  # one only
        if stream := outgoing.option(options, "message_stream"):
            body["MessageStream"] = stream
        request_headers = {"Content-Type": "application/json", **_headers(config)}
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, "/email")
        return HttpRequest("POST", url, request_headers, msgspec.json.encode(body))

    def read(self, reply: Reply, to: Sequence[str] = ()) -> Outcome:
        """Read ``{To, SubmittedAt, MessageID, ErrorCode, Message}``."""
        if isinstance(reply, TransportFailure):
            return replies.of_transport(reply)
        if isinstance(reply, SmtpReply):
            return replies.of_wrong_protocol(reply)
        body = replies.body_of(reply)
        if not isinstance(body, dict):
            return replies.of_status(reply)
        code = body.get("ErrorCode")
        accepted = 200 <= reply.status < 300
        # Seen without an ErrorCode when they say that delivery may be delayed.
        if accepted and (code is None or code == 0):
            return _read_accepted(reply, body, to)
        if not isinstance(code, int) or isinstance(code, bool) or code == 0:
            return replies.of_status(reply)
        if code in _ERRORS:
            kind, words = _ERRORS[code]
        elif reply.status == 422 or accepted:
            # Documented as "something with the message isn't quite right".
            kind, words = OutcomeKind.REJECTED, "refused"
        else:
            kind, words = replies.of_status(reply).kind, "refused"
        if reply.status == 429:
            kind = OutcomeKind.THROTTLED
        shown = code if 0 < code < 100_000 else 0
        return replies.outcome(kind, reply, f"error {shown}, {words}")

    def ask(self, config: ProviderConfig, message_id: str) -> HttpRequest:
        """``GET /messages/outbound`` by the metadata that every mail of ours carries."""
        query = urlencode({"count": 1, "offset": 0, f"metadata_{ID_KEY}": message_id})
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, "/messages/outbound")
        return HttpRequest("GET", f"{url}?{query}", _headers(config), b"")

    def answered(self, reply: Reply) -> bool | None:
        """Read ``{TotalCount, Messages}``."""
        if not isinstance(reply, HttpReply) or reply.status != 200:
            return None
        body = replies.body_of(reply)
        count = body.get("TotalCount") if isinstance(body, dict) else None
        return count > 0 if isinstance(count, int) and not isinstance(count, bool) else None

    def ask_allowance(self, config: ProviderConfig) -> HttpRequest:
        """``GET /server``; see `allowance.Tells`. Postmark has no quota that its API would tell."""
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, "/server")
        return HttpRequest("GET", url, _headers(config), b"")

    def allowance(self, reply: Reply) -> Allowance | None:
        """Read ``{DeliveryType}``: a server in the sandbox delivers nothing."""
        body = replies.body_of(reply) if isinstance(reply, HttpReply) else None
        if not isinstance(reply, HttpReply) or reply.status != 200 or not isinstance(body, dict):
            return None
        return Allowance(sends=body.get("DeliveryType") != "Sandbox")

    def ask_volume(self, config: ProviderConfig) -> HttpRequest:
        """``GET /stats/outbound``, of our message stream; see `volume.Counts`."""
        stream = outgoing.option(config.options, "message_stream") or "outbound"
        path = "/stats/outbound?" + urlencode({"messagestream": stream})
        url = outgoing.endpoint(config, DEFAULT_BASE_URL, path)
        return HttpRequest("GET", url, _headers(config), b"")

    def volume(self, reply: Reply) -> int | None:
        """Read ``{Sent}``."""
        return counted(reply, "Sent")

    def verify(self, config: ProviderConfig, request: WebhookRequest) -> VerifiedRequest:
        """Check the shared secret. It covers no body: who learns it can write anything."""
        body = webhooks.bounded(request, self.capabilities.max_webhook)
        expected = webhooks.webhook_key(config)
        return VerifiedRequest.prove(
            config,
            request,
            presented=webhooks.shared_secret(config, request),
            expected=expected,
            payload=body,
            authenticated="shared_secret",
        )

    def parse(self, config: ProviderConfig, verified: VerifiedRequest) -> list[Claim]:
        """Read one event, of any record type; inbound mail is not read here."""
        event = webhooks.payload_of(config, verified)
        return webhooks.claims(verified, [event], 1, _claim)


def _people(people: Sequence[Address]) -> str:
    return ", ".join(map(mailbox, people))


def _attachment(one: Attachment) -> dict[str, str]:
    fields = {
        "Name": one.filename,
        "Content": base64.b64encode(one.content).decode(),
        "ContentType": one.content_type,
    }
    if one.content_id:
        fields["ContentID"] = f"cid:{one.content_id}"
    return fields


def _headers(config: ProviderConfig) -> dict[str, str]:
    return {
        "Accept": "application/json",
        "User-Agent": "Mailkeep",
        "X-Postmark-Server-Token": outgoing.key_of(config.secret),
    }


def _read_accepted(reply: HttpReply, body: dict[str, object], to: Sequence[str]) -> Outcome:
    text = body.get("Message")
    text = text[:500] if isinstance(text, str) else ""
    message = replies.identifier(body.get("MessageID"))
    left_out, copies = _not_delivered(text, to)
    if left_out:
        suppressed = OutcomeKind.SUPPRESSED_THERE
        said = replies.outcome(suppressed, reply, "inactive recipient")
        # It took the mail for the others, so they need not get it twice.
        return msgspec.structs.replace(said, copies=copies)
    if _TEST_TOKEN.search(text):
        return replies.outcome(OutcomeKind.UNAUTHORISED, reply, "a test token; nothing is sent")
    if message is None:
        return replies.outcome(OutcomeKind.AMBIGUOUS, reply, "accepted without an id")
    taken = replies.outcome(OutcomeKind.ACCEPTED, reply, "accepted", provider_message_id=message)
    return replies.with_copies(taken, copies)


def _not_delivered(text: str, to: Sequence[str]) -> tuple[bool, tuple[OfCopy, ...]]:
    """(whether they hold back the one recipient's mail, or it is unclear whose; the copies)."""
    found = _NOT_DELIVERED.search(text)
    if found is None:
        return False, ()
    # ... to these inactive addresses: one, another.
    listed = text[found.end() :].rpartition(":")[2]
    named = {one.strip(" .").lower() for one in listed.split(",")}
    if not any(one.lower() in named for one in to):
        return True, ()
    out, taken = OutcomeKind.SUPPRESSED_THERE, OutcomeKind.ACCEPTED
    copies = tuple(OfCopy(one, out if one.lower() in named else taken) for one in to[1:])
    return to[0].lower() in named, copies


def _claim(verified: VerifiedRequest, event: dict[str, object]) -> Claim:
    record = webhooks.word(event, "RecordType")
    # Message ids are UUIDs; changes made by hand name no message, and say so in two ways.
    provider_message_id = webhooks.word(event, "MessageID")
    if provider_message_id == _NO_MESSAGE:
        provider_message_id = None
    recipient = webhooks.word(event, "Email", 320) or webhooks.word(event, "Recipient", 320)
    message, attempt = webhooks.ours(webhooks.member(event, "Metadata"))
    at = next((event[name] for name in _INSTANTS if event.get(name)), None)
    return Claim(
        provider=verified.provider,
        claim_id=_claim_id(event, record, provider_message_id, recipient, at),
        kind=_kind(event, record),
        provider_message_id=provider_message_id,
        message_id=message,
        recipient=recipient,
        at=_instant(at),
        detail=webhooks.described(
            event.get(name)
            for name in ("Type", "SuppressionReason", "Origin", "Description", "Details")
        ),
        authenticated=verified.authenticated,
        attempt=attempt,
    )


def _kind(event: dict[str, object], record: str | None) -> ClaimKind:
    if record == "Bounce":
        return _BOUNCES.get(webhooks.word(event, "Type") or "", ClaimKind.UNKNOWN)
    if record == "SubscriptionChange":
        return _list_change(event)
    return _RECORDS.get(record or "", ClaimKind.UNKNOWN)


def _list_change(event: dict[str, object]) -> ClaimKind:
    """A change of their suppression list, which is how broadcast streams tell of bounces at all.

    Entered by hand and not by the recipient, it is neither a bounce nor an unsubscribe: whoever
    holds the account can silence a customer so, and it must not look like the customer's wish.
    """
    if event.get("SuppressSending") is False:
        return ClaimKind.ACCOUNT_NOTICE
    reason = webhooks.word(event, "SuppressionReason")
    if reason == "HardBounce":
        return ClaimKind.BOUNCED
    if reason == "SpamComplaint":
        return ClaimKind.COMPLAINED
    if webhooks.word(event, "Origin") == "Recipient":
        return ClaimKind.UNSUBSCRIBED
    return ClaimKind.SUPPRESSED


def _claim_id(
    event: dict[str, object],
    record: str | None,
    message: str | None,
    recipient: str | None,
    at: object,
) -> str:
    bounce = event.get("ID")
    if isinstance(bounce, int) and not isinstance(bounce, bool) and 0 < bounce < 2**63:
        # Their numbers follow one another, and nothing is signed: whoever learns the secret could
        # tell of those that are to come, so that the true ones came second. Nobody guesses a mail.
        which = webhooks.digest(message, recipient)[:16]
        return f"{record if record in {'Bounce', 'SpamComplaint'} else 'Event'}:{bounce}:{which}"
    fields = ("OriginalLink", "SuppressionReason", "SuppressSending", "UserAgent")
    return webhooks.digest(record, message, recipient, at, *(event.get(name) for name in fields))


def _instant(value: object) -> int | None:
    """ISO 8601 with seven fraction digits and an offset, as Postmark writes it; UTC without one."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        since = at - _EPOCH
    except (ValueError, OverflowError):
        return None
    return webhooks.instant((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)

"""The provider port: what an adapter is given, what it returns, and the vocabulary for it.

Security: whatever holds a body, an address or a key keeps it out of its repr, and out of rich's.
"""

import enum
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, Protocol

import msgspec

from mailkeep.base.secret import Secret

from .errors import ForgedWebhook
from .message import OutgoingMessage, Quiet

ID_HEADER: Final = "X-Mailkeep-Id"  #: our message id, in every mail that leaves
ID_KEY: Final = "mailkeep_id"  #: the same in the provider's metadata, which webhooks give back
ATTEMPT_KEY: Final = "mailkeep_attempt"  #: the attempt's id, beside it
DETAIL_LIMIT: Final = 200  #: characters in ``Outcome.detail`` and ``Claim.detail``
MAX_REPLY: Final = 256 * 1024  #: bytes of a reply worth reading; a client may stop there
MAX_WEBHOOK: Final = 1024 * 1024  #: bytes of a webhook, unless a module's capabilities say more

WebhookAuth = Literal["signature", "shared_secret", "none"]


class ProviderConfig(msgspec.Struct, frozen=True):
    """One provider account as the operator set it up.

    ``name`` is the operator's word for the account, ``kind`` the module, ``party`` its owner in the
    trust graph. ``webhook_url`` is the public URL given to the provider; it is what it signs. Each
    module documents its ``options``; ``cleartext = "accepted"`` is one that all of them know.
    """

    name: str
    kind: str
    base_url: str
    secret: Secret
    webhook_secret: Secret | None
    webhook_url: str | None
    options: Mapping[str, str]
    party: str


class HttpRequest(Quiet, frozen=True):
    """One request to a provider's API. Redirects must not be followed: the key is in it."""

    _shown = ("method", "url")

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class SmtpRequest(Quiet, frozen=True):
    """One SMTP transaction. ``data`` has CRLF line ends and is not dot-stuffed yet.

    ``also``: recipients of copies; if one of them is refused, the transaction goes on without.
    """

    _shown = ("host", "port", "tls")

    host: str
    port: int
    tls: Literal["none", "starttls", "implicit"]
    username: str | None
    password: Secret | None
    mail_from: str
    rcpt_to: str
    data: bytes
    also: tuple[str, ...] = ()


class HttpReply(Quiet, frozen=True):
    """What the API answered. ``body`` may be cut after ``MAX_REPLY`` + 1 bytes."""

    _shown = ("status",)

    status: int
    headers: Mapping[str, str]
    body: bytes


class SmtpReply(Quiet, frozen=True):
    """The reply that ended the transaction, at whatever step; ``enhanced`` may be empty.

    ``refused``: recipients of copies that the relay refused, and its replies. ``about``: what it
    can be about. ``connection``: it came before TLS showed who says it; ``account``: before the
    mail was begun, over a connection as safe as the operator wants it.
    """

    _shown = ("code", "enhanced")

    code: int
    enhanced: str
    text: str
    refused: "tuple[tuple[str, SmtpReply], ...]" = ()
    about: Literal["connection", "account", "mail"] = "mail"


class TransportFailure(msgspec.Struct, frozen=True):
    """No reply. ``_after_send``: it failed after the whole message had been handed over.

    ``local``: this machine could not even try (no descriptors, no network), so no provider is at
    fault.
    """

    kind: Literal[
        "connect", "local", "timeout_before_send", "timeout_after_send", "reset_after_send", "tls"
    ]


Request = HttpRequest | SmtpRequest
Reply = HttpReply | SmtpReply | TransportFailure


class OutcomeKind(enum.StrEnum):
    """The result of one attempt. The four *refused* kinds are about the provider, not the mail."""

    ACCEPTED = "accepted"  #: the provider took the message; it says nothing about delivery
    DEFERRED = "deferred"  #: not now, for a reason about this message; worth another try later
    REJECTED = "rejected"  #: this message or this recipient is refused for good
    SUPPRESSED_THERE = "suppressed_there"  #: this provider's own list or rule holds it back
    SENDER_REFUSED = "sender_refused"  #: this provider does not let us send as this sender
    SUSPENDED = "suspended"  #: refused: our account there may not send, or has its mail held
    UNAUTHORISED = "unauthorised"  #: refused: our credential or set-up is not accepted there
    THROTTLED = "throttled"  #: refused: over a rate or quota of our account there
    UNAVAILABLE = "unavailable"  #: refused or unreachable: an outage there or on the way
    AMBIGUOUS = "ambiguous"  #: handed over, and no answer that tells; it may have been sent

    @property
    def blames_provider(self) -> bool:
        """True when it counts against the health of the provider, or of our account there.

        SENDER_REFUSED does not: else whoever may choose a sender could frame a provider.
        """
        return self in _BLAMES


_BLAMES: Final = frozenset(
    {
        OutcomeKind.SUSPENDED,
        OutcomeKind.UNAUTHORISED,
        OutcomeKind.THROTTLED,
        OutcomeKind.UNAVAILABLE,
        OutcomeKind.AMBIGUOUS,
    }
)


class OfCopy(Quiet, frozen=True):
    """The result for one recipient of a copy, where the provider reports it.

    ``email`` is as the request named it.
    """

    _shown = ("kind",)

    email: str
    kind: OutcomeKind


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended for the message's one recipient, as the provider tells it.

    ``detail`` is made of our words, known error names and numbers, never of the provider's free
    text: that quotes recipients. A ``provider_message_id`` on anything but ACCEPTED means that the
    provider keeps a copy, and may send it later. ``retry_after`` is in seconds, an hour at most.
    ``copies``: what is known of the others; one that is missing had the same fate.
    """

    kind: OutcomeKind
    detail: str
    provider_message_id: str | None = None
    retry_after: float | None = None
    copies: tuple[OfCopy, ...] = ()


class ClaimKind(enum.StrEnum):
    """What a provider says happened. A claim is never more than that."""

    SENT = "sent"  #: the provider has started to send it
    DELIVERED = "delivered"  #: the receiving server accepted it
    DEFERRED = "deferred"  #: the receiving server asked it to try again
    BOUNCED = "bounced"  #: the receiving server refused it for good
    SOFT_BOUNCED = "soft_bounced"  #: given up on this message; the address may still be good
    COMPLAINED = "complained"  #: reported as spam
    OPENED = "opened"  #: the tracking image was fetched, by a person or a scanner
    CLICKED = "clicked"  #: a rewritten link was followed, by a person or a scanner
    UNSUBSCRIBED = "unsubscribed"  #: the recipient asked this provider for no more mail
    REJECTED = "rejected"  #: the provider did not send it
    SUPPRESSED = "suppressed"  #: the address was put on the provider's list, by other than them
    ACCOUNT_NOTICE = "account_notice"  #: about our account or its lists, not about one mail
    UNKNOWN = "unknown"  #: a word we do not know, or one event of a batch that cannot be read


class WebhookRequest(Quiet, frozen=True):
    """A request to a webhook address. ``url`` is the public one; ``received_at`` is in µs."""

    _shown = ("received_at",)

    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int


class VerifiedRequest:
    """An authenticated webhook request. Only `prove` makes one.

    ``parse`` takes nothing else, so the type guarantees that nobody parses an unverified request:
    forged bounces could otherwise silence a customer's reset mail.
    """

    __slots__ = ("authenticated", "kind", "payload", "provider", "received_at")

    provider: str
    kind: str
    payload: bytes
    authenticated: WebhookAuth
    received_at: int

    def __init__(self) -> None:
        raise TypeError("a VerifiedRequest comes from VerifiedRequest.prove only")

    @classmethod
    def prove(
        cls,
        config: ProviderConfig,
        request: WebhookRequest,
        *,
        presented: bytes,
        expected: bytes,
        payload: bytes,
        authenticated: Literal["signature", "shared_secret"],
    ) -> "VerifiedRequest":
        """Compare what the request presents with what it must be, in constant time.

        Args:
            presented: proof taken from the request.
            expected: the proof computed or configured here; never empty.
            payload: what the proof covers, or comes with; all that ``parse`` will see.

        Raises:
            ForgedWebhook: they differ.
        """
        # Hashed first, so that the time does not tell the length of the expected secret either.
        same = hmac.compare_digest(
            hashlib.sha256(presented).digest(), hashlib.sha256(expected).digest()
        )
        if not same or not expected:
            raise ForgedWebhook("the webhook's proof does not match")
        self = object.__new__(cls)
        put = object.__setattr__
        put(self, "provider", config.name)
        put(self, "kind", config.kind)
        put(self, "payload", payload)
        put(self, "authenticated", authenticated)
        put(self, "received_at", request.received_at)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a VerifiedRequest does not change")


class Claim(Quiet, frozen=True):
    """One event as a provider tells it; to be deduplicated by (``provider``, ``claim_id``).

    ``message_id`` and ``attempt`` are ours, given back; None when the mail was never ours, or the
    provider does not say. ``detail`` is the provider's text with addresses, links and long codes
    taken out. ``at`` is by the provider's clock, in µs: it can lie.
    """

    _shown = ("provider", "kind", "claim_id", "message_id")

    provider: str
    claim_id: str
    kind: ClaimKind
    provider_message_id: str | None
    message_id: str | None
    recipient: str | None
    at: int | None
    detail: str
    authenticated: WebhookAuth
    attempt: str | None = None


class Capabilities(msgspec.Struct, frozen=True):
    """What a provider offers, for routing, health and the operator's pages.

    ``idempotency_key``: a repeated request is recognised. ``search_by_our_id``: it can be asked
    whether it has a message of ours. ``reports_deliveries``: its webhooks tell of acceptance by the
    receiving server. ``tracking_off``: "message" when a message can switch tracking off, "relay"
    when that is the relay's own affair. ``marks``: hosts that it puts into mail of ours by itself
    (return path, signature, tracking); one that begins with a dot stands for every host below it.
    ``options``: the names of its own options, beside those that every kind has
    (`registry.COMMON`). ``mark_options``: those of all that name further marks.
    ``max_size``: octets of a whole mail as it leaves, attachments in base64 (`outgoing.size`); an
    account's option ``max_size`` lowers it. ``max_recipients``: to, cc and bcc together.
    ``forbidden``: endings of attachments' names, in lower case, that it does not carry.
    ``keeps_days``: how long it shows what a mail contains, unless that option says; None: unknown.
    ``texts``: what it is given comes to telephones as text messages, and not to mailboxes.
    """

    idempotency_key: bool
    search_by_our_id: bool
    webhook_auth: WebhookAuth
    reports_deliveries: bool
    tracking_off: Literal["message", "relay"]
    max_webhook: int = MAX_WEBHOOK
    marks: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    mark_options: tuple[str, ...] = ()
    max_size: int = 25 * 1024 * 1024
    max_recipients: int = 50
    forbidden: frozenset[str] = frozenset()
    keeps_days: int | None = None
    texts: bool = False


class CannotBeAsked:
    """A base for providers whose API cannot say whether it has a message of ours."""

    def ask(self, config: ProviderConfig, message_id: str) -> Request | None:
        del config, message_id
        return None

    def answered(self, reply: Reply) -> bool | None:
        del reply
        return None


class Provider(Protocol):
    """The port. Stateless: every method is a function of its arguments."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def build(self, config: ProviderConfig, message: OutgoingMessage) -> Request:
        """Write the request that sends ``message``.

        Raises:
            UnbuildableMessage: it cannot be written safely (see `outgoing.check`).
            MisconfiguredProvider: ``config`` cannot be used.
        """
        ...

    def read(self, reply: Reply, to: Sequence[str] = ()) -> Outcome:
        """Say what came of it for the message's one recipient. Never raises.

        Args:
            to: the addresses that the request named, the one recipient first; empty for a mail
                without copies.
        """
        ...

    def ask(self, config: ProviderConfig, message_id: str) -> Request | None:
        """Write the request that asks whether it has a message of ours; None: one cannot ask.

        Raises:
            MisconfiguredProvider: ``config`` cannot be used.
        """
        ...

    def answered(self, reply: Reply) -> bool | None:
        """Say whether it has the message that was asked for; None: the reply does not tell.

        Never raises, whatever the reply holds.
        """
        ...

    def verify(self, config: ProviderConfig, request: WebhookRequest) -> VerifiedRequest:
        """Let a request through only if it proves to come from the provider.

        Raises:
            ForgedWebhook: it does not, or ``config`` has nothing to check it with.
        """
        ...

    def parse(self, config: ProviderConfig, verified: VerifiedRequest) -> list[Claim]:
        """Read the claims of a verified request; an unknown event is a claim of kind UNKNOWN.

        Raises:
            MalformedWebhook: it cannot be read, or is past a bound.
        """
        ...

"""The adapter for any SMTP relay, by submission (RFC 6409): builds MIME, reads replies (RFC 5321,
RFC 3463).

``base_url`` is ``smtp://host:587`` (STARTTLS) or ``smtps://host:465`` (TLS from the start, RFC
8314). Options: ``username``; ``starttls = "off"`` for a relay that has none; ``secret_headers``,
lines of ``Name: value`` that are added to secret mail only and switch a relay's tracking off
(``X-PM-TrackLinks: None``, ``X-Mailgun-Track: no``); ``max_size``, in octets;
``return_path_domain``, to which bounces come back (``mail/returns.py`` writes and reads their
addresses).

SMTP has no webhooks. A relay's 250 says little: some accept a mail that their own policy forbids
and drop it afterwards; believe end-to-end evidence only.

Security: a relay passes on what the receiver's server wrote, and whoever runs a receiver writes
what they like. So the text alone never blames the relay: it refuses this message at this relay, no
more. Only the relay's own codes say that our account or credential is bad, and not where another
host is quoted.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from mailkeep.base.secret import Secret

from . import mime, outgoing, replies
from .errors import ForgedWebhook, MalformedWebhook, MisconfiguredProvider
from .message import OutgoingMessage
from .types import (
    CannotBeAsked,
    Capabilities,
    Claim,
    HttpReply,
    OfCopy,
    Outcome,
    OutcomeKind,
    ProviderConfig,
    Reply,
    SmtpReply,
    SmtpRequest,
    TransportFailure,
    VerifiedRequest,
    WebhookRequest,
)

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
# "queued as 4XyZ", "OK id=1abc-0000-00", "Ok 0100018c-000000": the word before it tells.
_QUEUE_IDS: Final = tuple(
    re.compile(rf"{word}([A-Za-z0-9][A-Za-z0-9._@-]{{5,79}})(?![^\s>,;])", re.IGNORECASE)
    for word in (r"\bqueued as ", r"\bid=", r"\bok:? ")
)
_HEADER_LINE: Final = re.compile(r"(X-[A-Za-z0-9-]{1,70}): ([\x21-\x7e](?:[\x20-\x7e]{0,899}))")

# Free text is looked at only where the codes do not tell, and never blames the relay: a receiver
# may have written it.
_SUSPENDED: Final = re.compile(
    r"\bsending (has been |is )?(suspended|paused|disabled)\b"
    r"|\byour account\b.{0,60}\b(suspended|disabled|paused|blocked|locked|under review)\b",
    re.IGNORECASE,
)
_THROTTLED: Final = re.compile(
    r"\bthrottl|\b(rate|sending|message|daily|hourly) (limit|quota|rate)|too many (messages|mails)",
    re.IGNORECASE,
)
_RELAY_DENIED: Final = re.compile(
    r"\brelay|authentication (is )?(required|credentials)|client host|not authenticated",
    re.IGNORECASE,
)
# A reply that passes on what another server said (Postfix, Exim, Microsoft, qmail).
_QUOTES: Final = re.compile(
    r"\bhost [^\s]{1,255} said\b|\bremote[ _](mail[ _])?(server|host|mta)\b"
    r"|\b(said|responded|returned|replied|answered)( with)?:",
    re.IGNORECASE,
)
_SENDER: Final = re.compile(
    r"\bsender\b.{0,40}\b(reject|not (owned|allowed|verified|authori[sz]ed))"
    r"|\b(address|domain|identit(y|ies))\b.{0,30}\bnot verified"
    r"|permission.{0,20}send as",
    re.IGNORECASE,
)

_CROWDED: Final = re.compile(r"\btoo many\b|\bconcurrent\b", re.IGNORECASE)
# What a reply can mean that came before the mail; all else says that the relay is not to be had.
_EARLY: Final = {
    "connection": frozenset({OutcomeKind.THROTTLED}),
    "account": frozenset({OutcomeKind.THROTTLED, OutcomeKind.UNAUTHORISED, OutcomeKind.SUSPENDED}),
}

# RFC 3463, RFC 4954 section 6, RFC 5248, RFC 7372, RFC 7505, and the codes above 100 that
# Microsoft documents for outbound mail. Subject and detail; valid for class 4 and 5.
_BY_ENHANCED: Final = {
    (1, 7): OutcomeKind.SENDER_REFUSED,
    (1, 8): OutcomeKind.SENDER_REFUSED,
    (3, 0): OutcomeKind.UNAVAILABLE,
    (3, 1): OutcomeKind.UNAVAILABLE,
    (3, 2): OutcomeKind.UNAVAILABLE,
    (3, 5): OutcomeKind.UNAVAILABLE,
    (3, 4): OutcomeKind.SUPPRESSED_THERE,  # larger than this relay takes
    (4, 3): OutcomeKind.UNAVAILABLE,
    (4, 5): OutcomeKind.THROTTLED,
    (7, 8): OutcomeKind.UNAUTHORISED,
    (7, 9): OutcomeKind.UNAUTHORISED,
    (7, 10): OutcomeKind.UNAUTHORISED,
    (7, 11): OutcomeKind.UNAUTHORISED,
    (7, 12): OutcomeKind.UNAUTHORISED,
    (7, 13): OutcomeKind.SUSPENDED,
    (7, 14): OutcomeKind.UNAUTHORISED,
    (7, 20): OutcomeKind.SENDER_REFUSED,
    (7, 21): OutcomeKind.SENDER_REFUSED,
    (7, 22): OutcomeKind.SENDER_REFUSED,
    (7, 23): OutcomeKind.SENDER_REFUSED,
    (7, 25): OutcomeKind.UNAVAILABLE,
    (7, 26): OutcomeKind.SENDER_REFUSED,
    (7, 27): OutcomeKind.SENDER_REFUSED,
    (7, 28): OutcomeKind.THROTTLED,
    (7, 60): OutcomeKind.SENDER_REFUSED,
    (7, 501): OutcomeKind.SUSPENDED,
    (7, 502): OutcomeKind.SUSPENDED,
    (7, 503): OutcomeKind.SUSPENDED,
    (7, 705): OutcomeKind.SUSPENDED,
    (7, 708): OutcomeKind.SUSPENDED,
}
# RFC 5321 section 4.2.3, RFC 4954 and RFC 7504: codes that speak of the relay or of our set-up
# there, whatever enhanced code they carry ("530 5.5.1 Authentication Required" is common).
_BY_CODE: Final = {
    432: OutcomeKind.UNAUTHORISED,
    500: OutcomeKind.UNAVAILABLE,
    501: OutcomeKind.UNAVAILABLE,
    502: OutcomeKind.UNAVAILABLE,
    503: OutcomeKind.UNAVAILABLE,
    504: OutcomeKind.UNAVAILABLE,
    521: OutcomeKind.UNAVAILABLE,
    523: OutcomeKind.UNAUTHORISED,
    525: OutcomeKind.SUSPENDED,
    530: OutcomeKind.UNAUTHORISED,
    534: OutcomeKind.UNAUTHORISED,
    535: OutcomeKind.UNAUTHORISED,
    538: OutcomeKind.UNAUTHORISED,
    555: OutcomeKind.UNAVAILABLE,
}


class _Relay(NamedTuple):
    host: str
    port: int
    tls: Literal["none", "starttls", "implicit"]


class Smtp(CannotBeAsked):
    """See the module."""

    kind: ClassVar[str] = "smtp"
    capabilities: ClassVar[Capabilities] = Capabilities(
        idempotency_key=False,
        search_by_our_id=False,
        webhook_auth="none",
        reports_deliveries=False,
        tracking_off="relay",
        options=("username", "starttls", "secret_headers"),
        mark_options=("return_path_domain",),
        max_size=25
        * 1024
        * 1024,  # relays differ: the option ``max_size`` says what this one takes
        max_recipients=100,  # RFC 5321 section 4.5.3.1.8: as many as every relay takes
    )

    def build(self, config: ProviderConfig, message: OutgoingMessage) -> SmtpRequest:
        """One transaction to the recipient and those who get a copy; see `Provider.build`.

        Without TLS, and not to this machine, neither the password nor secret mail leaves, unless
        the operator wrote ``cleartext = "accepted"``.
        """
        outgoing.check(message)
        relay = _relay(config.base_url, config.options.get("starttls") != "off")
        username = outgoing.option(config.options, "username")
        password: Secret | None = None
        if username is not None:
            outgoing.key_of(config.secret)
            password = config.secret
        if (
            relay.tls == "none"
            and not outgoing.is_loopback(relay.host)
            and (password is not None or message.secret)
            and config.options.get("cleartext") != "accepted"
        ):
            raise MisconfiguredProvider("the relay has no TLS", field="base_url")
        extra = _secret_headers(config.options.get("secret_headers", "")) if message.secret else ()
        sender = message.sender.email if message.return_path is None else message.return_path
        return SmtpRequest(
            host=relay.host,
            port=relay.port,
            tls=relay.tls,
            username=username,
            password=password,
            mail_from=sender,
            rcpt_to=message.to.email,
            also=tuple(one.email for one in message.recipients()[1:]),
            data=mime.write(message, extra),
        )

    def read(self, reply: Reply, to: Sequence[str] = ()) -> Outcome:
        """Read the reply that ended the transaction, at whatever step it came."""
        if isinstance(reply, TransportFailure):
            return replies.of_transport(reply)
        if isinstance(reply, HttpReply):
            return replies.of_wrong_protocol(reply)
        kind, enhanced = _said(reply)
        shown = [str(reply.code if 0 < reply.code < 1000 else 0)]
        if enhanced is not None:
            shown.append(enhanced[0])
        queue_id = None
        if kind is OutcomeKind.ACCEPTED:
            found = (pattern.search(reply.text[:1000]) for pattern in _QUEUE_IDS)
            queue_id = next((match[1] for match in found if match), None)
        said = Outcome(
            kind,
            f"SMTP {' '.join(shown)}: {kind.value.replace('_', ' ')}",
            provider_message_id=queue_id,
        )
        if kind is not OutcomeKind.ACCEPTED:
            return said  # nobody got it
        # The relay says of each recipient by itself whether it takes it.
        refused = {email: _said(one)[0] for email, one in reply.refused}
        everybody = dict.fromkeys(to[1:], OutcomeKind.ACCEPTED) | refused
        return replies.with_copies(said, [OfCopy(*one) for one in everybody.items()])

    def verify(self, config: ProviderConfig, request: WebhookRequest) -> VerifiedRequest:
        """Refuse: an SMTP relay has no webhooks, so whatever comes as one is forged."""
        del request  # nothing in it could make it genuine
        raise ForgedWebhook(f"{config.name} is an SMTP relay, which sends no webhooks")

    def parse(self, config: ProviderConfig, verified: VerifiedRequest) -> list[Claim]:
        """Refuse: see `verify`."""
        del verified
        raise MalformedWebhook(f"{config.name} is an SMTP relay, which sends no webhooks")


def _said(reply: SmtpReply) -> tuple[OutcomeKind, re.Match[str] | None]:
    """(what a reply means, its enhanced code)."""
    text = reply.text[:1000]
    enhanced = _ENHANCED.match(reply.enhanced) or _ENHANCED.match(text)
    kind = _kind(reply.code, enhanced, text)
    may = _EARLY.get(reply.about)
    if may is not None and kind not in may:
        crowded = 400 <= reply.code < 500 and _CROWDED.search(text)
        kind = OutcomeKind.THROTTLED if crowded else OutcomeKind.UNAVAILABLE
    return kind, enhanced


def _kind(code: int, enhanced: re.Match[str] | None, text: str) -> OutcomeKind:
    # RFC 5321 section 4.1.1.4: only 250 ends DATA well. Another success, out of its place, tells
    # nothing about the message.
    if code == 250:
        return OutcomeKind.ACCEPTED
    if not 400 <= code <= 599:
        return OutcomeKind.AMBIGUOUS
    subject, detail = (int(enhanced[2]), int(enhanced[3])) if enhanced else (0, 0)
    known = _BY_ENHANCED.get((subject, detail))
    if code in _BY_CODE and subject != 1:  # 501 5.1.3 is about an address, not about our commands
        known = _BY_CODE[code]
    if known is not None and not (known.blames_provider and _QUOTES.search(text)):
        return known
    # A mailbox's own state (X.1, X.2) is never ours, though its text may say "disabled" or "quota".
    if subject not in {1, 2}:
        by_text = _by_text(code, text)
        if by_text is not None:
            return by_text
    if code < 500:
        # RFC 4954 section 6: 454 is a failure of the relay's own authentication.
        own = code == 454 and not _QUOTES.search(text)
        return OutcomeKind.UNAVAILABLE if own else OutcomeKind.DEFERRED
    # X.5: the relay does not take our commands, which says nothing about the message.
    own = subject == 5 and not _QUOTES.search(text)
    return OutcomeKind.UNAVAILABLE if own else OutcomeKind.REJECTED


def _by_text(code: int, text: str) -> OutcomeKind | None:
    if code < 500:
        # SES says so with 454, which no receiver has a use for (RFC 4954 section 6).
        throttled = code == 454 and _THROTTLED.search(text) and not _QUOTES.search(text)
        return OutcomeKind.THROTTLED if throttled else None
    if _SENDER.search(text):
        return OutcomeKind.SENDER_REFUSED
    if any(one.search(text) for one in (_SUSPENDED, _THROTTLED, _RELAY_DENIED)):
        return OutcomeKind.SUPPRESSED_THERE
    return None


@lru_cache(maxsize=64)
def _relay(base_url: str, starttls: bool) -> _Relay:
    try:
        url = urlsplit(base_url)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise MisconfiguredProvider("base_url is not a URL", field="base_url") from error
    if url.scheme not in {"smtp", "smtps"} or not host or "@" in url.netloc:
        raise MisconfiguredProvider(
            "base_url must be smtp(s)://host:port, without user", field="base_url"
        )
    if url.path.strip("/") or url.query or url.fragment:
        raise MisconfiguredProvider("base_url has more than host and port", field="base_url")
    if url.scheme == "smtps":
        return _Relay(host, port or 465, "implicit")
    return _Relay(host, port or 587, "starttls" if starttls else "none")


@lru_cache(maxsize=16)
def _secret_headers(lines: str) -> tuple[tuple[str, str], ...]:
    headers = []
    for line in lines.split("\n"):
        if not line.strip():
            continue
        match = _HEADER_LINE.fullmatch(line.strip())
        if match is None or match[1].lower().startswith("x-mailkeep-"):
            raise MisconfiguredProvider(
                "secret_headers are lines of X-Name: value", field="options.secret_headers"
            )
        headers.append((match[1], match[2]))
    return tuple(headers)

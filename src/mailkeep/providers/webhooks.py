"""Shared parsing of webhooks: authentication, bounds, and fields out of hostile JSON.

In a body with several events a bad event spoils only itself, and comes out as a claim of kind
UNKNOWN. Otherwise whoever can get one odd event into a batch (a mail sent with a stolen key, a
strange reply of a receiving server) could blind us to the thousand beside it.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from .errors import ForgedWebhook, MalformedWebhook
from .replies import NotJson, header, strict_json
from .types import (
    ATTEMPT_KEY,
    DETAIL_LIMIT,
    ID_KEY,
    Claim,
    ClaimKind,
    ProviderConfig,
    VerifiedRequest,
    WebhookRequest,
)

_LAST_INSTANT: Final = 4_102_444_800 * 1_000_000  # the year 2100
_OURS: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Each begins where a word does, and gives nothing back: a long word, in each of a thousand events,
# would else hold up everybody's mail for seconds.
_ADDRESS: Final = re.compile(r"(?<![^\s<>\"',;:@])[^\s<>\"',;:@]++@[^\s<>\"',;:@]+")
_LINK: Final = re.compile(r"(?<![a-z0-9+.-])[a-z0-9+.-]*+://\S+", re.IGNORECASE)
_CODE: Final = re.compile(r"\d{5,}|[A-Za-z0-9_+/=-]{20,}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class EventFault(Exception):
    """This event cannot be read; the others of its body may be."""


def bounded(request: WebhookRequest, limit: int) -> bytes:
    """The body, if it is within ``limit`` bytes: nothing larger is worth checking a proof of.

    Raises:
        ForgedWebhook: it is larger.
    """
    if len(request.body) > limit:
        raise ForgedWebhook("the webhook is too large")
    return request.body


def shared_secret(config: ProviderConfig, request: WebhookRequest) -> bytes:
    """What the request presents as shared secret: one custom header, or HTTP basic authentication.

    The header is the one named by the option ``webhook_header``; without it the webhook secret is
    ``user:password`` (RFC 7617). Empty when the request presents nothing.
    """
    name = config.options.get("webhook_header")
    if name:
        value = header(request.headers, name.lower()) or ""
        return value.encode("utf-8", "replace")
    scheme, _, credentials = (header(request.headers, "authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def webhook_key(config: ProviderConfig) -> bytes:
    """The configured webhook secret.

    Raises:
        ForgedWebhook: there is none: without it every request would be believed.
    """
    key = config.webhook_secret.reveal() if config.webhook_secret is not None else ""
    if not key:
        raise ForgedWebhook("no webhook secret is configured")
    return key.encode("utf-8", "replace")


def payload_of(config: ProviderConfig, verified: VerifiedRequest) -> object:
    """The JSON value of a verified request.

    Raises:
        MalformedWebhook: it was verified for another provider, or is not strict JSON.
    """
    if (verified.provider, verified.kind) != (config.name, config.kind):
        raise MalformedWebhook("the webhook was verified for another provider")
    try:
        return strict_json(verified.payload)
    except NotJson as error:
        raise MalformedWebhook("the webhook is not strict JSON") from error


def claims(
    verified: VerifiedRequest,
    events: list[object],
    limit: int,
    read: Callable[[VerifiedRequest, dict[str, object]], Claim],
) -> list[Claim]:
    """One claim an event, in their order.

    Args:
        events: as they came; anything in it.
        limit: how many events the provider documents at most.
        read: makes the claim of one event; raises `EventFault` when it cannot.

    Raises:
        MalformedWebhook: more events than ``limit``, or none of them can be read.
    """
    if len(events) > limit:
        raise MalformedWebhook("the webhook has more events than the provider documents")
    found, faults = [], 0
    for event in events:
        try:
            if not isinstance(event, dict):
                raise EventFault("not an object")
            found.append(read(verified, event))
        except EventFault as fault:
            faults += 1
            found.append(_faulty(verified, event, str(fault)))
    if events and faults == len(events):
        raise MalformedWebhook("no event of the webhook can be read")
    return found


def _faulty(verified: VerifiedRequest, event: object, why: str) -> Claim:
    try:
        seen = json.dumps(event, sort_keys=True)
    except RecursionError:
        seen = "nested too deep"
    return Claim(
        provider=verified.provider,
        claim_id=digest("fault", seen),
        kind=ClaimKind.UNKNOWN,
        provider_message_id=None,
        message_id=None,
        recipient=None,
        at=None,
        detail=f"unreadable event: {why}",
        authenticated=verified.authenticated,
    )


def digest(*parts: object) -> str:
    """A claim id for a provider that gives its events none: the same parts, the same id."""
    # Only flat values count: what is nested is hostile here, and could be nested without end.
    flat = [p if isinstance(p, str | int | float) else type(p).__name__ for p in parts]
    text = json.dumps(flat)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def member(event: Mapping[str, object], name: str) -> dict[str, object]:
    """A nested object; absent, null or an empty array (PHP's empty object) is an empty one.

    Raises:
        EventFault: anything else.
    """
    value = event.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise EventFault(f"{name} is not an object")
    return value


def word(event: Mapping[str, object], name: str, limit: int = 200) -> str | None:
    """A name or id; absent, null and "" are None.

    Raises:
        EventFault: not a text, too long, or with a control character or lone surrogate in it.
    """
    value = event.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > limit or _UNPRINTABLE.search(value):
        raise EventFault(f"{name} is not a short text")
    return value


def ours(metadata: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Our message and attempt ids out of the metadata; what we cannot have written is None."""
    return _our(metadata.get(ID_KEY)), _our(metadata.get(ATTEMPT_KEY))


def _our(value: object) -> str | None:
    return value if isinstance(value, str) and _OURS.fullmatch(value) else None


def instant(micros: float) -> int | None:
    """An instant within reason (1970 to 2100), or None."""
    return int(micros) if 0 < micros < _LAST_INSTANT else None


def described(texts: Iterable[object]) -> str:
    """The provider's words for a person to read, without addresses, links, codes and controls.

    A receiving server's reply is free text that a stranger writes: it may quote the recipient, or
    the link and code of the very mail that it refuses.
    """
    text = "; ".join(value[:1000] for value in texts if isinstance(value, str) and value)
    text = _UNPRINTABLE.sub(" ", text)
    text = _LINK.sub("<link>", text)
    text = _ADDRESS.sub("<address>", text)
    text = _CODE.sub("<code>", text)
    return text[:DETAIL_LIMIT]

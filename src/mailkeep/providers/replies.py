"""Shared parsing of API replies: strict JSON, plain HTTP statuses, ``Retry-After``.

Security: reads what a provider, or whoever stands in its place, sends back. Nothing here raises,
and nothing of a body gets into a detail.
"""

import json
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

import msgspec

from .types import (
    MAX_REPLY,
    HttpReply,
    OfCopy,
    Outcome,
    OutcomeKind,
    SmtpReply,
    TransportFailure,
)

_LONGEST_WAIT: Final = 3600.0
_ID_LIMIT: Final = 200

_TRANSPORT: Final = {
    "connect": (OutcomeKind.UNAVAILABLE, "no connection"),
    "local": (OutcomeKind.DEFERRED, "this machine could not connect to anybody"),
    "tls": (OutcomeKind.UNAVAILABLE, "no TLS, or a certificate that is not trusted"),
    "timeout_before_send": (
        OutcomeKind.UNAVAILABLE,
        "timed out before the message was handed over",
    ),
    "timeout_after_send": (OutcomeKind.AMBIGUOUS, "timed out after the message was handed over"),
    "reset_after_send": (
        OutcomeKind.AMBIGUOUS,
        "connection lost after the message was handed over",
    ),
}

# RFC 9110 section 15, as far as a status tells without its body. A 500 names no half-done work and
# Postmark documents the message as lost; behind a 504 the work may have been done all the same.
_STATUS: Final = {
    401: (OutcomeKind.UNAUTHORISED, "credential not accepted"),
    402: (OutcomeKind.SUSPENDED, "payment required"),
    413: (OutcomeKind.SUPPRESSED_THERE, "message too large for it"),
    429: (OutcomeKind.THROTTLED, "too many requests"),
    504: (OutcomeKind.AMBIGUOUS, "gateway timed out"),
}


class NotJson(ValueError):
    """Octets that are not JSON, or JSON that two readers could take for two things."""


def of_transport(failure: TransportFailure) -> Outcome:
    """No reply at all: before the message was handed over an outage, after it nobody knows."""
    kind, detail = _TRANSPORT.get(failure.kind, (OutcomeKind.AMBIGUOUS, "no reply"))
    return Outcome(kind, detail)


def of_wrong_protocol(reply: HttpReply | SmtpReply) -> Outcome:
    """An answer over a protocol that the module does not speak."""
    return Outcome(OutcomeKind.AMBIGUOUS, f"unexpected {type(reply).__name__}")


def of_status(reply: HttpReply) -> Outcome:
    """What the status alone tells, for a body that is not the provider's own format.

    An HTML error page, an empty, cut, huge or undecodable body is an outage; under a 2xx it is
    ambiguous: the status says yes, and nobody says what was accepted.
    """
    status = reply.status
    if status in _STATUS:
        kind, words = _STATUS[status]
    elif 300 <= status < 600:
        kind, words = OutcomeKind.UNAVAILABLE, "no answer in the provider's format"
    else:
        kind, words = OutcomeKind.AMBIGUOUS, "no answer in the provider's format"
    return outcome(kind, reply, words)


def outcome(
    kind: OutcomeKind, reply: HttpReply, words: str, *, provider_message_id: str | None = None
) -> Outcome:
    """An outcome whose detail names the status, with the wait that the provider asks for."""
    status = reply.status if 100 <= reply.status <= 999 else 0
    return Outcome(
        kind,
        f"HTTP {status}: {words}",
        provider_message_id=provider_message_id,
        retry_after=None if kind is OutcomeKind.ACCEPTED else retry_after(reply.headers),
    )


def with_copies(said: Outcome, copies: Sequence[OfCopy]) -> Outcome:
    """The same outcome, which also says what came of the copies."""
    refused = sum(one.kind is not OutcomeKind.ACCEPTED for one in copies)
    detail = f"{said.detail}; {refused} of the copies refused" if refused else said.detail
    return msgspec.structs.replace(said, detail=detail, copies=tuple(copies))


def lower(value: object) -> str | None:
    """A text in lower case; None for anything else."""
    return value.lower() if isinstance(value, str) else None


def body_of(reply: HttpReply) -> object:
    """The JSON value in a reply, or None where there is none that can be trusted."""
    if len(reply.body) > MAX_REPLY:
        return None
    try:
        return strict_json(reply.body)
    except NotJson:
        return None


def strict_json(data: bytes) -> object:
    """Decode JSON with one meaning only (RFC 8259, I-JSON of RFC 7493 section 2.3).

    A key given twice is refused: two readers would take different values, so a reply could be
    accepted here and refused by whoever looks at the log.

    Raises:
        NotJson: not UTF-8, not JSON, a repeated key, NaN or Infinity, a number of thousands of
            digits, or nesting deeper than the interpreter's stack.
    """
    try:
        return json.loads(
            data.decode(), object_pairs_hook=_unrepeated, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise NotJson("not strict JSON") from error


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("repeated key")
    return value


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a JSON number")


def identifier(value: object) -> str | None:
    """A provider's id for a message: visible ASCII, bounded; anything else is none at all."""
    if not isinstance(value, str) or not 0 < len(value) <= _ID_LIMIT:
        return None
    return value if value.isascii() and value.isprintable() and " " not in value else None


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its name in lower case, whatever case the client kept."""
    found = headers.get(name)
    if found is not None:
        return found
    return next((value for key, value in headers.items() if key.lower() == name), None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait of RFC 9110 section 10.2.3 in seconds, an hour at most.

    A date is measured from the reply's own ``Date``, so that no clock is needed and a wrong one
    does no harm. The bound keeps a hostile provider from parking mail for good.
    """
    value = header(headers, "retry-after")
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    sent = header(headers, "date")
    if sent is None or len(sent) > 64:
        return None
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(sent)).total_seconds()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT)

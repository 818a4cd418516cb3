"""Parses SMTP TLS reports (pure): RFC 8460 section 4.4.

They say how servers fared that wanted to bring us mail over TLS: a failure may be a certificate
that expired, or somebody on the way who strips TLS.

Security: reads hostile input. Known fields are held to their types, unknown ones are ignored;
policies, details and lengths are bounded. Errors repeat nothing of the report.
"""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from .dmarc import host
from .report_types import Unreadable

MAX_POLICIES = 100
MAX_DETAILS = 10_000
MAX_OBJECTS = 20_000  #: in all; a decoder lets nobody else do anything meanwhile
MAX_TEXT = 2000
MAX_PERIOD = 31 * 86_400  #: seconds
MOST_RESULTS = 16

#: RFC 8460 section 4.3; what is none of them counts as ``other``.
RESULTS = frozenset(
    {
        *("starttls-not-supported", "certificate-host-mismatch", "certificate-expired"),
        *("certificate-not-trusted", "validation-failure", "tlsa-invalid", "dnssec-invalid"),
        *("dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"),
    }
)
_Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_AT = re.compile(r"@([^\s@<>]{1,253})>?$")


class _Part(msgspec.Struct, frozen=True, rename="kebab"):
    """Names in the report have hyphens."""


class _Range(_Part, frozen=True, rename="kebab"):
    start_datetime: _Text
    end_datetime: _Text


class _Policy(_Part, frozen=True, rename="kebab"):
    policy_domain: _Text
    policy_type: _Text


class _Summary(_Part, frozen=True, rename="kebab"):
    total_successful_session_count: _Count
    total_failure_session_count: _Count


class _Detail(_Part, frozen=True, rename="kebab"):
    result_type: _Text
    failed_session_count: _Count = 0


class _Judged(_Part, frozen=True, rename="kebab"):
    policy: _Policy
    summary: _Summary
    failure_details: Annotated[list[_Detail], msgspec.Meta(max_length=MAX_DETAILS)] = []


class _Report(_Part, frozen=True, rename="kebab"):
    organization_name: _Text
    date_range: _Range
    contact_info: _Text
    report_id: _Text
    policies: Annotated[list[_Judged], msgspec.Meta(min_length=1, max_length=MAX_POLICIES)]


class TlsReport(msgspec.Struct, frozen=True):
    """One report.

    Attributes:
        reporter: the domain of the address that it names for questions, or the organisation where
            that is a domain.
        domains: ours, whose policies it is about, sorted.
        begin: seconds since 1970, as are ``end``.
        fine: sessions that went well; ``failed``: that did not.
        results: failed sessions by kind, the most first.
    """

    reporter: str
    report: str
    domains: tuple[str, ...]
    begin: int
    end: int
    fine: int
    failed: int
    results: tuple[tuple[str, int], ...]


def read(text: bytes) -> TlsReport:
    """Read an unpacked report. Raises ``Unreadable``."""
    if text.count(b"{") > MAX_OBJECTS:
        raise Unreadable("bad-json", "the report has too many details")
    try:
        found = msgspec.json.decode(text, type=_Report)
    except msgspec.ValidationError as error:
        raise Unreadable("no-tls-report", "this is no TLS report (RFC 8460)") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("bad-json", "the report is not well-formed JSON") from error
    begin, end = (
        _seconds(one) for one in (found.date_range.start_datetime, found.date_range.end_datetime)
    )
    if not 0 < begin <= end <= begin + MAX_PERIOD:
        raise Unreadable("bad-period", "the period of the report cannot be")
    contact = _AT.search(found.contact_info.strip())
    reporter = host(contact[1]) if contact is not None else host(found.organization_name)
    if not reporter or not found.report_id:
        raise Unreadable("no-reporter", "the report does not say whose it is")
    domains = {host(one.policy.policy_domain) for one in found.policies}
    if "" in domains:
        raise Unreadable("no-domain", "the report names no domain")
    results: Counter[str] = Counter()
    for judged in found.policies:
        for one in judged.failure_details:
            kind = one.result_type.lower()
            results[kind if kind in RESULTS else "other"] += one.failed_session_count
    return TlsReport(
        reporter,
        found.report_id,
        tuple(sorted(domains)),
        begin,
        end,
        sum(one.summary.total_successful_session_count for one in found.policies),
        sum(one.summary.total_failure_session_count for one in found.policies),
        tuple(sorted(results.items(), key=lambda one: (-one[1], one[0]))[:MOST_RESULTS]),
    )


def _seconds(text: str) -> int:
    """RFC 3339."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable("bad-period", "the report names no period") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return int(at.timestamp())

"""Reads suppression lists as others export them: CSV, lines of JSON, or one JSON document (pure).

Known are the columns and fields of SendGrid, Postmark, Mailgun, Amazon SES, Mailchimp Transactional
and Resend, and our own. What a row says in free text, such as a server's answer, is passed over: it
quotes addresses.

Security: reads files that providers wrote. A problem names the line and the column, never what
stands there.
"""

import csv
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

import msgspec

from mailkeep.base import addresses
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid

from .suppressions import Entry
from .types import SuppressionReason

R = SuppressionReason
LONGEST = 64 * 1024  #: characters of one line

_ADDRESS = ("address", "email", "emailaddress", "recipient", "email_address")
_REASON = ("reason", "suppressionreason", "suppression_reason", "type", "origin")
_SINCE = ("since", "created", "created_at", "createdat", "lastupdatetime", "last_event_at", "date")
_EXPIRES = ("expires_at", "expires")
#: Under what a document has its rows.
_ROWS = ("suppressions", "suppresseddestinationsummaries", "items", "data", "results")
_WORDS: Mapping[str, R] = {
    **{one.value: one for one in R},
    **dict.fromkeys(("bounce", "hardbounce", "hard_bounce", "invalid"), R.BOUNCED),
    **dict.fromkeys(("complaint", "spamcomplaint", "spam", "spam_report"), R.COMPLAINED),
    **dict.fromkeys(("unsubscribe", "unsub", "recipient", "unsubscription"), R.UNSUBSCRIBED),
    **dict.fromkeys(("softbounce", "soft_bounce", "block"), R.BLOCKED),
    **dict.fromkeys(("manualsuppression", "custom", "rule", "customer", "admin"), R.MANUAL),
}


class Row(msgspec.Struct, frozen=True):
    """One line of a file: an entry, or what is wrong with it."""

    line: int
    entry: Entry | None = None
    problem: str = ""


class Said(msgspec.Struct, frozen=True):
    """What holds where a line does not say it.

    Attributes:
        reason: of rows that name none.
        provider: whose list it is.
        stream: in which the entries hold; "": in every one that minds the list.
        streams: that there are.
    """

    reason: SuppressionReason | None = None
    provider: str = ""
    stream: str = ""
    streams: frozenset[str] = frozenset()


def read(lines: Iterable[str], said: Said) -> Iterator[Row]:
    """The rows of a file, in order, a line at a time but for a JSON document.

    Args:
        lines: with their ends, decoded as UTF-8 with or without a mark.
    """
    numbered = enumerate(lines, start=1)
    blank: list[tuple[int, str]] = []
    for number, line in numbered:
        blank.append((number, line))
        if line.strip():
            break
    else:
        return
    first = blank[-1][1].lstrip()
    if first.startswith("["):
        yield from _document(blank, numbered, said)
    elif first.startswith("{"):
        whole = _object(first)
        if whole is not None and _pick(whole, _ADDRESS):
            yield from _json_lines(chain(blank, numbered), said)
        else:
            yield from _document(blank, numbered, said)
    else:
        yield from _csv(chain(blank[-1:], numbered), said)


def _json_lines(lines: Iterable[tuple[int, str]], said: Said) -> Iterator[Row]:
    for number, line in lines:
        if line.strip():
            found = _object(line) if len(line) <= LONGEST else None
            yield (
                Row(number, problem="not a JSON object")
                if found is None
                else _row(number, found, said)
            )


def _document(
    begun: Iterable[tuple[int, str]], rest: Iterable[tuple[int, str]], said: Said
) -> Iterator[Row]:
    """Rows by their place in the document: its lines say nothing."""
    try:
        found = json.loads("".join(line for _, line in chain(begun, rest)))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        yield Row(line, problem="not JSON")
        return
    if isinstance(found, dict):
        named = {str(key).lower(): value for key, value in found.items()}
        found = next((named[one] for one in _ROWS if isinstance(named.get(one), list)), None)
    if not isinstance(found, list):
        yield Row(1, problem=f"no list under any of {', '.join(_ROWS)}")
        return
    for number, one in enumerate(found, start=1):
        if isinstance(one, dict):
            yield _row(number, one, said)
        elif isinstance(one, str):
            yield _row(number, {"address": one}, said)
        else:
            yield Row(number, problem="not an object")


def _csv(lines: Iterable[tuple[int, str]], said: Said) -> Iterator[Row]:
    last = 0

    def each() -> Iterator[str]:
        nonlocal last
        for number, line in lines:
            last = number
            yield line

    text = each()
    head = next(text)
    between = max(",;\t", key=head.count)
    names = [one.strip().lower() for one in next(csv.reader([head], delimiter=between))]
    if any("@" in one for one in names):  # no head: addresses, and maybe a reason
        text, names = chain([head], text), ["address", "reason"]
    elif not set(names) & set(_ADDRESS):
        yield Row(last, problem=f"no column is called {', '.join(_ADDRESS)}")
        return
    reader = csv.reader(text, delimiter=between)
    while True:
        begun = last + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(begun, problem="not CSV: a quote that is not closed, or a cell too long")
            return
        if any(one.strip() for one in cells):
            yield _row(last, dict(zip(names, cells, strict=False)), said)


def _row(line: int, given: Mapping[Any, Any], said: Said) -> Row:
    found = {str(key).strip().lower(): value for key, value in given.items()}
    try:
        address = addresses.parse(str(_pick(found, _ADDRESS) or ""))
    except Invalid:
        return Row(line, problem="not a mail address")
    # A word that is known before one that is not: SendGrid's "reason" is what a server answered.
    words = [known for one in _REASON if (known := _word(found.get(one)))]
    reason = next((one for one in words if one is not R.MANUAL), words[0] if words else said.reason)
    if reason is None:
        return Row(line, problem="no reason that is known: say --reason for the file")
    stream = str(found.get("stream") or said.stream)
    if stream and stream not in said.streams:
        return Row(line, problem="no such stream here")
    return Row(
        line,
        Entry(
            address,
            reason,
            stream,
            str(found.get("provider") or said.provider)[:40],
            _instant(_pick(found, _SINCE)),
            _instant(_pick(found, _EXPIRES)),
        ),
    )


def _word(value: object) -> SuppressionReason | None:
    if not isinstance(value, str):
        return None
    return _WORDS.get(value.strip().lower().replace("-", "_"))


def _pick(found: Mapping[Any, Any], names: Iterable[str]) -> Any:
    low = {str(key).lower(): value for key, value in found.items()}
    return next((low[one] for one in names if low.get(one) not in (None, "")), None)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _instant(value: object) -> Instant | None:
    """When something was, as seconds since the epoch, ISO 8601 or RFC 5322; None: it cannot be
    read, and is not needed."""
    text = str(value).strip() if value is not None else ""
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdigit():
            seconds = float(text)
        elif text[:4].isdigit():
            when = dt.datetime.fromisoformat(text.replace(" UTC", "+00:00").replace("Z", "+00:00"))
            seconds = _utc(when).timestamp()
        else:
            seconds = _utc(parsedate_to_datetime(text.replace("UTC", "GMT"))).timestamp()
    except (ValueError, OverflowError):
        return None
    return round(seconds * SECOND) if 0 <= seconds < 1e11 else None


def _utc(when: dt.datetime) -> dt.datetime:
    return when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)

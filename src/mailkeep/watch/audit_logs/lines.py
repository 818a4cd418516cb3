"""Shared parsing of audit logs: one entry at a time, each read or counted as broken (pure).

Security: reads hostile input. An entry is decoded into the fields that are asked for and nothing
else, so a text takes no more memory than a few times its own size.
"""

import ipaddress
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid
from mailkeep.watch.console_types import Read, Told

MOST_LINES = 20_000  #: of one text; CloudTrail's files have thousands
MAX_ID = 200  #: characters of a name that a line has in its log
MAX_WORD = 200  #: characters of any other text that is kept

_NO_LOG = "the log is not JSON in UTF-8, in one of its forms"
#: What cannot be read, of whatever sort.
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T", bound=msgspec.Struct)


def decode(text: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    """A text as a type; None where it is none."""
    try:
        return msgspec.json.decode(text, type=kind)
    except BROKEN:
        return None


def split(text: bytes) -> list[msgspec.Raw]:
    """The members of a list. Raises ``Invalid`` where it is none, or too long."""
    try:
        found = msgspec.json.decode(text, type=list[msgspec.Raw])
    except BROKEN as error:
        raise Invalid(_NO_LOG, field="log") from error
    return bounded(found)


def alone(text: bytes) -> list[msgspec.Raw]:
    """A text that is one object, as the only line. Raises ``Invalid`` where it is none."""
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except BROKEN as error:
        raise Invalid(_NO_LOG, field="log") from error
    return [msgspec.Raw(text)]


def bounded(lines: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The lines. Raises ``Invalid`` where they are too many."""
    if len(lines) > MOST_LINES:
        raise Invalid(f"bring at most {MOST_LINES} lines at a time", field="log")
    return lines


def each(lines: Iterable[msgspec.Raw], kind: type[T], tell: Callable[[T], Told | None]) -> Read:
    """Every line by itself: a broken one hides no other.

    Args:
        tell: what a line tells; None: it is of no concern.
    """
    told: list[Told] = []
    passed = broken = 0
    for line in lines:
        found = decode(line, kind)
        if found is None:
            broken += 1
            continue
        one = tell(found)
        if one is None:
            passed += 1
        elif one.id and len(one.id) <= MAX_ID and one.actor:
            told.append(one)
        else:
            broken += 1
    return Read(tuple(told), passed, broken)


def instant(at: datetime) -> Instant | None:
    """A date with its offset as an instant; None: without one it is no instant, or before 1970."""
    if at.tzinfo is None:
        return None
    found = round(at.timestamp() * SECOND)
    return found if found >= 0 else None


def address(text: str | None) -> str:
    """An IP address in its canonical form; "" for none: services are named where people are not."""
    try:
        found = ipaddress.ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


def words(*texts: str | None) -> tuple[str, ...]:
    """The texts that are there, each once, none longer than is kept."""
    return tuple(dict.fromkeys(one[:MAX_WORD] for one in texts if one))

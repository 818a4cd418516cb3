"""Reads our own audit log format, for sources without a module: ``{"events": [...]}`` or a list.

An event has ``id``, ``at`` (RFC 3339), ``act`` (a word of ``Act``), ``party`` (as ``parties`` of
the settings names it), ``actor``, and may have ``name``, ``ip``, ``factor``, ``root``, ``zones``
and ``what``.
"""

from datetime import datetime
from typing import Final

import msgspec

from mailkeep.watch.console_types import Act, Read, Told

from .lines import MAX_WORD, address, alone, bounded, decode, each, instant, split, words

KIND: Final = "plain"
MOST_ZONES = 50


class _Event(msgspec.Struct):
    id: str
    at: datetime
    act: Act
    party: str
    actor: str
    name: str = ""
    ip: str = ""
    factor: bool | None = None
    root: bool = False
    zones: tuple[str, ...] = ()
    what: str = ""


class _Events(msgspec.Struct):
    events: list[msgspec.Raw]


def read(text: bytes) -> Read:
    """What the events tell. Raises ``Invalid``: they are none."""
    if text.lstrip()[:1] == b"{":
        found = decode(text, _Events)
        return each(alone(text) if found is None else bounded(found.events), _Event, _told)
    return each(split(text), _Event, _told)


def _told(event: _Event) -> Told | None:
    at = instant(event.at)
    if at is None:
        return None
    return Told(
        event.id,
        at,
        event.act,
        words(event.party),
        event.actor[:MAX_WORD],
        event.name[:MAX_WORD],
        address(event.ip),
        event.factor,
        event.root,
        words(*(one.rstrip(".").lower() for one in event.zones[:MOST_ZONES])),
        event.what[:MAX_WORD],
    )

"""Compares two readings of one list of a provider account, field by field (pure)."""

from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.providers.posture.types import Item, Kind, Value

MOST_FIELDS = 16  #: of one item that are compared; the modules write fewer

ADDED, REMOVED, CHANGED = "added", "removed", "changed"

#: Fields that name a place: where a thing points to, or whose it is.
PLACES = ("host", "domain")

#: Stands on a sender whose list is of whoever sent: it is there because mail was sent.
USED = "used"

Key = tuple[Kind, str]


class FieldChange(msgspec.Struct, frozen=True):
    """One field before and after; None where the item was not there, or had no such field."""

    name: str
    old: Value | None
    new: Value | None


class Change(msgspec.Struct, frozen=True):
    """One item that is not as it was.

    Attributes:
        what: ``added``, ``removed`` or ``changed``.
        strange: it points to, or belongs to, a place that nothing of this account named before.
    """

    kind: Kind
    id: str
    what: str
    fields: tuple[FieldChange, ...]
    strange: bool = False


def by_key(items: Iterable[Item]) -> dict[Key, Item]:
    """Items by kind and id; of two alike the first: a list that says a thing twice says it once."""
    out: dict[Key, Item] = {}
    for item in items:
        out.setdefault((item.kind, item.id), item)
    return out


def compare(
    before: Mapping[Key, Item], after: Mapping[Key, Item], known: frozenset[str]
) -> list[Change]:
    """What changed, the gravest sort first within an order that only depends on the readings.

    Args:
        known: places that are ours, or that the account named before.
    """
    changes = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        fields = _fields(old, new)
        if old is not None and new is not None and not fields:
            continue
        what = ADDED if old is None else REMOVED if new is None else CHANGED
        if what == REMOVED and key[0] is Kind.EXPORT:
            continue  # providers throw old ones away by themselves
        strange = any(
            one.name in PLACES and one.new is not None and _is_strange(one.new, known)
            for one in fields
        )
        if not strange and any(one.name == USED for one in fields):
            continue  # that we sent as ourselves is no change that somebody made there
        changes.append(Change(key[0], key[1], what, fields, strange))
    return changes


def places(items: Iterable[Item]) -> frozenset[str]:
    """The places that items name, but for senders that are listed because they sent: whoever may
    send names any place so."""
    return frozenset(
        value.text.lower()
        for item in items
        if USED not in item.fields
        for name, value in item.fields.items()
        if name in PLACES and value.text
    )


def _is_strange(value: Value, known: frozenset[str]) -> bool:
    return bool(value.text) and value.text.lower() not in known


def _fields(old: Item | None, new: Item | None) -> tuple[FieldChange, ...]:
    was: Mapping[str, Value] = {} if old is None else old.fields
    now: Mapping[str, Value] = {} if new is None else new.fields
    names = was.keys() | now.keys()
    if old is not None and new is not None:
        # A module always writes all fields of a kind: one that is new came with a new version.
        names = was.keys() & now.keys()
    return tuple(
        FieldChange(name, was.get(name), now.get(name))
        for name in sorted(names)[:MOST_FIELDS]
        if was.get(name) != now.get(name)
    )

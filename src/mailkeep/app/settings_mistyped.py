"""What a mistyped key of the settings was meant to be, in whichever table it stands (pure)."""

import re
from collections.abc import Iterator
from functools import cache

import msgspec
from msgspec import inspect

from mailkeep.base.wording import nearest

_UNKNOWN = re.compile(r"unknown field `(\w+)`(?: - at `\$\.?([\w.\[\]]*))?")
_ITEM = re.compile(r"\[[\d.]*\]")  #: which of a list's tables it is


def corrected(error: str, settings: type[msgspec.Struct]) -> str:
    """An error of msgspec, with the nearest key that is valid at that place.

    Args:
        error: as msgspec words it; one about anything else is returned as it is.
        settings: what the file is read into.
    """
    match = _UNKNOWN.search(error)
    if match is None:
        return error
    keys = _tables(settings).get(_ITEM.sub("", match[2] or ""))
    return error if keys is None else error + nearest(match[1], keys)


@cache
def _tables(settings: type[msgspec.Struct]) -> dict[str, frozenset[str]]:
    """The valid keys of every table, by the path at which msgspec names it (``canary.mailbox``)."""
    found: dict[str, frozenset[str]] = {}
    for path, keys in _walk("", inspect.type_info(settings)):
        found[path] = found.get(path, frozenset()) | keys
    return found


def _walk(path: str, kind: inspect.Type) -> Iterator[tuple[str, frozenset[str]]]:
    match kind:
        case inspect.StructType(fields=fields):
            yield path, frozenset(one.encode_name for one in fields)
            for one in fields:
                yield from _walk(f"{path}.{one.encode_name}".lstrip("."), one.type)
        case inspect.UnionType(types=types):
            for either in types:
                yield from _walk(path, either)
        case inspect.CollectionType(item_type=item):
            yield from _walk(path, item)
        case inspect.DictType(value_type=value):
            yield from _walk(path, value)
        case _:
            return

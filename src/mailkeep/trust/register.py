"""The register of parties, read from the ``[[party]]`` tables of the settings (pure)."""

import difflib
import re
from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.base.errors import BadSettings

from .types import Party

#: The ways in which one party names another.
EDGES = ("relays_via", "owned_by", "administered_by", "runs_on")

_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")


def load(tables: Iterable[Mapping[str, object]]) -> dict[str, Party]:
    """The parties by id.

    Every id that a party names must have a table of its own: a mistyped owner would otherwise be
    an owner that nothing else has, and two providers of one house would look independent.

    Raises:
        BadSettings: a field or an id that is not known (naming the nearest one that is), an id
            given twice or empty, or a value of the wrong kind.
    """
    parties: dict[str, Party] = {}
    for number, table in enumerate(tables, start=1):
        where = f"party {table.get('id') or f'number {number}'}"
        try:
            party = msgspec.convert(table, Party)
        except msgspec.ValidationError as error:
            raise BadSettings(f"{where}: {_field(str(error))}") from error
        if not party.id:
            raise BadSettings(f"{where}: the id is empty")
        if party.id in parties:
            raise BadSettings(f"two tables of [[party]] have the id {party.id!r}")
        parties[party.id] = party
    for party in parties.values():
        for edge in EDGES:
            for other in getattr(party, edge):
                if other not in parties:
                    raise BadSettings(
                        f"party {party.id}: {edge} names no party {other!r}"
                        + nearest(other, parties)
                    )
    return parties


def require(parties: Mapping[str, Party], wanted: str, *, where: str) -> Party:
    """The party with that id. Raises ``BadSettings`` saying ``where`` and the nearest right id."""
    if wanted not in parties:
        raise BadSettings(f"{where}: no party {wanted!r}{nearest(wanted, parties)}")
    return parties[wanted]


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right word, or all of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(words)}" if words else "; there are none"


def _field(text: str) -> str:
    match = _UNKNOWN_FIELD.search(text)
    return text if match is None else text + nearest(match[1], Party.__struct_fields__)

"""Reads rows of the privacy room's tables."""

import msgspec
from sqlalchemy.engine import RowMapping

from .types import Erasure, LegalHold, Person, State


def person(row: RowMapping) -> Person:
    """Whom a row is about."""
    return Person(tuple(row["accounts"].split()), tuple(row["addresses"].split()))


def names(whom: Person) -> dict[str, str]:
    """A person as the columns have them."""
    return {"accounts": " ".join(whom.accounts), "addresses": " ".join(whom.addresses)}


def erasure(row: RowMapping) -> Erasure:
    """An erasure."""
    return Erasure(
        row["id"],
        State(row["state"]),
        person(row),
        row["by"],
        row["at"],
        row["due_at"],
        msgspec.json.decode(row["counts"], type=dict[str, int]),
        row["ended_at"],
        row["ended_by"],
    )


def hold(row: RowMapping) -> LegalHold:
    """A legal hold."""
    return LegalHold(
        row["id"],
        person(row),
        row["reason"],
        row["by"],
        row["at"],
        row["ended_at"],
        row["ended_by"],
    )

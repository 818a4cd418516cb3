"""Exports everything that is stored about a person, as one JSON document.

It has the rows of every table about them, and the events that name them. Sealed data and hashes of
secrets are listed and not shown: they are of no use to their owner and of much use to a thief. What
names other people is left out.
"""

from typing import Any

from sqlalchemy import or_, select

from mailkeep.base.clock import iso
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.tables import events
from mailkeep.store.database import Database, Tx
from mailkeep.store.personal import Form
from mailkeep.store.schema import metadata

from . import meter, people
from .catalogue import CATALOGUE, theirs
from .events import PersonExported
from .types import Person, PrivacySettings, Use

FORMAT = "mailkeep-person/1"
SPAN = 20_000  #: facts that are looked through in one transaction
_HIDDEN = frozenset({Form.SEALED, Form.HASHED})


async def take(
    database: Database, keys: KeyRing, settings: PrivacySettings, who: str, *, by: str
) -> dict[str, Any]:
    """The export document. Taking it is audited first, and counts against the limit.

    Args:
        who: an address, or an account's id.

    Raises:
        NotFound, Invalid: see ``people.find``.
        TooMany: the day's limit is reached.
    """

    async def count(tx: Tx) -> Person:
        person = await people.find(tx, keys, who)
        await meter.spend(tx, Use.EXPORT, settings.exports, by=by)
        await audit.write(tx, by, "privacy.export", {"accounts": list(person.accounts)})
        await record(
            database,
            tx,
            PersonExported(accounts=person.accounts, addresses=person.addresses, by=by),
        )
        return person

    person = await database.retrying(count)
    async with database.read() as tx:
        made_at = tx.now
        tables = {
            name: await _rows(tx, name, person) for name, kept in CATALOGUE.items() if kept.of
        }
    return {
        "format": FORMAT,
        "made_at": iso(made_at),
        "accounts": list(person.accounts),
        "addresses": list(person.addresses),
        "tables": {name: rows for name, rows in tables.items() if rows},
        "facts": await _facts(database, person),
    }


async def _rows(tx: Tx, name: str, person: Person) -> list[dict[str, Any]]:
    table, kept = metadata.tables[name], CATALOGUE[name]
    forms, others = kept.columns(), set(kept.others.split())
    query = select(table).where(theirs(table, person)).order_by(*table.primary_key.columns)
    return [
        {
            column: _shown(column, value, hidden=forms[column] in _HIDDEN, other=column in others)
            for column, value in row.items()
        }
        for row in await tx.all(query)
    ]


def _shown(column: str, value: Any, *, hidden: bool, other: bool) -> Any:
    """A value as the document has it; instants as ISO 8601."""
    if value is None:
        return None
    if hidden:
        return "(kept, not shown)"
    if other:
        return "(left out: it may name others)" if value else value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and is_instant(column, value):
        return iso(value)
    return value


def is_instant(column: str, value: int) -> bool:
    """Whether a column's number is an instant (pure)."""
    named = column.endswith("_at") or column in {"at", "until", "since", "made_at", "seen_at"}
    return named and value > 10**12


async def _facts(database: Database, person: Person) -> list[dict[str, Any]]:
    """The facts that name them, a piece of the log at a time: no reader holds the database long."""
    out: list[dict[str, Any]] = []
    after = ""
    named = [events.c.data.contains(f'"{one}"', autoescape=True) for one in person.names]
    while person.names:
        async with database.read() as tx:
            span = select(events.c.id).where(events.c.id > after).order_by(events.c.id).limit(SPAN)
            ids = [row[0] for row in await tx.tuples(span)]
            if not ids:
                break
            rows = await tx.all(
                select(events)
                .where(
                    events.c.id >= ids[0],
                    events.c.id <= ids[-1],
                    or_(*named),
                )
                .order_by(events.c.id)
            )
        out += [{"at": iso(row["at"]), "kind": row["kind"], "data": row["data"]} for row in rows]
        after = ids[-1]
    return out

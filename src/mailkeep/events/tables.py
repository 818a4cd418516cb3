"""Tables of the event log."""

from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Integer, String, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from mailkeep.store.schema import Micros, metadata

events = Table(
    "events",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(80), nullable=False),
    Column("at", Micros, nullable=False),
    Column("data", Text, nullable=False),
    Column("position", BigInteger, unique=True),
    Column("placed_at", Micros),
)
# The relay looks only for facts without a position; the index holds nothing else.
Index(
    "ix_events_unplaced",
    events.c.id,
    sqlite_where=events.c.position.is_(None),
    postgresql_where=events.c.position.is_(None),
)

#: Kinds of subject of which there are few; of every other anybody may make as many as they like.
MANY = ("account", "domain", "mailbox")


class Sort(ColumnElement[str]):
    """The sort of a signal, within which signals compete for being read: whether nobody outside
    could have staged it, its detector, and what it is about; of what there may be many, only of
    which kind that is.

    Taken from the text as it is written, which begins with detector, family and subject: within a
    text quotes are escaped, and reading it as JSON could fail, which would lose the fact.
    """

    inherit_cache = False
    type = String()

    def __init__(self, data: ColumnElement[str]) -> None:
        self.data = data


class Pair(Sort):
    """A signal's detector and what it is about."""


def _sort(one: Sort, compiler: SQLCompiler, place: str, **more: Any) -> str:
    data = compiler.process(one.data, **more)
    if isinstance(one, Pair):
        return f"substr({data}, 1, {place}({data}, ',\"evidence\":'))"
    many = " OR ".join(f'{place}({data}, \'"subject":{{"kind":"{kind}"\') > 0' for kind in MANY)
    return (
        f"(CASE WHEN {place}({data}, '\"forger\":\"nobody\"') > 0 THEN '0' ELSE '1' END"
        f" || substr({data}, 1, CASE WHEN {many} THEN {place}({data}, ',\"id\":')"
        f" ELSE {place}({data}, ',\"evidence\":') END))"
    )


@compiles(Sort, "postgresql")
@compiles(Pair, "postgresql")
def _by_strpos(one: Sort, compiler: SQLCompiler, **more: Any) -> str:
    return _sort(one, compiler, "strpos", **more)


@compiles(Sort, "sqlite")
@compiles(Pair, "sqlite")
def _by_instr(one: Sort, compiler: SQLCompiler, **more: Any) -> str:
    return _sort(one, compiler, "instr", **more)


# Opinions rest on signals alone, which are few among the facts of mail; of each sort on the newest.
_SIGNALS = events.c.kind == "watch.signal"
Index(
    "ix_events_signals",
    Sort(events.c.data),
    events.c.position,
    events.c.id,
    sqlite_where=_SIGNALS,
    postgresql_where=_SIGNALS,
)

relay = Table(
    "event_relay",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("holder", String(40), nullable=False),
    Column("leased_until", Micros, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("placed_through", Micros, nullable=False),
)

# Leases for work that one process only should do: who holds the turn, and until when.
turns = Table(
    "turns",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("holder", String(40), nullable=False),
    Column("until", Micros, nullable=False),
)

checkpoints = Table(
    "event_checkpoints",
    metadata,
    Column("subscriber", String(80), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("state", Text),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Micros, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("act", String(80), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# Where the chain's head was last anchored; the anchors themselves are stored there, not here.
audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("place", String(255), primary_key=True),
    Column("number", BigInteger, nullable=False, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("at", Micros, nullable=False),
    Column("tried_at", Micros, nullable=False),
    Column("error", String(200)),
)

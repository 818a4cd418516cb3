"""Tables of the event log."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

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

# Opinions rest on signals alone, which are few among the facts of mail.
_SIGNALS = events.c.kind == "watch.signal"
Index("ix_events_signals", events.c.id, sqlite_where=_SIGNALS, postgresql_where=_SIGNALS)

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

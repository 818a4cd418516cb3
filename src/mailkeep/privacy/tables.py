"""Tables of the privacy room: pseudonyms and ids only, and the reason of a hold."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from mailkeep.store.schema import Micros, metadata

erasures = Table(
    "erasures",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("accounts", Text, nullable=False),  # joined with spaces; "" once they are forgotten
    Column("addresses", Text, nullable=False),  # pseudonyms, the same
    Column("by", String(80), nullable=False),
    Column("at", Micros, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("counts", Text, nullable=False),  # JSON: rows by table
    Column("ended_at", Micros),
    Column("ended_by", String(80)),
)
_LIVE = erasures.c.state.in_(["waiting", "running"])
Index("ix_erasures_live", erasures.c.due_at, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("ix_erasures_ended_at", erasures.c.ended_at)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("accounts", Text, nullable=False),
    Column("addresses", Text, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("by", String(80), nullable=False),
    Column("at", Micros, nullable=False),
    Column("ended_at", Micros),
    Column("ended_by", String(80)),
)

# Uses, by which the limits are counted.
privacy_uses = Table(
    "privacy_uses",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("by", String(80), nullable=False),
    Column("count", BigInteger, nullable=False),
)

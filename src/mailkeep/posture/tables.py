"""Tables of the posture room. No personal data."""

from sqlalchemy import Column, Integer, String, Table, Text

from mailkeep.store.schema import Micros, metadata

trust_models = Table(
    "trust_models",
    metadata,
    Column("at", Micros, primary_key=True),  # when it began to be true
    Column("seen_at", Micros, nullable=False),  # when it was last found true
    Column("digest", String(64), nullable=False),  # of what a difference is made of
    Column("seen_share", Integer, nullable=False),  # per mille of the acts that somebody sees
    Column("document", Text, nullable=False),
)

# One row: how many accounts share each kind of protection, and how many addresses each provider was
# given.
trust_counts = Table(
    "trust_counts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Micros, nullable=False),  # when the counting began
    Column("document", Text, nullable=False),
)

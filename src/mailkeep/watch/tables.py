"""Tables of the watch room. No personal data: the addresses are our own, and only hashed here."""

from sqlalchemy import Boolean, Column, Index, String, Table

from mailkeep.store.schema import Micros, metadata

canaries = Table(
    "canaries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("provider", String(40), nullable=False),
    Column("message_id", String(40), nullable=False, unique=True),
    Column("address_hash", String(64), nullable=False, index=True),
    Column("marker_hash", String(64), nullable=False),
    Column("mailbox", String(40), nullable=False, server_default="own"),  # who keeps it
    Column("honey", Boolean, nullable=False),  # to a honey address, where nothing of ours listens
    Column("created_at", Micros, nullable=False),
    Column("sent_at", Micros),
    Column("arrived_at", Micros),
)
Index("ix_canaries_created_at", canaries.c.created_at)

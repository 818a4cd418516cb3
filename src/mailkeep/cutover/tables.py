"""Tables of the cutover room."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

from mailkeep.store.schema import Micros, metadata

cutovers = Table(
    "cutovers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("source", String(40), nullable=False),
    Column("target", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("at_once", Boolean, nullable=False),
    Column("by", String(80), nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("started_at", Micros),
    Column("ended_at", Micros),
    Column("why", String(200), nullable=False),
    Column("pace", Text, nullable=False),
    Column("gates", Text, nullable=False),
    # One move at a time: reports on mail during two moves could be assigned to neither. NULL: it
    # has ended.
    Column("live", Boolean, unique=True),
)

cutover_streams = Table(
    "cutover_streams",
    metadata,
    Column(
        "cutover_id", String(40), ForeignKey("cutovers.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("stream", String(40), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("since", Micros, nullable=False),
    Column("backs", Integer, nullable=False),
    Column("held_until", Micros, nullable=False),
    Column("why", String(200), nullable=False),
)

offboardings = Table(
    "offboardings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("provider", String(40), nullable=False, unique=True),
    Column("hostile", Boolean, nullable=False),
    Column("by", String(80), nullable=False),
    Column("started_at", Micros, nullable=False),
    Column("done_at", Micros),
)

offboarding_items = Table(
    "offboarding_items",
    metadata,
    Column(
        "offboarding_id",
        String(40),
        ForeignKey("offboardings.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("name", String(120), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("how", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("done_at", Micros),
    Column("done_by", String(80)),
    Column("note", String(200), nullable=False),
)

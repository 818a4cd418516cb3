"""Tables of the incidents room."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from mailkeep.store.schema import Micros, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_kind", String(12), nullable=False),
    Column("subject_id", String(255), nullable=False),
    Column("state", String(12), nullable=False),
    Column("opened_at", Micros, nullable=False),
    Column("since", Micros, nullable=False),
    Column("contained_at", Micros),
    Column("restored_at", Micros),
    Column("closed_at", Micros),
    Column("closed_by", String(80)),
    Column("quiet_since", Micros),
    Column("taken_at", Micros),
    Column("taken_by", String(80)),
    Column("part_of", String(40), index=True),  # a person says that it is one matter with it
    Column("said", String(24)),  # what is going on, as a person says
    Column("said_by", String(80)),
    Column("said_at", Micros),
    Column("said_since", Micros),
    Column("said_until", Micros),
    Column("aware_at", Micros),  # when a breach became known; NULL: when it opened
    Column("notified", String(12)),  # a regulator was told, or need not be
    Column("notified_at", Micros),
    Column("notified_by", String(80)),
    Column("notified_as", Text),  # the regulator's reference, or the reason
    Column("opinions", Text, nullable=False),
    Column("blast", Text),  # as it stood at the end; NULL while it is worked out anew
)
# Two processes may assess at once: a subject has only one incident that is not closed.
_LIVE = incidents.c.state != "closed"
Index(
    "ix_incidents_live",
    incidents.c.subject_kind,
    incidents.c.subject_id,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)

# Answers given about an incident's blast radius, kept for whoever was told one.
blast_answers = Table(
    "blast_answers",
    metadata,
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … in each
    Column("at", Micros, nullable=False),
    Column("blast", Text, nullable=False),
)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("line", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … in each incident
    Column("at", Micros, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(80), nullable=False),
    Column("events", Text, nullable=False),
    Column("count", Integer, nullable=False),
)

"""Table of the feed room: the checkpoint of each feed."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from mailkeep.store.schema import Micros, metadata

feeds = Table(
    "feeds",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("position", BigInteger, nullable=False),  # up to here the log has been told
    Column("leased_until", Micros, nullable=False),  # one process tells
    Column("next_at", Micros, nullable=False),  # when it is tried again
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", Micros),
    Column("error", String(200)),
    Column("told", BigInteger, nullable=False),  # lines, since it began
    Column("refused", BigInteger, nullable=False),  # lines that the other side would not take
    Column("told_at", Micros),
    Column("waiting_since", Micros),  # when the fact behind its place happened, if that waits
    Column("missed_since", Micros),  # from here on the log forgot what was not told yet
)

"""Tables of the signals room. Accounts are ids; there is no address in them."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from mailkeep.store.schema import Micros, metadata

receivers = Table(
    "signal_receivers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("audience", String(500), nullable=False),
    # "": hears of Mailkeep's own accounts. Otherwise the application whose users it hears of, and
    # no others.
    Column("application", String(40), nullable=False, server_default=""),
    Column("origins", Text, nullable=False),  # one a line
    Column("hash", String(64), nullable=False, unique=True),
    Column("old_hash", String(64), unique=True),  # of the token before, while it is good
    Column("old_until", Micros),
    Column("created_at", Micros, nullable=False),
)

streams = Table(
    "signal_streams",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "receiver_id",
        String(40),
        ForeignKey("signal_receivers.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("method", String(20), nullable=False),
    Column("endpoint", String(2000), nullable=False),
    Column("authorization", LargeBinary),  # sealed: what is sent along with a push
    Column("requested", Text),  # one a line; NULL: whatever there is
    Column("description", String(200)),
    Column("status", String(8), nullable=False),
    Column("reason", String(200)),
    Column("created_at", Micros, nullable=False),
    Column("verified_at", Micros),  # when a verification was asked for last
    Column("leased_until", Micros, nullable=False),  # one process pushes
    Column("next_at", Micros, nullable=False),  # when a push is tried again
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", Micros),
    Column("error", String(200)),
    Column("refusals", Integer, nullable=False),  # in a row
)

sets = Table(
    "signal_sets",
    metadata,
    Column("id", String(40), primary_key=True),  # the jti
    Column(
        "receiver_id",
        String(40),
        ForeignKey("signal_receivers.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("kind", String(120), nullable=False),
    Column("account_id", String(40), index=True),
    Column("subject", String(255)),
    Column("fold", String(80), nullable=False),
    Column("body", Text, nullable=False),
    Column("txn", String(48), nullable=False),
    Column("cause", String(40)),  # an incident in which it was told by hand
    Column("at", Micros, nullable=False),
    Column("made_at", Micros, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("state", String(12), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Micros),
    Column("ended_at", Micros, index=True),
    Column("error", String(200)),
)
Index(
    "ix_signal_sets_waiting",
    sets.c.receiver_id,
    sets.c.due_at,
    sets.c.id,
    sqlite_where=sets.c.state == "waiting",
    postgresql_where=sets.c.state == "waiting",
)
Index("ix_signal_sets_fold", sets.c.receiver_id, sets.c.subject, sets.c.fold, sets.c.made_at)

# Accounts that a receiver has unsubscribed from, by its own names for them.
unwanted = Table(
    "signal_unwanted",
    metadata,
    Column(
        "stream_id",
        String(40),
        ForeignKey("signal_streams.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("subject", String(255), primary_key=True),
)

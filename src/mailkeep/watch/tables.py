"""Tables of the watch room. No personal data in clear: the canaries' addresses are our own, and
only hashed here; what accounts at providers hold (senders, users) is sealed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

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

# Mailboxes hosted elsewhere: up to where they were read.
canary_mailboxes = Table(
    "canary_mailboxes",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("validity", BigInteger, nullable=False),  # UIDVALIDITY
    Column("uid", BigInteger, nullable=False),
    Column("read_at", Micros),
    Column("failing_since", Micros),
    Column("error", String(200)),
)

# One row for each account: when it was read, and what could not be.
posture_accounts = Table(
    "posture_accounts",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("due_at", Micros, nullable=False),
    Column("turn", String(40), nullable=False),  # who reads it now, or did last
    Column("read_at", Micros),
    Column("told_at", Micros),
    Column("lists", Text, nullable=False),  # JSON, see `posture.ListState`
    Column("can_send", Boolean),
)

posture_items = Table(
    "posture_items",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("list", String(60), primary_key=True),
    Column("item", String(64), primary_key=True),  # keyed digest of kind and id
    Column("kind", String(20), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("since", Micros, nullable=False),
)

posture_changes = Table(
    "posture_changes",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("what", String(10), nullable=False),
    Column("strange", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Micros, nullable=False),
    Column("expected", String(40)),  # the announcement that it used up
    Column("accepted_at", Micros),
    Column("accepted_by", String(80)),
    Column("reason", String(200)),
)
Index("ix_posture_changes_account_at", posture_changes.c.account, posture_changes.c.at)

posture_expected = Table(
    "posture_expected",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(40), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("until", Micros, nullable=False),
    Column("left", Integer, nullable=False),  # changes that it may still be used for
    Column("by", String(80), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("at", Micros, nullable=False),
)
#: Reports that were read; each once.
reports = Table(
    "reports",
    metadata,
    Column("id", String(64), primary_key=True),  # digest of whose it is, its id and its period
    Column("kind", String(8), nullable=False),
    Column("reporter", String(253), nullable=False),
    Column("believed", Boolean, nullable=False),
    Column("domain", String(253), nullable=False),
    Column("begins", BigInteger, nullable=False),  # seconds, as in the report
    Column("ends", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("received_at", Micros, nullable=False),
)
Index("ix_reports_received_at", reports.c.received_at)

#: What was not read, or not again, counted by day and reason.
reports_refused = Table(
    "reports_refused",
    metadata,
    Column("day", BigInteger, primary_key=True),  # since 1970
    Column("why", String(24), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

#: Names that look like our domains, and what DNS said of them.
lookalikes = Table(
    "lookalikes",
    metadata,
    Column("name", String(253), primary_key=True),
    Column("domain", String(253), nullable=False),
    Column("way", String(24), nullable=False),
    Column("place", Integer, nullable=False),  # the likeliest to deceive first
    Column("mx", Boolean, nullable=False, server_default=false()),
    Column("address", Boolean, nullable=False, server_default=false()),
    Column("fresh", Boolean, nullable=False),  # it was empty at an earlier look
    Column("checked_at", Micros),
    Column("seen_at", Micros),
)
Index("ix_lookalikes_checked_at", lookalikes.c.checked_at)

#: What audit logs of other houses told of our accounts there, each line once.
console_acts = Table(
    "console_acts",
    metadata,
    Column("id", String(64), primary_key=True),  # digest of the log and its line's own id
    Column("log", String(40), nullable=False),
    Column("party", String(80), nullable=False),
    Column("act", String(10), nullable=False),
    Column("actor", String(48), nullable=False),  # pseudonyms
    Column("network", String(48), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # who and from where, for people
    Column("at", Micros, nullable=False),  # as the log says
    Column("received_at", Micros, nullable=False),
    Column("expected", Boolean, nullable=False, server_default=false()),
    Column("accepted_at", Micros),
    Column("accepted_by", String(80)),
    Column("reason", String(200)),
)
Index("ix_console_acts_log_received_at", console_acts.c.log, console_acts.c.received_at)
Index("ix_console_acts_received_at", console_acts.c.received_at)

"""Tables of the mail room. Personal data is in ``addresses`` and ``message_bodies`` only."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from mailkeep.store.schema import Micros, metadata

addresses = Table(
    "addresses",
    metadata,
    Column("id", String(48), primary_key=True),  # pseudonym
    Column("address", String(320), nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("stream", String(40), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("address_id", String(48), nullable=False),
    Column("status", String(12), nullable=False),
    Column("secret", Boolean, nullable=False),
    Column("only", Text, nullable=False),
    Column("avoid", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("next_at", Micros, nullable=False),
    Column("lease_until", Micros),
    Column("tries", Integer, nullable=False),
    Column("provider", String(40)),
    Column("attempt_id", String(40)),
    Column("accepted_at", Micros),
    Column("idempotency", String(64), unique=True),
    Column("content_hash", String(64)),
    Column("ours", Boolean, nullable=False, server_default=false()),  # to a mailbox of our own
    Column("copies", Text, nullable=False, server_default=""),  # pseudonyms, joined with commas
    Column("copy_of", String(40)),  # the message of which this is a copy, sent by itself
    Column("tags", Text, nullable=False, server_default=""),  # each between two line ends
    Column("family", String(8), nullable=False, server_default=""),  # who keeps the mailbox
)
# What a dispatcher looks for, in claim order; finished messages are not in the index.
_DUE = messages.c.status.in_(["queued", "sending"])
Index(
    "ix_messages_due",
    messages.c.stream,
    messages.c.next_at,
    sqlite_where=_DUE,
    postgresql_where=_DUE,
)
Index("ix_messages_address", messages.c.address_id)
Index(
    "ix_messages_ours",
    messages.c.created_at,
    sqlite_where=messages.c.ours,
    postgresql_where=messages.c.ours,
)
_COPY = messages.c.copy_of.is_not(None)
Index(
    "ix_messages_copy_of",
    messages.c.copy_of,
    sqlite_where=_COPY,
    postgresql_where=_COPY,
)
Index("ix_messages_provider", messages.c.provider, messages.c.accepted_at)

# The copies again, indexed by address.
message_copies = Table(
    "message_copies",
    metadata,
    Column("address_id", String(48), primary_key=True),
    Column(
        "message_id",
        String(40),
        ForeignKey("messages.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)

message_bodies = Table(
    "message_bodies",
    metadata,
    Column(
        "message_id", String(40), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("hour", BigInteger),  # the hourly key that seals it; NULL: not a secret
    Column("again_by", String(40)),  # the cut by hand for which it was sent again
    Column("data", LargeBinary, nullable=False),
)

# What a recipient may ask about a mail, in streams that mark their mail.
genuine_mails = Table(
    "genuine_mails",
    metadata,
    Column("code", String(16), primary_key=True),
    Column(
        "message_id",
        String(40),
        ForeignKey("messages.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("sealed", LargeBinary, nullable=False),  # the subject
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("message_id", String(40), nullable=False, index=True),
    Column("provider", String(40), nullable=False),
    Column("started_at", Micros, nullable=False),
    Column("seconds", Float),
    Column("outcome", String(20)),  # NULL: under way, or cut short by a kill
    Column("detail", String(200)),
    Column("provider_message_id", String(200)),
)

exposures = Table(
    "exposures",
    metadata,
    Column("address_id", String(48), primary_key=True),
    Column("provider", String(40), primary_key=True),
    Column("stream", String(40), primary_key=True),
    Column("day", Integer, primary_key=True),  # days since the epoch
    Column("first_at", Micros, nullable=False),
    Column("last_at", Micros, nullable=False),
    Column("count", Integer, nullable=False),
    Column("counted", Boolean),  # in ``exposed_firsts``; NULL: not yet
)
# Rows that wait to be counted; the rest of the ledger, however long, is not in the index.
_UNCOUNTED = exposures.c.counted.is_(None)
Index(
    "ix_exposures_uncounted",
    exposures.c.first_at,
    sqlite_where=_UNCOUNTED,
    postgresql_where=_UNCOUNTED,
)

# When each address was first given to each provider: the list of exposed addresses is read from it.
exposed_firsts = Table(
    "exposed_firsts",
    metadata,
    Column("address_id", String(48), primary_key=True),  # of who was forgotten: "gone" and a number
    Column("provider", String(40), primary_key=True),
    Column("first_at", Micros, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "ix_exposed_firsts_provider",
    exposed_firsts.c.provider,
    exposed_firsts.c.first_at,
    exposed_firsts.c.address_id,
)

# How many addresses were first given to a provider in a minute and in a day, and which providers
# had them before: see ``ledger``.
exposed_counts = Table(
    "exposed_counts",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),  # minutes
    Column("provider", String(40), primary_key=True),
    Column("start", Integer, primary_key=True, autoincrement=False),  # minutes since the epoch
    Column("before", Text, primary_key=True),  # names joined with commas
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

claims = Table(
    "claims",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("claim_id", String(200), primary_key=True),
    Column("received_at", Micros, nullable=False, index=True),
    Column("message_id", String(40)),  # when it is about a message that the provider had from us
    Column("event", String(20)),
    Column("at_provider", Micros),
    Column("address_id", String(48)),  # whom of the message it is about, where that is known
    Column("weight", Float, nullable=False, server_default="1.0"),  # less where it came late
)
_ABOUT_OURS = claims.c.message_id.is_not(None)
Index(
    "ix_claims_message_id",
    claims.c.message_id,
    sqlite_where=_ABOUT_OURS,
    postgresql_where=_ABOUT_OURS,
)
# The suppression list: addresses that bulk mail should not go to, whoever carries it.
_AGAINST = claims.c.event.in_(["bounced", "complained", "suppressed"])
Index(
    "ix_claims_against",
    claims.c.address_id,
    sqlite_where=_AGAINST,
    postgresql_where=_AGAINST,
)

provider_states = Table(
    "provider_states",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("cut_at", Micros),
    Column("cut_in", String(40)),  # the incident in which it was cut off; a reason may say anything
    Column("cut_unsure", Boolean),  # true: one person's word, and nobody has confirmed it
    Column("reason", String(200), nullable=False),
    Column("rested_at", Micros),  # no ordinary mail while another stands; canaries still go
    Column("rest_reason", String(200)),
    Column("rest_in", String(40)),  # the incident, or the cutover, for which it rests
    Column("distrusted_at", Micros),  # no word of it moves a message
    Column("doubted_at", Micros),  # something speaks against it: no word of it destroys a body
)

# Which part of a provider's weight in a stream another one has by now, because of a move that is
# under way or that the settings do not reflect yet.
shifts = Table(
    "shifts",
    metadata,
    Column("stream", String(40), primary_key=True),
    Column("source", String(40), primary_key=True),
    Column("target", String(40), nullable=False),
    Column("share", Float, nullable=False),
    Column("since", Micros, nullable=False),
)

# Whom mail is held back from, in the streams that ask for it.
suppressions = Table(
    "suppressions",
    metadata,
    Column("address_id", String(48), primary_key=True),
    Column("stream", String(40), primary_key=True),  # "": every one
    Column("reason", String(16), primary_key=True),
    Column("address", String(320), nullable=False),  # "": of who was erased
    Column("provider", String(40), nullable=False),  # whose list it comes from; "": nobody's
    Column("listed_by", String(80), nullable=False),
    Column("added_at", Micros, nullable=False),
    Column("since_at", Micros),  # as the list says
    Column("expires_at", Micros),
)
_ENDS = suppressions.c.expires_at.is_not(None)
Index(
    "ix_suppressions_expires_at",
    suppressions.c.expires_at,
    sqlite_where=_ENDS,
    postgresql_where=_ENDS,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("streams", Text, nullable=False),
    Column("domains", Text, nullable=False, server_default=""),
    Column("networks", Text, nullable=False, server_default=""),
    Column("created_at", Micros, nullable=False),
    Column("last_used_at", Micros),
    Column("expires_at", Micros),
    Column("revoked_at", Micros),
    Column("replaced_by", String(40)),
    Column("application", String(40), nullable=False, server_default=""),
    Column("owner", String(80), nullable=False, server_default=""),  # the person; "": a program
    Column("line", String(40)),  # the first key of those that followed each other; NULL: itself
)

caught_mail = Table(
    "caught_mail",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at", Micros, nullable=False),
    Column("recipient", String(320), nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

# Mail that applications sent by themselves, by a digest of the provider's own name for it.
journal = Table(
    "journal",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("mail", String(64), primary_key=True),
    Column("message_id", String(40), nullable=False),
    Column("received_at", Micros, nullable=False, index=True),
)

# Providers' reports on mail that no journal entry names yet.
journal_waiting = Table(
    "journal_waiting",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("claim_id", String(200), primary_key=True),
    Column("mail", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", Micros, nullable=False, index=True),  # 0: a copy came; it may go on
    Column("whom", String(48)),  # whom it is about, where copies are taken
)
Index("ix_journal_waiting_whom", journal_waiting.c.whom)

# Copies that came of mail that applications sent, one row a recipient.
journal_copies = Table(
    "journal_copies",
    metadata,
    Column("copy", String(64), primary_key=True),  # a digest of its signature
    Column("address_id", String(48), primary_key=True),
    Column("provider", String(40), nullable=False),
    Column("message_id", String(40), nullable=False),
    Column("received_at", Micros, nullable=False, index=True),
    Column("bound_at", Micros),  # when a word of the provider was first heard of it
)
Index("ix_journal_copies_came", journal_copies.c.provider, journal_copies.c.received_at)
Index(
    "ix_journal_copies_open",
    journal_copies.c.address_id,
    sqlite_where=journal_copies.c.bound_at.is_(None),
    postgresql_where=journal_copies.c.bound_at.is_(None),
)

journal_days = Table(
    "journal_days",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("day", Integer, primary_key=True),  # days since the epoch
    Column("count", Integer, nullable=False),
)

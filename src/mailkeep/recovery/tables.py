"""Tables of the recovery room. They hold no address: the account's contact points do."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from mailkeep.store.schema import Micros, metadata

recoveries = Table(
    "recoveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("address_key", String(48), nullable=False),  # pseudonym of what was typed
    Column(
        "account_id",
        String(40),
        ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=True,
        index=True,
    ),
    Column("asked_by", String(48), nullable=False, index=True),  # pseudonym of the browser
    Column("network", String(48), nullable=False),
    Column("known_browser", Boolean, nullable=False),
    Column("asked_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("due_at", Micros),  # when the planner must look at it
    Column("factor_tries", Integer, nullable=False),
    Column("stopped_at", Micros),  # first wrong or missing second factor
    Column("denied_at", Micros),
    Column("ended_at", Micros),
    Column("why", String(24)),
    Column("application", String(40), nullable=False, server_default=""),  # "": our own accounts
    Column("degraded", Boolean, nullable=False, server_default=false()),  # over one route alone
    Column("turn", String(12), nullable=False, server_default="fresh"),
    Column("crowded", Boolean, nullable=False, server_default=false()),  # beyond a network's share
    # What its network lies in, and the address; the latter only while it waits.
    Column("region", String(48), nullable=False, server_default=""),
    Column("area", String(48), nullable=False, server_default=""),
    Column("host", String(48), nullable=False, server_default=""),
)
# What the planner looks for, as ``turns`` goes through it; everything else is not in it.
Index(
    "ix_recoveries_turns",
    recoveries.c.turn,
    recoveries.c.region,
    recoveries.c.area,
    recoveries.c.network,
    recoveries.c.host,
    recoveries.c.due_at,
    sqlite_where=recoveries.c.due_at.is_not(None),
    postgresql_where=recoveries.c.due_at.is_not(None),
)

proofs = Table(
    "recovery_proofs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "recovery_id",
        String(40),
        ForeignKey("recoveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("kind", String(4), nullable=False),
    Column("lookup", String(64), unique=True),  # keyed hash of a link's secret
    Column("slow", String(200)),  # slow salted hash of a code
    Column("message_id", String(40), nullable=False, index=True),
    Column("provider", String(40), nullable=False),  # the only one that may carry it
    Column("minted_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("voided_at", Micros),
)
Index("ix_recovery_proofs_provider", proofs.c.provider, proofs.c.minted_at)

# A proof counts for each browser that shows it: were it the first one's alone, who reads at one
# provider would use up every owner's. A browser needs both proofs, so it gains nothing by one.
redemptions = Table(
    "recovery_redemptions",
    metadata,
    Column(
        "proof_id",
        String(40),
        ForeignKey("recovery_proofs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("browser", String(48), primary_key=True),
    Column("at", Micros, nullable=False),
)
Index("ix_recovery_redemptions_browser", redemptions.c.browser)

denials = Table(
    "recovery_denials",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column(
        "recovery_id",
        String(40),
        ForeignKey("recoveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("provider", String(40), nullable=False),  # "": any route might have carried it
    Column("made_at", Micros, nullable=False),
    Column("used_at", Micros),
)

# A hold belongs to the browser that showed both proofs: another one that shows them too, and that
# the account knows, need not wait for it.
holds = Table(
    "recovery_holds",
    metadata,
    Column(
        "recovery_id",
        String(40),
        ForeignKey("recoveries.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("browser", String(48), primary_key=True),
    Column("length", BigInteger, nullable=False),  # microseconds
    Column("reasons", Text, nullable=False),  # joined with commas
    Column("factor", Boolean, nullable=False),  # one was proved
    Column("lost", Boolean, nullable=False),  # one was said to be lost
    Column("held_at", Micros, nullable=False),
    Column("clock_at", Micros),  # when notices had left over two independent routes
    Column("until", Micros),
)
Index("ix_recovery_holds_browser", holds.c.browser)
Index(
    "ix_recovery_holds_waiting",
    holds.c.held_at,
    sqlite_where=holds.c.clock_at.is_(None),
    postgresql_where=holds.c.clock_at.is_(None),
)

# The mails that tell of a hold: its clock starts by them.
hold_notices = Table(
    "recovery_hold_notices",
    metadata,
    Column("message_id", String(40), primary_key=True),
    Column(
        "recovery_id",
        String(40),
        ForeignKey("recoveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("provider", String(40), nullable=False),  # the only one that may carry it, or ""
)

# The mails that tell of a held change of an account, until they have left over two routes.
change_notices = Table(
    "change_notices",
    metadata,
    Column("message_id", String(40), primary_key=True),
    Column("change_id", String(40), nullable=False, index=True),
    Column("provider", String(40), nullable=False),  # the only one that may carry it, or ""
)

# Link mails of no recovery, through one provider each, to nobody: who shows one has read it there.
decoys = Table(
    "recovery_decoys",
    metadata,
    Column("lookup", String(64), primary_key=True),  # keyed hash of the link's secret
    Column("provider", String(40), nullable=False),
    Column("planted_at", Micros, nullable=False, index=True),
)

# What is held against a route just now, as the rooms above say it.
suspicions = Table(
    "recovery_suspicions",
    metadata,
    Column("provider", String(40), primary_key=True),  # "": a campaign, about no route
    Column("hypothesis", String(40), primary_key=True),
    Column("since", Micros, nullable=False),
)

# Operators want recoveries held: of some routes, of one account, or all ("" and "").
hold_orders = Table(
    "recovery_hold_orders",
    metadata,
    Column("id", String(40), primary_key=True),  # what it was ordered for
    Column("provider", String(40), primary_key=True),
    Column("account_id", String(40), primary_key=True),
    Column("until", Micros, nullable=False),
)

# An application sent a browser here (RFC 6749 section 4.1.1), and wants it back with a verdict.
verdict_requests = Table(
    "verdict_requests",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("application", String(40), nullable=False),
    Column("browser", String(48), nullable=False, index=True),
    Column("redirect_uri", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("used_at", Micros),
)

# What was proved, for an application that keeps its own accounts.
verdicts = Table(
    "verdicts",
    metadata,
    Column("id", String(40), primary_key=True),  # the ID token's jti
    Column("application", String(40), nullable=False),
    Column("account_id", String(40), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column(
        "recovery_id",
        String(40),
        ForeignKey("recoveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("state", String(12), nullable=False),
    Column("why", String(24)),
    Column("factor", String(12), nullable=False),
    Column("proofs", Text, nullable=False),  # JSON: what came over which parties
    Column("redirect_uri", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("code", String(64), nullable=False, unique=True),  # keyed hash
    Column("token", String(64), unique=True),  # keyed hash
    Column("made_at", Micros, nullable=False),
    Column("handed_at", Micros),
    Column("secured_at", Micros),
)
Index("ix_verdicts_account_id", verdicts.c.account_id)

# An application says that somebody asked it for a reset. Nothing here is a recovery: what would
# have become of one is worked out after the reply, and counts nowhere else.
rehearsals = Table(
    "recovery_rehearsals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("application", String(40), nullable=False),
    Column(
        "account_id",
        String(40),
        ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=True,
        index=True,
    ),
    Column("address_key", String(48), nullable=False),  # of what was typed, or of the subject
    Column("browser", String(48), nullable=False),  # of the application's own name for a device
    Column("network", String(48), nullable=False),
    Column("agent", String(48), nullable=False),
    Column("way", String(8), nullable=False),  # what the application was told
    Column("asked_at", Micros, nullable=False),
    Column("due_at", Micros),  # when it must be worked out
    Column("would", String(16)),
    Column("why", String(24), nullable=False, server_default=""),
    Column("factor", String(12), nullable=False, server_default=""),
    Column("reasons", Text, nullable=False, server_default=""),  # of the hold, joined with commas
    Column("length", BigInteger, nullable=False, server_default="0"),  # of it, microseconds
)
Index(
    "ix_recovery_rehearsals_due",
    rehearsals.c.due_at,
    sqlite_where=rehearsals.c.due_at.is_not(None),
    postgresql_where=rehearsals.c.due_at.is_not(None),
)

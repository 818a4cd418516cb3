"""Tables of the response room. They hold no address: the account's contact points do."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from mailkeep.store.schema import Micros, metadata

actions = Table(
    "actions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("by", String(80), nullable=False),
    Column("at", Micros, nullable=False),
    Column("preview", Text, nullable=False),
    Column("result", Text),
    # Where a long action resumes after a kill, and the lease of whoever works on it.
    Column("cursor", String(80), nullable=False),
    Column("lease_until", Micros),
    Column("first_at", Micros),  # when it was begun first
    Column("held", Text),  # why its playbook leaves it to people
    Column("applied_at", Micros),  # when it was done whole; NULL: not, or it was taken back
)
Index("ix_actions_one", actions.c.incident_id, actions.c.name, unique=True)
_RUNNING = actions.c.state == "running"
Index("ix_actions_running", actions.c.id, sqlite_where=_RUNNING, postgresql_where=_RUNNING)

# Accounts that a playbook with a limit on them touched, each once.
playbook_accounts = Table(
    "playbook_accounts",
    metadata,
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("name", String(40), primary_key=True),
    Column("account_id", String(40), primary_key=True),
)

# When a playbook began an action within a day, for its limit; without what failed.
playbook_runs = Table(
    "playbook_runs",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("at", Micros, primary_key=True, autoincrement=False),
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
)

# Requests of one operator that a second one has to approve.
approvals = Table(
    "approvals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", String(40), nullable=False),
    Column("step", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("mark", String(16), nullable=False),  # of the warnings that were shown
    Column("asked_by", String(80), nullable=False),
    Column("asked_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("decided_by", String(80)),
    Column("decided_at", Micros),
)
_WAITING = approvals.c.state == "waiting"
Index(
    "ix_approvals_waiting",
    approvals.c.incident_id,
    approvals.c.name,
    approvals.c.step,
    unique=True,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

# Cuts and restores by hand, and who confirmed them.
hand_cuts = Table(
    "hand_cuts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("provider", String(40), nullable=False),
    Column("by", String(80), nullable=False),
    Column("at", Micros, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("cut_at", Micros),  # NULL: only asked for
    Column("confirmed_by", String(80)),
    Column("confirmed_at", Micros),
    Column("flagged_at", Micros),
    Column("back_by", String(80)),
    Column("back_reason", String(200), nullable=False),
    Column("taken_back_at", Micros),  # by who cut it off, alone
    Column("ring_at", Micros),  # NULL: everybody has heard
    Column("rings", Integer, nullable=False),
    Column("ended_at", Micros),
)

# Who took lists of the exposed, for the limits on them.
exposed_lists = Table(
    "exposed_lists",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("person", String(80), nullable=False),
    Column("by", String(80), nullable=False),
    Column("until", Micros, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("contact_point_id", String(40), primary_key=True),
    Column("account_id", String(40), nullable=False),
    Column("message_id", String(40), nullable=False, index=True),
    Column("what", String(20), nullable=False),
    Column("at", Micros, nullable=False),
)

# Who was warned of phishing in our name.
advisories = Table(
    "advisories",
    metadata,
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("contact_point_id", String(40), primary_key=True),
    Column("message_id", String(40), nullable=False, index=True),
    Column("at", Micros, nullable=False),
)

pages = Table(
    "pages",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "incident_id",
        String(40),
        ForeignKey("incidents.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("pager", String(80), nullable=False),
    Column("round", Integer, nullable=False),
    Column("why", String(12), nullable=False),
    Column("state", String(12), nullable=False),
    Column("gravity", Integer, nullable=False),
    Column("apart", Boolean, nullable=False),
    Column("at", Micros, nullable=False),
    Column("due_at", Micros),
    Column("tries", Integer, nullable=False),
)
Index("ix_pages_one", pages.c.incident_id, pages.c.round, pages.c.pager, unique=True)
_DUE = pages.c.due_at.is_not(None)
Index("ix_pages_due", pages.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)

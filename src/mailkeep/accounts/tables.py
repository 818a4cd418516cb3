"""Tables of the accounts room. Personal data is in ``contact_points`` and, for a time,
``former_contact_points``; while a change is held, in ``subject_changes``."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    text,
)

from mailkeep.store.schema import Micros, metadata


def _account(*, index: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(
        "account_id",
        String(40),
        ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=False,
        index=index or None,
        primary_key=primary_key,
    )


def _factor() -> Column[str]:
    return Column(
        "factor_id", String(40), ForeignKey("factors.id", ondelete="CASCADE"), primary_key=True
    )


accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("class", String(32), nullable=False),
    Column("class_since", Micros),  # NULL: since it was created
    # Classes that a key has taken it out of, and until when what they ask for still holds.
    Column("held_to", Text),
    Column("held_to_until", Micros),
    Column("created_at", Micros, nullable=False),
    Column("frozen_until", Micros),
    Column("frozen_why", String(12)),
    # "": one of ours. Else whose user it is, and what that application calls them.
    Column("application", String(40), nullable=False, server_default=""),
    Column("subject", String(255)),
    Column("factor", String(12)),  # of a subject: who keeps the second factor
    Column("locale", String(35)),
    Column("erased_at", Micros),  # what else there was is gone; nobody signs in, nobody recovers
)
Index(
    "ix_accounts_erased_at",
    accounts.c.erased_at,
    sqlite_where=accounts.c.erased_at.is_not(None),
    postgresql_where=accounts.c.erased_at.is_not(None),
)
Index(
    "ix_accounts_subject",
    accounts.c.application,
    accounts.c.subject,
    unique=True,
    sqlite_where=accounts.c.subject.is_not(None),
    postgresql_where=accounts.c.subject.is_not(None),
)

contact_points = Table(
    "contact_points",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("address_key", String(48), nullable=False, index=True),  # pseudonym
    Column("address", String(320), nullable=False),
    Column("kind", String(8), nullable=False, server_default="mail"),
    Column("created_at", Micros, nullable=False),
    Column("confirmed_at", Micros),
    Column("application", String(40), nullable=False, server_default=""),  # as of the account
    # Changes under way: until they are settled, recovery goes by what was there before them.
    Column("added_by", String(40)),
    Column("removed_by", String(40)),
)
# Anyone may claim an address; one account of ours, or of an application, has it once it is
# confirmed. Two applications may know one person.
Index(
    "ix_contact_points_confirmed",
    contact_points.c.address_key,
    contact_points.c.application,
    unique=True,
    sqlite_where=contact_points.c.confirmed_at.is_not(None),
    postgresql_where=contact_points.c.confirmed_at.is_not(None),
)

# Addresses that were removed: apart, so that nothing that signs in or recovers can meet them.
former_contact_points = Table(
    "former_contact_points",
    metadata,
    Column("id", String(40), primary_key=True),  # of the contact point that it was
    _account(index=True),
    Column("address_key", String(48), nullable=False, index=True),
    Column("address", String(320), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("application", String(40), nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("confirmed_at", Micros, nullable=False),
    Column("change_id", String(40)),  # that removed it; NULL: it was taken off
    Column("cause", String(40), nullable=False),  # for which it was taken off; "": it was not
    Column("removed_at", Micros, nullable=False, index=True),
)

# What is forgotten when nobody confirms it.
Index(
    "ix_contact_points_unconfirmed",
    contact_points.c.id,
    sqlite_where=contact_points.c.confirmed_at.is_(None),
    postgresql_where=contact_points.c.confirmed_at.is_(None),
)

changes = Table(
    "account_changes",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("what", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("contact_point_id", String(40)),
    Column("factor", Boolean, nullable=False),  # a bound one was shown for it
    Column("at", Micros, nullable=False),
    Column("until", Micros, nullable=False),
    Column("told_at", Micros),
    Column("ended_at", Micros),
    Column("stopped_by", String(40)),  # ``owner``, or the contact point whose notice said it
)
# What is settled when its time is over.
Index(
    "ix_account_changes_held",
    changes.c.until,
    sqlite_where=text("state = 'held'"),
    postgresql_where=text("state = 'held'"),
)

change_denials = Table(
    "change_denials",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column(
        "change_id",
        String(40),
        ForeignKey("account_changes.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("contact_point_id", String(40), nullable=False),  # whom it was mailed to
    Column("provider", String(80), nullable=False),  # the only one that carries it; "": any
    Column("used_at", Micros),
)

passwords = Table(
    "passwords",
    metadata,
    _account(primary_key=True),
    Column("hash", String(200), nullable=False),
    Column("set_at", Micros, nullable=False),
    Column("imported_at", Micros),  # until the first right password: another system's under ours
)
Index(
    "ix_passwords_imported",
    passwords.c.account_id,
    sqlite_where=passwords.c.imported_at.is_not(None),
    postgresql_where=passwords.c.imported_at.is_not(None),
)

# Every authenticator that was ever bound (SP 800-63B-4 section 4.1); what it proves with stands in
# the table of its kind, and only while it is bound.
factors = Table(
    "factors",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("kind", String(12), nullable=False),
    Column("name", String(64), nullable=False),
    Column("bound_at", Micros, nullable=False),
    Column("browser", String(48), nullable=False),
    Column("network", String(48), nullable=False),
    Column("last_used_at", Micros),
    Column("revoked_at", Micros),
    Column("revoked_why", String(12)),
    Column("leaves_at", Micros),  # the last one of an account goes after a hold
    Column("held_by", String(40)),  # the change that bound it, until that is settled
    Column("attested", Boolean, nullable=False, server_default=false()),  # a settled one was shown
)
Index(
    "ix_factors_leaving",
    factors.c.leaves_at,
    sqlite_where=factors.c.leaves_at.is_not(None),
    postgresql_where=factors.c.leaves_at.is_not(None),
)

factor_failures = Table(
    "factor_failures",
    metadata,
    _factor(),
    Column("way", String(12), primary_key=True),
    Column("count", Integer, nullable=False),  # in a row
)

totp_factors = Table(
    "totp_factors",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("confirmed_at", Micros),
    Column("last_step", BigInteger, nullable=False),  # the newest time step that was used up
)

passkeys = Table(
    "passkeys",
    metadata,
    _factor(),
    _account(index=True),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", String(80), nullable=False),
    Column("synced", Boolean, nullable=False),
)

passkey_challenges = Table(
    "passkey_challenges",
    metadata,
    Column("challenge", String(48), primary_key=True),
    Column("account_id", String(40), ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("purpose", String(8), nullable=False),
    Column("browser", String(48), nullable=False),
    Column("expires_at", Micros, nullable=False, index=True),
)

saved_codes = Table(
    "saved_codes",
    metadata,
    _factor(),
    Column("selector", String(4), primary_key=True),  # the part of a code that is no secret
    Column("hash", String(200), nullable=False),
    Column("used_at", Micros),
)

# When an account was first told that it must have a factor, and how often since.
factor_demands = Table(
    "factor_demands",
    metadata,
    _account(primary_key=True),
    Column("told_at", Micros, nullable=False),
    Column("last_from", Micros),  # the first sign-in after the deadline
    Column("mails", Integer, nullable=False),
    Column("mailed_at", Micros),
    Column("dismissed_at", Micros),
    # Operators want a factor bound at the next sign-in, since when and for which incident.
    Column("ordered_at", Micros),
    Column("ordered_for", String(40)),
)

factor_exemptions = Table(
    "factor_exemptions",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("reason", String(400), nullable=False),
    Column("made_by", String(120), nullable=False),
    Column("made_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("ended_at", Micros),
)

# How many accounts of a class had which factor, at the end of each day.
factor_adoption = Table(
    "factor_adoption",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("class", String(40), primary_key=True),
    Column("kind", String(12), primary_key=True),
    Column("accounts", Integer, nullable=False),
)

sessions = Table(
    "account_sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("stage", String(8), nullable=False),
    Column("browser", String(48), nullable=False),
    Column("network", String(48), nullable=False),
    Column("agent", String(48), nullable=False, server_default=""),  # pseudonym of its family
    Column("place", String(8)),  # a country, where a proxy of ours tells it
    Column("created_at", Micros, nullable=False),
    Column("seen_at", Micros, nullable=False),
    Column("ended_at", Micros),
    Column("ended_why", String(12)),
    Column("confirmed_at", Micros),  # when everything was shown again
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("handle", String(64), nullable=False, unique=True),
    # NULL: the address was taken; the row is there so that both cases do the same work.
    Column("contact_point_id", String(40), ForeignKey("contact_points.id", ondelete="CASCADE")),
    Column("code", String(200), nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used_at", Micros),
)

tries = Table(
    "tries",
    metadata,
    Column("of", String(48), primary_key=True),  # pseudonym of an address, or an account's id
    Column("lane", String(80), primary_key=True),
    Column("since", Micros, nullable=False, index=True),
    Column("count", Integer, nullable=False),
)

applications = Table(
    "applications",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("secret", String(64), nullable=False),  # keyed hash
    Column("redirects", Text, nullable=False),  # one a line
    Column("home", String(500), nullable=False),  # where its users begin; "" when it has not said
    Column("share", Integer, nullable=False, server_default="100"),  # percent recovered here
    Column("signs_in", Boolean, nullable=False, server_default=false()),  # its users are kept here
    Column("created_at", Micros, nullable=False),
    Column("secret_at", Micros, nullable=False),
    Column("revoked_at", Micros),
)

# Who is signed in here, told to an application: a code, then the token that it asks again with.
sign_in_grants = Table(
    "sign_in_grants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("application", String(40), nullable=False),
    _account(index=True),
    Column("session_id", String(40), nullable=False),
    Column("redirect_uri", String(500), nullable=False),
    Column("nonce", Text, nullable=False),
    Column("challenge", String(43), nullable=False),
    Column("mail", Boolean, nullable=False),  # it is told an address
    Column("code", String(64), nullable=False, unique=True),  # keyed hash
    Column("token", String(64), unique=True),  # keyed hash, once the code was used
    Column("made_at", Micros, nullable=False),
    Column("revoked_why", String(20)),
)

# What an application wants changed of a subject, while it is held.
subject_changes = Table(
    "subject_changes",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("application", String(40), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("what", String(80), nullable=False, server_default=""),  # words for its owner
    Column("wanted", Text, nullable=False),  # personal: emptied when the change has ended
    Column("key_id", String(40), nullable=False),
    Column("made_at", Micros, nullable=False),
    Column("told_at", Micros),  # when its owner was told; before that it is not good
    # When it is good, or, while nobody agreed, when it lapses. None: it has ended.
    Column("due_at", Micros, index=True),
    Column("agreed_at", Micros),
    Column("agreed_by", String(12)),  # ``owner`` or ``application``
    Column("ended_at", Micros),
    Column("why", String(12)),
    Column("stopped_by", String(40)),  # the provider of the mail that it was stopped with
)

# Secrets with which an owner stops a change, or agrees to it.
subject_stops = Table(
    "subject_stops",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column(
        "change_id",
        String(40),
        ForeignKey("subject_changes.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("provider", String(40), nullable=False),
    Column("agreed_at", Micros),
)

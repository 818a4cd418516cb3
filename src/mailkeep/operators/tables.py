"""Tables of the operators room. ``name`` is personal: an operator's name from the OpenID
provider."""

from sqlalchemy import Column, Index, String, Table

from mailkeep.store.schema import Micros, metadata

operators = Table(
    "operators",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("who", String(64), nullable=False, unique=True),  # keyed hash of issuer and subject
    Column("name", String(120), nullable=False),
    Column("role", String(20)),  # NULL: no group of theirs has one any more
    Column("first_at", Micros, nullable=False),
    Column("last_at", Micros, nullable=False),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40)),  # of an API key; or
    Column("operator_id", String(40)),  # of whom a provider named
    Column("account_id", String(40)),  # whose passkey was shown beside the key
    Column("sid", String(64)),  # keyed hash of the provider's own name for the session
    Column("began_at", Micros, nullable=False),
    Column("until", Micros, nullable=False),
    Column("seen_at", Micros),  # to the minute; NULL: not since it began
)
# Whose passkey was shown beside a key of whom: two owners with one passkey are one person.
operator_passkeys = Table(
    "operator_passkeys",
    metadata,
    Column("owner", String(80), primary_key=True),
    Column("account_id", String(40), primary_key=True),
    Column("at", Micros, nullable=False),
)
_NAMED = operator_sessions.c.operator_id.is_not(None)
Index(
    "ix_operator_sessions_operator",
    operator_sessions.c.operator_id,
    sqlite_where=_NAMED,
    postgresql_where=_NAMED,
)

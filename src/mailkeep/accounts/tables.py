"""Tables of the accounts room. Personal data stands in ``contact_points`` only."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

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


accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("class", String(32), nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("frozen_until", Micros),
)

contact_points = Table(
    "contact_points",
    metadata,
    Column("id", String(40), primary_key=True),
    _account(index=True),
    Column("address_key", String(48), nullable=False, index=True),  # pseudonym
    Column("address", String(320), nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("confirmed_at", Micros),
)
# Anyone may claim an address; one account has it once it is confirmed.
Index(
    "ix_contact_points_confirmed",
    contact_points.c.address_key,
    unique=True,
    sqlite_where=contact_points.c.confirmed_at.is_not(None),
    postgresql_where=contact_points.c.confirmed_at.is_not(None),
)

# What is forgotten when nobody confirms it.
Index(
    "ix_contact_points_unconfirmed",
    contact_points.c.id,
    sqlite_where=contact_points.c.confirmed_at.is_(None),
    postgresql_where=contact_points.c.confirmed_at.is_(None),
)

passwords = Table(
    "passwords",
    metadata,
    _account(primary_key=True),
    Column("hash", String(200), nullable=False),
    Column("set_at", Micros, nullable=False),
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
Index(
    "ix_totp_factors_bound",
    totp_factors.c.account_id,
    unique=True,
    sqlite_where=totp_factors.c.confirmed_at.is_not(None),
    postgresql_where=totp_factors.c.confirmed_at.is_not(None),
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
    Column("created_at", Micros, nullable=False),
    Column("seen_at", Micros, nullable=False),
    Column("ended_at", Micros),
    Column("ended_why", String(12)),
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

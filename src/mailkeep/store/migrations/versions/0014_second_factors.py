"""Second factors: on record for good, passkeys, saved codes, who must have one."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "factor_adoption",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("class", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "class", "kind", name=op.f("pk_factor_adoption")),
    )
    op.create_table(
        "factor_demands",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("last_from", sa.BigInteger(), nullable=True),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), nullable=True),
        sa.Column("dismissed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_factor_demands_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_factor_demands")),
    )
    op.create_table(
        "factor_exemptions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_factor_exemptions_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_exemptions")),
    )
    with op.batch_alter_table("factor_exemptions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_factor_exemptions_account_id"), ["account_id"], unique=False
        )

    op.create_table(
        "factors",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("network", sa.String(length=48), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_why", sa.String(length=12), nullable=True),
        sa.Column("leaves_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_factors_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
    )
    with op.batch_alter_table("factors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_factors_account_id"), ["account_id"], unique=False)
        batch_op.create_index(
            "ix_factors_leaving",
            ["leaves_at"],
            unique=False,
            sqlite_where=sa.text("leaves_at IS NOT NULL"),
            postgresql_where=sa.text("leaves_at IS NOT NULL"),
        )

    op.create_table(
        "passkey_challenges",
        sa.Column("challenge", sa.String(length=48), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_passkey_challenges_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_passkey_challenges")),
    )
    with op.batch_alter_table("passkey_challenges", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_passkey_challenges_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "factor_failures",
        sa.Column("factor_id", sa.String(length=40), nullable=False),
        sa.Column("way", sa.String(length=12), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["factors.id"],
            name=op.f("fk_factor_failures_factor_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("factor_id", "way", name=op.f("pk_factor_failures")),
    )
    op.create_table(
        "passkeys",
        sa.Column("factor_id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.String(length=80), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_passkeys_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["factor_id"], ["factors.id"], name=op.f("fk_passkeys_factor_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("factor_id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential", name=op.f("uq_passkeys_credential")),
    )
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkeys_account_id"), ["account_id"], unique=False)

    op.create_table(
        "saved_codes",
        sa.Column("factor_id", sa.String(length=40), nullable=False),
        sa.Column("selector", sa.String(length=4), nullable=False),
        sa.Column("hash", sa.String(length=200), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["factor_id"], ["factors.id"], name=op.f("fk_saved_codes_factor_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("factor_id", "selector", name=op.f("pk_saved_codes")),
    )
    with op.batch_alter_table("account_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("confirmed_at", sa.BigInteger(), nullable=True))

    # An app that is bound stays bound.
    op.execute(
        "INSERT INTO factors (id, account_id, kind, name, bound_at, browser, network)"
        " SELECT id, account_id, 'totp', 'Authenticator app', confirmed_at, '', ''"
        " FROM totp_factors WHERE confirmed_at IS NOT NULL"
    )

"""Tables of the recovery room."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recovery_decoys",
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("planted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("pk_recovery_decoys")),
    )
    op.create_index(
        op.f("ix_recovery_decoys_planted_at"), "recovery_decoys", ["planted_at"], unique=False
    )
    op.create_table(
        "recovery_hold_orders",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "id", "provider", "account_id", name=op.f("pk_recovery_hold_orders")
        ),
    )
    op.create_table(
        "recovery_suspicions",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("hypothesis", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "hypothesis", name=op.f("pk_recovery_suspicions")),
    )
    op.create_table(
        "verdict_requests",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict_requests")),
    )
    op.create_index(
        op.f("ix_verdict_requests_browser"), "verdict_requests", ["browser"], unique=False
    )
    op.create_table(
        "recoveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("address_key", sa.String(length=48), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("asked_by", sa.String(length=48), nullable=False),
        sa.Column("network", sa.String(length=48), nullable=False),
        sa.Column("known_browser", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("factor_tries", sa.Integer(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.Column("denied_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=24), nullable=True),
        sa.Column("application", sa.String(length=40), server_default="", nullable=False),
        sa.Column("degraded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_recoveries_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    op.create_index(op.f("ix_recoveries_account_id"), "recoveries", ["account_id"], unique=False)
    op.create_index(op.f("ix_recoveries_asked_by"), "recoveries", ["asked_by"], unique=False)
    op.create_index(
        "ix_recoveries_due",
        "recoveries",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "recovery_denials",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("recovery_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_recovery_denials_recovery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_recovery_denials")),
    )
    op.create_index(
        op.f("ix_recovery_denials_recovery_id"), "recovery_denials", ["recovery_id"], unique=False
    )
    op.create_table(
        "recovery_hold_notices",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("recovery_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_recovery_hold_notices_recovery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_recovery_hold_notices")),
    )
    op.create_index(
        op.f("ix_recovery_hold_notices_recovery_id"),
        "recovery_hold_notices",
        ["recovery_id"],
        unique=False,
    )
    op.create_table(
        "recovery_holds",
        sa.Column("recovery_id", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("factor", sa.Boolean(), nullable=False),
        sa.Column("lost", sa.Boolean(), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_at", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_recovery_holds_recovery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recovery_id", "browser", name=op.f("pk_recovery_holds")),
    )
    op.create_index("ix_recovery_holds_browser", "recovery_holds", ["browser"], unique=False)
    op.create_index(
        "ix_recovery_holds_waiting",
        "recovery_holds",
        ["held_at"],
        unique=False,
        sqlite_where=sa.text("clock_at IS NULL"),
        postgresql_where=sa.text("clock_at IS NULL"),
    )
    op.create_table(
        "recovery_proofs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recovery_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=True),
        sa.Column("slow", sa.String(length=200), nullable=True),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("minted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_recovery_proofs_recovery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_proofs")),
        sa.UniqueConstraint("lookup", name=op.f("uq_recovery_proofs_lookup")),
    )
    op.create_index(
        op.f("ix_recovery_proofs_message_id"), "recovery_proofs", ["message_id"], unique=False
    )
    op.create_index(
        "ix_recovery_proofs_provider", "recovery_proofs", ["provider", "minted_at"], unique=False
    )
    op.create_index(
        op.f("ix_recovery_proofs_recovery_id"), "recovery_proofs", ["recovery_id"], unique=False
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("recovery_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=24), nullable=True),
        sa.Column("factor", sa.String(length=12), nullable=False),
        sa.Column("proofs", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("handed_at", sa.BigInteger(), nullable=True),
        sa.Column("secured_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_verdicts_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_verdicts_recovery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("code", name=op.f("uq_verdicts_code")),
        sa.UniqueConstraint("token", name=op.f("uq_verdicts_token")),
    )
    op.create_index("ix_verdicts_account_id", "verdicts", ["account_id"], unique=False)
    op.create_index(op.f("ix_verdicts_recovery_id"), "verdicts", ["recovery_id"], unique=False)
    op.create_table(
        "recovery_redemptions",
        sa.Column("proof_id", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proof_id"],
            ["recovery_proofs.id"],
            name=op.f("fk_recovery_redemptions_proof_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("proof_id", "browser", name=op.f("pk_recovery_redemptions")),
    )
    op.create_index(
        "ix_recovery_redemptions_browser", "recovery_redemptions", ["browser"], unique=False
    )

"""Recoveries."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
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
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_recoveries_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    with op.batch_alter_table("recoveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recoveries_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recoveries_asked_by"), ["asked_by"], unique=False)
        batch_op.create_index(
            "ix_recoveries_due",
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
    with op.batch_alter_table("recovery_denials", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_recovery_denials_recovery_id"), ["recovery_id"], unique=False
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
    with op.batch_alter_table("recovery_proofs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_recovery_proofs_message_id"), ["message_id"], unique=False
        )
        batch_op.create_index(
            "ix_recovery_proofs_provider", ["provider", "minted_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_recovery_proofs_recovery_id"), ["recovery_id"], unique=False
        )

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
    with op.batch_alter_table("recovery_redemptions", schema=None) as batch_op:
        batch_op.create_index("ix_recovery_redemptions_browser", ["browser"], unique=False)

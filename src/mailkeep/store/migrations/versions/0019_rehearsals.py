"""Resets that applications tell of, and how many of an application's users are recovered here."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recovery_rehearsals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("address_key", sa.String(length=48), nullable=False),
        sa.Column("browser", sa.String(length=48), nullable=False),
        sa.Column("network", sa.String(length=48), nullable=False),
        sa.Column("agent", sa.String(length=48), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("would", sa.String(length=16), nullable=True),
        sa.Column("why", sa.String(length=24), server_default="", nullable=False),
        sa.Column("factor", sa.String(length=12), server_default="", nullable=False),
        sa.Column("reasons", sa.Text(), server_default="", nullable=False),
        sa.Column("length", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_recovery_rehearsals_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_rehearsals")),
    )
    op.create_index(
        op.f("ix_recovery_rehearsals_account_id"), "recovery_rehearsals", ["account_id"]
    )
    op.create_index(
        "ix_recovery_rehearsals_due",
        "recovery_rehearsals",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.add_column(
        "applications", sa.Column("share", sa.Integer(), server_default="100", nullable=False)
    )

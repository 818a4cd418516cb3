"""Holds, and what they rest on."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recovery_suspicions",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("hypothesis", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "hypothesis", name=op.f("pk_recovery_suspicions")),
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
    with op.batch_alter_table("recovery_hold_notices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_recovery_hold_notices_recovery_id"), ["recovery_id"], unique=False
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
    with op.batch_alter_table("recovery_holds", schema=None) as batch_op:
        batch_op.create_index("ix_recovery_holds_browser", ["browser"], unique=False)
        batch_op.create_index(
            "ix_recovery_holds_waiting",
            ["held_at"],
            unique=False,
            sqlite_where=sa.text("clock_at IS NULL"),
            postgresql_where=sa.text("clock_at IS NULL"),
        )

    with op.batch_alter_table("account_sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("agent", sa.String(length=48), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("place", sa.String(length=8), nullable=True))

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("frozen_why", sa.String(length=12), nullable=True))

    with op.batch_alter_table("recoveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("degraded", sa.Boolean(), server_default=sa.false(), nullable=False)
        )

"""What others saw: audit logs of other houses, and the journal of mail that applications sent."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "console_acts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("log", sa.String(length=40), nullable=False),
        sa.Column("party", sa.String(length=80), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.String(length=48), nullable=False),
        sa.Column("network", sa.String(length=48), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_by", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_acts")),
    )
    op.create_index(
        "ix_console_acts_log_received_at", "console_acts", ["log", "received_at"], unique=False
    )
    op.create_index("ix_console_acts_received_at", "console_acts", ["received_at"], unique=False)
    op.create_table(
        "journal",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("mail", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "mail", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_received_at"), "journal", ["received_at"], unique=False)
    op.create_table(
        "journal_waiting",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("claim_id", sa.String(length=200), nullable=False),
        sa.Column("mail", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "claim_id", name=op.f("pk_journal_waiting")),
    )
    op.create_index(
        op.f("ix_journal_waiting_received_at"), "journal_waiting", ["received_at"], unique=False
    )
    op.create_table(
        "journal_days",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day", name=op.f("pk_journal_days")),
    )

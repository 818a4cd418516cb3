"""Copies of mail as a journal; whose passkey was shown beside whose key."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "journal_copies",
        sa.Column("copy", sa.String(length=64), nullable=False),
        sa.Column("address_id", sa.String(length=48), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("copy", "address_id", name=op.f("pk_journal_copies")),
    )
    op.create_index(op.f("ix_journal_copies_received_at"), "journal_copies", ["received_at"])
    op.create_index("ix_journal_copies_came", "journal_copies", ["provider", "received_at"])
    op.create_index(
        "ix_journal_copies_open",
        "journal_copies",
        ["address_id"],
        sqlite_where=sa.text("bound_at IS NULL"),
        postgresql_where=sa.text("bound_at IS NULL"),
    )
    op.add_column("journal_waiting", sa.Column("whom", sa.String(length=48), nullable=True))
    op.create_index("ix_journal_waiting_whom", "journal_waiting", ["whom"])
    op.create_table(
        "operator_passkeys",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "account_id", name=op.f("pk_operator_passkeys")),
    )

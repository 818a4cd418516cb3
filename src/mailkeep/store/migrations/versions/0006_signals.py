"""Tables of the signals room."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "signal_receivers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("audience", sa.String(length=500), nullable=False),
        sa.Column("application", sa.String(length=40), server_default="", nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("old_hash", sa.String(length=64), nullable=True),
        sa.Column("old_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_receivers")),
        sa.UniqueConstraint("hash", name=op.f("uq_signal_receivers_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_signal_receivers_name")),
        sa.UniqueConstraint("old_hash", name=op.f("uq_signal_receivers_old_hash")),
    )
    op.create_table(
        "signal_sets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("receiver_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("fold", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("txn", sa.String(length=48), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["receiver_id"],
            ["signal_receivers.id"],
            name=op.f("fk_signal_sets_receiver_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_sets")),
    )
    op.create_index(op.f("ix_signal_sets_account_id"), "signal_sets", ["account_id"], unique=False)
    op.create_index(op.f("ix_signal_sets_ended_at"), "signal_sets", ["ended_at"], unique=False)
    op.create_index(
        "ix_signal_sets_fold",
        "signal_sets",
        ["receiver_id", "subject", "fold", "made_at"],
        unique=False,
    )
    op.create_index(
        "ix_signal_sets_waiting",
        "signal_sets",
        ["receiver_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "signal_streams",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("receiver_id", sa.String(length=40), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("endpoint", sa.String(length=2000), nullable=False),
        sa.Column("authorization", sa.LargeBinary(), nullable=True),
        sa.Column("requested", sa.Text(), nullable=True),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["receiver_id"],
            ["signal_receivers.id"],
            name=op.f("fk_signal_streams_receiver_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_streams")),
        sa.UniqueConstraint("receiver_id", name=op.f("uq_signal_streams_receiver_id")),
    )
    op.create_table(
        "signal_unwanted",
        sa.Column("stream_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["signal_streams.id"],
            name=op.f("fk_signal_unwanted_stream_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("stream_id", "subject", name=op.f("pk_signal_unwanted")),
    )

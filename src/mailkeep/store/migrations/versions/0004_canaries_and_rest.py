"""Canaries, mail to mailboxes of our own, and providers at rest."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "canaries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("marker_hash", sa.String(length=64), nullable=False),
        sa.Column("honey", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canaries")),
        sa.UniqueConstraint("message_id", name=op.f("uq_canaries_message_id")),
    )
    with op.batch_alter_table("canaries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_canaries_address_hash"), ["address_hash"], unique=False
        )
        batch_op.create_index("ix_canaries_created_at", ["created_at"], unique=False)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("ours", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.create_index(
            "ix_messages_ours",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("ours"),
            postgresql_where=sa.text("ours"),
        )

    with op.batch_alter_table("provider_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rested_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("rest_reason", sa.String(length=200), nullable=True))

"""doubts about providers, copies that go on alone, mailbox families, tags, late claims."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("provider_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("doubted_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.add_column(sa.Column("weight", sa.Float(), server_default="1.0", nullable=False))
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("copy_of", sa.String(length=40), nullable=True))
        batch_op.add_column(
            sa.Column("family", sa.String(length=8), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("tags", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(
            batch_op.f("ix_messages_copy_of"),
            ["copy_of"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NOT NULL"),
            postgresql_where=sa.text("copy_of IS NOT NULL"),
        )

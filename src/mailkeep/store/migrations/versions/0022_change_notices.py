"""The mails that tell of a held change, until they have left."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "change_notices",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_change_notices")),
    )
    op.create_index(op.f("ix_change_notices_change_id"), "change_notices", ["change_id"])

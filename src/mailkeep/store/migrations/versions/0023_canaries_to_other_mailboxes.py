"""Canaries say who keeps the mailbox that they go to."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "canaries",
        sa.Column("mailbox", sa.String(length=40), server_default="own", nullable=False),
    )

"""Since when what a feed has to tell waits, and what it can never be told."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("feeds", sa.Column("waiting_since", sa.BigInteger(), nullable=True))
    op.add_column("feeds", sa.Column("missed_since", sa.BigInteger(), nullable=True))

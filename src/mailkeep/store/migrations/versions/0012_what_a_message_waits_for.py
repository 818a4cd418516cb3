"""doubts about providers."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("provider_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("doubted_at", sa.BigInteger(), nullable=True))

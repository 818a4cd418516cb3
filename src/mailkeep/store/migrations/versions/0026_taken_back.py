"""When an action was begun first."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("actions", sa.Column("first_at", sa.BigInteger(), nullable=True))

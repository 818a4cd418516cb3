"""Changes of applications' users need somebody's agreement."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    what = sa.Column("what", sa.String(length=80), server_default="", nullable=False)
    op.add_column("subject_changes", what)
    op.add_column("subject_changes", sa.Column("agreed_at", sa.BigInteger(), nullable=True))
    op.add_column("subject_changes", sa.Column("agreed_by", sa.String(length=12), nullable=True))
    op.add_column("subject_stops", sa.Column("agreed_at", sa.BigInteger(), nullable=True))

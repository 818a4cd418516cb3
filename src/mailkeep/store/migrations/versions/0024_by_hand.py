"""What people say of an incident, and of the regulator's clock."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("incidents", sa.Column("said", sa.String(length=24), nullable=True))
    op.add_column("incidents", sa.Column("said_by", sa.String(length=80), nullable=True))
    op.add_column("incidents", sa.Column("said_at", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("said_since", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("said_until", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("aware_at", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("notified", sa.String(length=12), nullable=True))
    op.add_column("incidents", sa.Column("notified_at", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("notified_by", sa.String(length=80), nullable=True))
    op.add_column("incidents", sa.Column("notified_as", sa.Text(), nullable=True))

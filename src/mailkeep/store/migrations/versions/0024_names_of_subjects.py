"""Subjects of incidents by names as long as domains are."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. SQLite keeps to no length; to change the type there is to write the table anew."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("incidents", "subject_id", type_=sa.String(length=255))

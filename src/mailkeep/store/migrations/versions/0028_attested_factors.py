"""Whether another factor was shown when a factor was bound, for denials."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    attested: sa.Column[bool] = sa.Column(
        "attested", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("factors", attested)

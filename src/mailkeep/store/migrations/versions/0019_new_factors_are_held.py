"""New factors are held; two apps stand beside each other until the new one is settled. What a key
lowers of an account's class holds on for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("factors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_by", sa.String(length=40), nullable=True))
    op.drop_index("ix_totp_factors_bound", table_name="totp_factors")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_to", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("held_to_until", sa.BigInteger(), nullable=True))

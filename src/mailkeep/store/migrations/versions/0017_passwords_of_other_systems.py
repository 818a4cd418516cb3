"""Passwords whose hashes other systems made."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("passwords", schema=None) as batch_op:
        batch_op.add_column(sa.Column("imported_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_passwords_imported",
        "passwords",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("imported_at IS NOT NULL"),
        postgresql_where=sa.text("imported_at IS NOT NULL"),
    )

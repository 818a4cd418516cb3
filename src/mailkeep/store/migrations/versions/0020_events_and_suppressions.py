"""Since when what a feed has to tell waits; addresses that mail is held back from."""

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
    op.create_table(
        "suppressions",
        sa.Column("address_id", sa.String(length=48), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("listed_by", sa.String(length=80), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("address_id", "stream", "reason", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "ix_suppressions_expires_at",
        "suppressions",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )

"""Reports of others, each once, what of them was refused, and names that look like ours."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("reporter", sa.String(length=253), nullable=False),
        sa.Column("believed", sa.Boolean(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    op.create_index("ix_reports_received_at", "reports", ["received_at"])
    op.create_table(
        "reports_refused",
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=24), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "why", name=op.f("pk_reports_refused")),
    )
    op.create_table(
        "lookalikes",
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("way", sa.String(length=24), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("mx", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("address", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lookalikes")),
    )
    op.create_index("ix_lookalikes_checked_at", "lookalikes", ["checked_at"])

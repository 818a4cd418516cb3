"""Decoys: link mails of no recovery, through one provider each."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recovery_decoys",
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("planted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("pk_recovery_decoys")),
    )
    op.create_index(
        op.f("ix_recovery_decoys_planted_at"), "recovery_decoys", ["planted_at"], unique=False
    )

"""Whose turn it is with the planner of recoveries."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "recoveries",
        sa.Column("turn", sa.String(length=12), nullable=False, server_default="fresh"),
    )
    op.add_column(
        "recoveries",
        sa.Column("crowded", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("region", "area", "host"):
        op.add_column(
            "recoveries",
            sa.Column(name, sa.String(length=48), nullable=False, server_default=""),
        )
    op.execute("UPDATE recoveries SET turn = 'again' WHERE state IN ('open', 'held')")
    op.drop_index("ix_recoveries_due", table_name="recoveries")
    op.create_index(
        "ix_recoveries_turns",
        "recoveries",
        ["turn", "region", "area", "network", "host", "due_at"],
        sqlite_where=_DUE,
        postgresql_where=_DUE,
    )

"""What a playbook did, for its limits; why it leaves an action to people."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "playbook_accounts",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_playbook_accounts_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "incident_id", "name", "account_id", name=op.f("pk_playbook_accounts")
        ),
    )
    op.create_table(
        "playbook_runs",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_playbook_runs_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", "at", "incident_id", name=op.f("pk_playbook_runs")),
    )
    op.add_column("actions", sa.Column("held", sa.Text(), nullable=True))
    op.add_column("actions", sa.Column("applied_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE actions SET applied_at = at WHERE state = 'applied'")

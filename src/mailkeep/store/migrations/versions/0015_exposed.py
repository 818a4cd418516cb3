"""Counts of the exposure ledger, answers of the blast radius, lists, owners of keys."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("exposures", sa.Column("counted", sa.Boolean(), nullable=True))
    op.drop_index("ix_exposures_provider", table_name="exposures")
    op.create_index(
        "ix_exposures_uncounted",
        "exposures",
        ["first_at"],
        unique=False,
        sqlite_where=sa.text("counted IS NULL"),
        postgresql_where=sa.text("counted IS NULL"),
    )
    op.add_column(
        "api_keys", sa.Column("owner", sa.String(length=80), server_default="", nullable=False)
    )
    op.add_column("provider_states", sa.Column("cut_in", sa.String(length=40), nullable=True))
    op.add_column("provider_states", sa.Column("rest_in", sa.String(length=40), nullable=True))
    op.add_column("provider_states", sa.Column("cut_unsure", sa.Boolean(), nullable=True))
    op.add_column("message_bodies", sa.Column("again_by", sa.String(length=40), nullable=True))
    op.add_column("operator_sessions", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "exposed_firsts",
        sa.Column("address_id", sa.String(length=48), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address_id", "provider", name=op.f("pk_exposed_firsts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_exposed_firsts_provider",
        "exposed_firsts",
        ["provider", "first_at", "address_id"],
        unique=False,
    )
    op.create_table(
        "exposed_counts",
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "span", "provider", "start", "before", name=op.f("pk_exposed_counts")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blast_answers",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("blast", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_blast_answers_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("incident_id", "number", name=op.f("pk_blast_answers")),
    )
    op.create_table(
        "exposed_lists",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_exposed_lists_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exposed_lists")),
    )
    op.create_table(
        "hand_cuts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("cut_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_by", sa.String(length=80), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("flagged_at", sa.BigInteger(), nullable=True),
        sa.Column("back_by", sa.String(length=80), nullable=True),
        sa.Column("back_reason", sa.String(length=200), nullable=False),
        sa.Column("taken_back_at", sa.BigInteger(), nullable=True),
        sa.Column("ring_at", sa.BigInteger(), nullable=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_cuts")),
    )

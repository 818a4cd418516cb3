"""Tables of the cutover room, the weights that move, and an index over words against addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cutovers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("pace", sa.Text(), nullable=False),
        sa.Column("gates", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutovers")),
        sa.UniqueConstraint("live", name=op.f("uq_cutovers_live")),
    )
    op.create_table(
        "offboardings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("hostile", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offboardings")),
        sa.UniqueConstraint("provider", name=op.f("uq_offboardings_provider")),
    )
    op.create_table(
        "shifts",
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "source", name=op.f("pk_shifts")),
    )
    op.create_table(
        "cutover_streams",
        sa.Column("cutover_id", sa.String(length=40), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("backs", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["cutover_id"],
            ["cutovers.id"],
            name=op.f("fk_cutover_streams_cutover_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("cutover_id", "stream", name=op.f("pk_cutover_streams")),
    )
    op.create_table(
        "offboarding_items",
        sa.Column("offboarding_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("done_by", sa.String(length=80), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["offboarding_id"],
            ["offboardings.id"],
            name=op.f("fk_offboarding_items_offboarding_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("offboarding_id", "name", name=op.f("pk_offboarding_items")),
    )
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.create_index(
            "ix_claims_against",
            ["address_id"],
            unique=False,
            sqlite_where=sa.text("event IN ('bounced', 'complained', 'suppressed')"),
            postgresql_where=sa.text("event IN ('bounced', 'complained', 'suppressed')"),
        )

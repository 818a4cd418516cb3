"""What accounts at providers were, and how they changed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "posture_accounts",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.String(length=40), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("lists", sa.Text(), nullable=False),
        sa.Column("can_send", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_posture_accounts")),
    )
    op.create_table(
        "posture_changes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("strange", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.String(length=40), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_by", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posture_changes")),
    )
    with op.batch_alter_table("posture_changes", schema=None) as batch_op:
        batch_op.create_index("ix_posture_changes_account_at", ["account", "at"], unique=False)

    op.create_table(
        "posture_expected",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posture_expected")),
    )
    with op.batch_alter_table("posture_expected", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posture_expected_account"), ["account"], unique=False)

    op.create_table(
        "posture_items",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("list", sa.String(length=60), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "list", "item", name=op.f("pk_posture_items")),
    )

"""Applications whose users are kept here, and who is told to them to be signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "applications",
        sa.Column("signs_in", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "sign_in_grants",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("redirect_uri", sa.String(length=500), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_why", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_sign_in_grants_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_grants")),
        sa.UniqueConstraint("code", name=op.f("uq_sign_in_grants_code")),
        sa.UniqueConstraint("token", name=op.f("uq_sign_in_grants_token")),
    )
    op.create_index(op.f("ix_sign_in_grants_account_id"), "sign_in_grants", ["account_id"])

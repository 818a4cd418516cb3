"""Erasures and legal holds, anchors of the audit chain, mail that may be asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("accounts", sa.Column("erased_at", sa.BigInteger()))
    erased = sa.text("erased_at IS NOT NULL")
    op.create_index(
        "ix_accounts_erased_at",
        "accounts",
        ["erased_at"],
        sqlite_where=erased,
        postgresql_where=erased,
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    live = sa.text("state IN ('waiting', 'running')")
    op.create_index(
        "ix_erasures_live", "erasures", ["due_at"], sqlite_where=live, postgresql_where=live
    )
    op.create_index("ix_erasures_ended_at", "erasures", ["ended_at"])
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name="pk_legal_holds"),
    )
    op.create_table(
        "privacy_uses",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_privacy_uses"),
    )
    op.create_table(
        "genuine_mails",
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("message_id", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name="fk_genuine_mails_message_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code", name="pk_genuine_mails"),
        sa.UniqueConstraint("message_id", name="uq_genuine_mails_message_id"),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("place", sa.String(255), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(200)),
        sa.PrimaryKeyConstraint("place", name="pk_audit_anchors"),
    )

"""The index of signals is by sort, so that a flood of one pushes out no other."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_FIND = {"postgresql": "strpos", "sqlite": "instr"}
_SORT = """(CASE WHEN {0}(data, '"forger":"nobody"') > 0 THEN '0' ELSE '1' END
 || substr(data, 1, CASE WHEN {0}(data, '"subject":{{"kind":"account"') > 0
 OR {0}(data, '"subject":{{"kind":"domain"') > 0
 OR {0}(data, '"subject":{{"kind":"mailbox"') > 0 THEN {0}(data, ',"id":')
 ELSE {0}(data, ',"evidence":') END))"""


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_events_signals", table_name="events")
    sort = _SORT.format(_FIND[op.get_bind().dialect.name]).replace("\n", "")
    op.create_index(
        "ix_events_signals",
        "events",
        [sa.literal_column(sort), "position", "id"],
        unique=False,
        sqlite_where=sa.text("kind = 'watch.signal'"),
        postgresql_where=sa.text("kind = 'watch.signal'"),
    )

"""A round-robin scan over old rows, a piece at a time.

Rows that cannot be deleted yet, as bodies that stay while there is a sign against their provider,
are looked at once a round and not from the beginning each time: with a million of them that is a
second in which nothing else is written, and delivery reports that wait for it look like a silence.
"""

from sqlalchemy import ColumnElement, select

from mailkeep.store.database import Tx

LOOK = 20  #: times as many rows are looked at as are forgotten at most


class Round:
    """How far somebody has come. It is kept in memory alone: a start begins a new one."""

    def __init__(self) -> None:
        self.after = ""

    async def until(
        self, tx: Tx, ids: ColumnElement[str], before: str, limit: int
    ) -> tuple[str, str]:
        """The piece that is next, as ids: after the first, and up to the second.

        Args:
            ids: the column that is gone along.
            before: where the round ends.
            limit: how many rows are forgotten at most.
        """
        within = (ids > self.after, ids < before)
        last = select(ids).where(*within).order_by(ids).offset(limit * LOOK - 1).limit(1)
        return self.after, str(await tx.value(last) or before)

    def done(self, upto: str, before: str, found: str, *, full: bool) -> None:
        """A piece was looked through.

        Args:
            upto, before: of the piece, and of the round.
            found: the last that was forgotten; ``full``: there may be more of them in the piece.
        """
        if full:
            self.after = found
        else:
            self.after = "" if upto == before else upto

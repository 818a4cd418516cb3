"""Takes back mail that waits to be sent, and says exactly what of it has left.

A blind copy may be a message of its own (``Intake``), and leave before the mail that it is a copy
of does.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import or_, select

from mailkeep.base.errors import NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .intake import keyed
from .outbox import give_up, shred_bodies
from .queries import may_have_left
from .types import GiveUpReason, Status

_m = tables.messages


class TakenBack(msgspec.Struct, frozen=True):
    """What a sender took back. Its copies are those that go as messages of their own, by id.

    Attributes:
        message: the id of the message itself.
        back: nobody has it, and nobody gets it.
        unsure: it may have left before, with an answer that was lost; it goes nowhere else.
        stopped: copies that nobody has, and nobody gets.
        left: copies that have left, are leaving, or may have left.
        waiting: copies that wait still: where the message itself has left nothing is stopped.
    """

    message: str
    back: bool
    unsure: bool
    stopped: tuple[str, ...]
    left: tuple[str, ...]
    waiting: tuple[str, ...]

    def __str__(self) -> str:
        """In words, after 'it'."""
        if self.back:
            said = "will not be sent"
        elif self.unsure:
            said = "goes nowhere else, and may have left: an answer was lost"
        else:
            said = "has left, or is leaving"
        for word, some in (
            ("will not be sent either", self.stopped),
            ("have left, are leaving, or may have left", self.left),
            ("wait still", self.waiting),
        ):
            said += f"; copies that {word}: {', '.join(some)}" if some else ""
        return said


async def take_back(database: Database, tx: Tx, message: str) -> TakenBack:
    """Give up a message that waits to be sent, with its copies that wait by themselves. One that
    has left, or is leaving, stays as it is, and so do its copies: its sender may want them as well.

    Who asks again has the same answer.

    Raises:
        NotFound: there is no such message.
    """
    of = or_(_m.c.id == message, _m.c.copy_of == message)
    rows = await tx.all(select(_m).where(of).order_by(_m.c.id).with_for_update())
    itself = next((row for row in rows if row["id"] == message), None)
    if itself is None:
        raise NotFound("no such message")
    # Asked under the lock: a statement that waits for it sees no attempt that was made meanwhile.
    lost = await tx.all(select(_m.c.id).where(of, may_have_left()))
    unsure = {row["id"] for row in lost}
    waits = {Status.QUEUED.value, Status.GIVEN_UP.value}
    ends = itself["status"] in waits
    stopped: list[str] = []
    left: list[str] = []
    waiting: list[str] = []
    for row in rows:
        if row["status"] == Status.QUEUED.value and not ends:
            waiting.append(row["id"])
            continue
        if row["status"] == Status.QUEUED.value:
            why = GiveUpReason.CANCELLED
            fact = await give_up(tx, row["id"], row["stream"], row["address_id"], why)
            await record(database, tx, fact)
        elif ends and row["status"] == Status.GIVEN_UP.value:
            shred_bodies(tx, [row["id"]])  # nor is it sent again by hand
        gone = row["id"] in unsure or row["status"] not in waits
        (left if gone else stopped).append(row["id"])
    return TakenBack(
        message,
        back=message in stopped,
        unsure=ends and message in left,
        stopped=tuple(one for one in stopped if one != message),
        left=tuple(one for one in left if one != message),
        waiting=tuple(waiting),
    )


async def take_back_keyed(
    database: Database,
    tx: Tx,
    keys: KeyRing,
    idempotency: tuple[str, str],
    streams: Collection[str],
) -> TakenBack:
    """The same of the message that was handed in under an idempotency key.

    Args:
        idempotency: ``(caller, key)``: nobody takes back what another one handed in.
        streams: of which it may be; empty: of any.

    Raises:
        NotFound: there is no such message.
    """
    m = _m.c
    row = await tx.one(select(m.id, m.stream).where(m.idempotency == keyed(keys, idempotency)))
    if row is None or (streams and row["stream"] not in streams):
        raise NotFound("no message was handed in under this key")
    return await take_back(database, tx, row["id"])

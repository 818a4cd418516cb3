"""Accepts callers' messages, batched: many callers' in a few statements.

Security: whether a key is still valid is decided here, in the transaction that stores what it hands
in. The earlier check only let its body be read.
"""

from collections.abc import Sequence

import msgspec

from mailkeep.base.errors import Conflict, Invalid, NotSignedIn, Unavailable
from mailkeep.store.database import Tx
from mailkeep.store.errors import Unsettled
from mailkeep.store.shared import SharedCommit

from .api_keys import still_valid
from .intake import Intake
from .types import NewMessage, Taken


class InDoubt(Unavailable):
    """The database went away while it stored a message: nobody can tell now whether it did.

    Attributes:
        message: the id that the message has if it was stored; "" where it has an idempotency key,
            by which it can be sent again and is sent once.
    """

    slug = "in-doubt"

    def __init__(self, message: str) -> None:
        how = "ask for this message before you send it again" if message else "send it again"
        super().__init__(f"the database went away, and this may have been stored or not; {how}")
        self.message = message


#: What became of one message.
Outcome = Taken | Conflict | Invalid | InDoubt


class Handed(msgspec.Struct, frozen=True):
    """Checked messages that one caller hands in.

    Attributes:
        key: the id of the caller's key.
        all_or_none: one that cannot be taken stops the others.
    """

    key: str
    messages: Sequence[NewMessage]
    all_or_none: bool = False


class _Undone(Exception):
    """All or none, and one cannot be taken."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes


class Taking:
    """Takes in what keys hand in.

    Args:
        intake: stores messages.
        shared: whose commits they share.
    """

    def __init__(self, intake: Intake, shared: SharedCommit) -> None:
        self._intake = intake
        self._shared = shared

    async def take(self, handed: Handed, lane: int) -> list[Outcome]:
        """Store what may be stored; what became of each message, once it is durable. Where all or
        none was asked for and one of them is refused, nothing was stored.

        Raises:
            NotSignedIn: the key is not good any more; nothing was stored.
            Unavailable: the database is away or full; nothing was stored.
        """
        messages = [self._intake.named(one) for one in handed.messages]
        handed = msgspec.structs.replace(handed, messages=messages)
        try:
            return await self._shared.each(self._take, handed, lane, weight=_weight(messages))
        except Unsettled:
            return [InDoubt(one.id) for one in messages]

    async def _take(self, tx: Tx, parts: Sequence[Handed]) -> Sequence[list[Outcome] | NotSignedIn]:
        good = await still_valid(tx, {part.key for part in parts})
        free = [part for part in parts if part.key in good and not _bound(part)]
        taken = iter(
            await self._intake.accept_many(tx, [m for part in free for m in part.messages])
        )
        out: list[list[Outcome] | NotSignedIn] = []
        for part in parts:
            if part.key not in good:
                out.append(NotSignedIn("the API key has been revoked, or has expired"))
            elif _bound(part):
                out.append(await self._whole(tx, part.messages))
            else:
                out.append([next(taken) for _ in part.messages])
        return out

    async def _whole(self, tx: Tx, messages: Sequence[NewMessage]) -> list[Outcome]:
        try:
            async with tx.savepoint():
                outcomes: list[Outcome] = [*await self._intake.accept_many(tx, messages)]
                if not all(isinstance(one, Taken) for one in outcomes):
                    raise _Undone(outcomes)
                return outcomes
        except _Undone as undone:
            return undone.outcomes


def _weight(messages: Sequence[NewMessage]) -> int:
    """How many messages may come of these: a blind copy may be one of its own (``Intake``)."""
    return sum(1 + len(one.content.bcc) for one in messages)


def _bound(part: Handed) -> bool:
    """Whether its messages stand and fall together: one alone needs nothing for that."""
    return part.all_or_none and len(part.messages) > 1

"""Splits off a copy whose recipient was refused while the other recipients of the message were
served.

Nobody gets a mail twice where it is known that they got it. When a provider took the mail but
refused the recipient of a copy, that copy becomes a message of its own, which avoids this provider;
if no other provider may have it, and the refusal was temporary, the same one is asked again. When a
provider served the copies but not the message's own recipient, those copies are taken out of the
message before another provider gets it.

Secret mail has no copies, so what is read and written here is never sealed.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import select, tuple_, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import addresses
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.providers.types import ClaimKind, Outcome, OutcomeKind
from mailkeep.store.database import Database, Tx

from . import bodies, outbox, recipients, tables
from .events import CopySplit
from .intake import Intake
from .routing import backoff
from .types import Content, Job, NewMessage, Status, StreamSettings, Taken, split

_m, _b = tables.messages, tables.message_bodies

#: Refusals that pass: a relay defers whom it has no place for in this transaction (452).
_FOR_NOW = frozenset({OutcomeKind.DEFERRED, OutcomeKind.THROTTLED, OutcomeKind.UNAVAILABLE})

#: Words that a mail reached somebody, or that they want no more: who has it needs no other.
_REACHED = tuple(
    one.value
    for one in (
        *(ClaimKind.DELIVERED, ClaimKind.BOUNCED, ClaimKind.COMPLAINED),
        *(ClaimKind.OPENED, ClaimKind.CLICKED, ClaimKind.UNSUBSCRIBED),
    )
)

_draw = secrets.SystemRandom().random


class Parted(NamedTuple):
    """What a provider made of the copies of a message.

    Attributes:
        elsewhere: who was refused, and why, and is to be served by another provider.
        served: who has the mail, while its recipient has not.
    """

    job: Job
    elsewhere: tuple[tuple[str, OutcomeKind], ...]
    served: tuple[str, ...]


def parted(job: Job, outcome: Outcome | None) -> Parted | None:
    """What is to be done about the copies after an attempt (pure); None: nothing."""
    if outcome is None or not outcome.copies:
        return None
    # A copy goes on only with a message that goes on, and never with one that is over.
    over = job.ends(outcome.kind)
    elsewhere = tuple(
        (one.email, one.kind)
        for one in outcome.copies
        if over and one.kind is not OutcomeKind.ACCEPTED
    )
    served = tuple(
        one.email for one in outcome.copies if not over and one.kind is OutcomeKind.ACCEPTED
    )
    return Parted(job, elsewhere, served) if elsewhere or served else None


class Left(NamedTuple):
    """A copy that a provider says, later, it did not send. ``whom``: the pseudonym."""

    message: str
    provider: str
    whom: str


class Splitting:
    """Writes it.

    Args:
        intake: takes the copies in.
        streams: by name.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        intake: Intake,
        streams: Mapping[str, StreamSettings],
    ) -> None:
        self._database = database
        self._keys = keys
        self._intake = intake
        self._streams = streams

    async def write(self, tx: Tx, parts: Sequence[Parted]) -> None:
        """To be called before the attempts are written down: whoever's lease lapsed by then has
        nothing to say, and a body may be gone afterwards."""
        held = (_m.c.id, _m.c.attempt_id)
        rows = await tx.all(
            select(_m).where(
                tuple_(*held).in_([(one.job.message, one.job.attempt) for one in parts]),
                _m.c.status == Status.SENDING.value,
            )
        )
        mine = {row["id"]: row for row in rows}
        for one in parts:
            row = mine.get(one.job.message)
            body = None if row is None else await outbox.body(tx, one.job.message)
            if row is None or body is None:
                continue
            content = msgspec.json.decode(body, type=Content)
            gone = list(one.served)
            for email, because in one.elsewhere:
                if await self._split(tx, row, content, email, because, left=row["provider"]):
                    gone.append(email)
            if gone:
                rest = msgspec.json.encode(recipients.without(content, gone))
                this = update(_b).where(_b.c.message_id == one.job.message)
                await tx.run(this.values(data=rest))

    async def later(self, tx: Tx, copies: Sequence[Left]) -> None:
        """The same for copies whose provider had taken the mail and says afterwards that it did
        not send it to them. To be called while their messages are locked, before a body goes.

        A word that the mail did reach them, or that they want no more of it, stands against that,
        but for the word of one that was left: nobody who complained is sent the mail again. Each
        copy goes on once, and while there is a body: the word of a provider in an attacker's hands
        moves no more than that.
        """
        wanted = sorted({one.message for one in copies})
        rows = {row["id"]: row for row in await tx.all(select(_m).where(_m.c.id.in_(wanted)))}
        c = tables.claims.c
        left = [name for name, word in (await bodies.words(tx)).items() if not word.moves]
        told = select(c.message_id, c.address_id)
        told = told.where(c.message_id.in_(wanted), c.event.in_(_REACHED), c.provider.not_in(left))
        reached = {tuple(row) for row in await tx.tuples(told)}
        for one in copies:
            row = rows.get(one.message)
            if row is None or row["status"] == Status.GIVEN_UP.value or row["secret"]:
                continue
            body = await outbox.body(tx, one.message)
            if body is None or (one.message, one.whom) in reached:
                continue
            content = msgspec.json.decode(body, type=Content)
            email = self._copy_of(content, one.whom)
            because = OutcomeKind.SUPPRESSED_THERE
            if email is not None and await self._split(
                tx, row, content, email, because, left=one.provider
            ):
                rest = msgspec.json.encode(recipients.without(content, [email]))
                this = update(_b).where(_b.c.message_id == one.message)
                await tx.run(this.values(data=rest))

    def _copy_of(self, content: Content, whom: str) -> str | None:
        """The address of a copy; None: nobody who is still to get one."""
        for person in (*content.more_to, *content.cc, *content.bcc):
            if self._keys.pseudonym("address", addresses.key(person.email)) == whom:
                return person.email
        return None

    async def _split(
        self,
        tx: Tx,
        row: RowMapping,
        content: Content,
        email: str,
        because: OutcomeKind,
        *,
        left: str,
    ) -> bool:
        """Make a message of its own of a copy; False where no other provider may carry it and this
        one never will, or its time is over."""
        only = split(row["only"])
        avoid, send_at = tuple(dict.fromkeys((*split(row["avoid"]), left))), None
        routes = {route.provider for route in self._streams[row["stream"]].routes}
        if not (routes & set(only) if only else routes) - set(avoid):
            if because not in _FOR_NOW:
                return False  # the attempt's detail says that a copy was refused
            avoid, send_at = split(row["avoid"]), tx.now + backoff(1, _draw())
        copy = recipients.alone(content, email)
        new = NewMessage(
            stream=row["stream"],
            content=copy,
            only=only,
            avoid=avoid,
            send_at=send_at,
            expires_at=row["expires_at"],
            ours=row["ours"],
        )
        (taken,) = await self._intake.accept_many(tx, [new])
        if not isinstance(taken, Taken):
            return False
        await tx.run(update(_m).where(_m.c.id == taken.id).values(copy_of=row["id"]))
        address = self._keys.pseudonym("address", addresses.key(email))
        fact = CopySplit(
            message=row["id"],
            copy=taken.id,
            stream=row["stream"],
            address=address,
            left=left,
            because=because.value,
        )
        await record(self._database, tx, fact)
        return True

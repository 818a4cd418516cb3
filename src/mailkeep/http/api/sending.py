"""What is asked to be sent is checked, stored durably, and answered message by message."""

import asyncio
from collections.abc import Sequence

import msgspec

from mailkeep.base.errors import MailkeepError, NotSignedIn, Unavailable
from mailkeep.http.port import Running
from mailkeep.http.problems import Problem, problem_of
from mailkeep.mail import api_keys
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.types import NewMessage, Repeated
from mailkeep.store.database import Tx

from . import idempotency
from .batch import Asked
from .message_in import MessageIn, to_new

#: What became of one message: its id, or why it was refused.
Outcome = str | MailkeepError


class Sent(msgspec.Struct, omit_defaults=True):
    """One message that is now ours to deliver. ``repeated``: it was before, by the same
    idempotency key."""

    id: str
    repeated: bool = False


class Accepted(msgspec.Struct, omit_defaults=True, tag_field="status", tag="accepted"):
    """A message of a batch that is now ours to deliver."""

    id: str
    repeated: bool = False


class Refused(msgspec.Struct, tag_field="status", tag="refused"):
    """A message of a batch of which nothing was stored."""

    problem: Problem


class Results(msgspec.Struct):
    """What became of each message of a batch, in the order given."""

    results: list[Accepted | Refused]


class NoneAccepted(Problem, kw_only=True):
    """A batch of which no message was accepted, and why each was refused."""

    results: list[Accepted | Refused]


class Sending:
    """The messages of one request on their way into the house.

    Args:
        running: the services.
        grant: of the key that sends them.
        asked: what was sent.
        header: the idempotency key of the request.
    """

    def __init__(self, running: Running, grant: Grant, asked: Asked, header: str | None) -> None:
        self._running = running
        self._grant = grant
        self._asked = asked
        self._header = header

    async def take(self) -> list[Outcome]:
        """Take in what may be taken in; what became of each message, in order.

        Raises:
            MailkeepError: all or none was asked for, and one of them cannot be taken in.
        """
        checked = [self._check(index) for index in range(len(self._asked.items))]
        wrong = [one for one in checked if isinstance(one, MailkeepError)]
        if self._asked.all_or_none and wrong:
            raise wrong[0]
        good = {i: one for i, one in enumerate(checked) if isinstance(one, NewMessage)}
        done = await self._store(good)
        return [done[i] if i in done else self._error(one) for i, one in enumerate(checked)]

    @staticmethod
    def _error(one: NewMessage | MailkeepError) -> MailkeepError:
        assert isinstance(one, MailkeepError)
        return one

    def _check(self, index: int) -> NewMessage | MailkeepError:
        one, field = self._asked.items[index], self._asked.field(index)
        if isinstance(one, MailkeepError):
            return one
        try:
            return self._checked(one, field)
        except MailkeepError as error:
            return error

    def _checked(self, one: MessageIn, field: str) -> NewMessage:
        grant = self._grant  # let in by its network already
        # First of all: a key that is bound to some streams is not told which others there are.
        grant.require(Scope.SEND, streams=(one.stream,), network=None, field=field)
        key = idempotency.choose(self._header, one.idempotency_key, field)
        new = self._running.intake.check(to_new(one, grant.line, key, field), field=field)
        grant.require(Scope.SEND, senders=(new.content.sender,), network=None, field=field)
        return new

    async def _store(self, good: dict[int, NewMessage]) -> dict[int, Outcome]:
        """Store what was checked: in one commit where all or none was asked for, else the messages
        of each lane in their own, so that nobody takes bulk past a reset by adding one."""
        lanes: dict[int, dict[int, NewMessage]] = {}
        streams = self._running.streams
        lane = min((streams[new.stream].priority for new in good.values()), default=0)
        for index, new in good.items():
            own = lane if self._asked.all_or_none else streams[new.stream].priority
            lanes.setdefault(own, {})[index] = new
        stored = await asyncio.gather(*(self._commit(own, part) for own, part in lanes.items()))
        done = {index: outcome for part in stored for index, outcome in part.items()}
        for stream in {new.stream for i, new in good.items() if isinstance(done[i], str)}:
            self._running.dispatcher.wake(stream)
        return done

    async def _commit(self, lane: int, part: dict[int, NewMessage]) -> dict[int, Outcome]:
        async def store(tx: Tx) -> dict[int, Outcome] | MailkeepError:
            # What is refused is returned and not raised: the commit is shared with others, and
            # what raises in it has it done all over again for each of them.
            if self._grant.id not in await api_keys.still_valid(tx, {self._grant.id}):
                return NotSignedIn("the API key has been revoked, or has expired")
            if not self._asked.all_or_none:
                return {index: await self._accept(tx, index, new) for index, new in part.items()}
            try:
                async with tx.savepoint():
                    return {i: await self._accept(tx, i, new, hard=True) for i, new in part.items()}
            except MailkeepError as error:
                return error

        try:
            done = await self._running.shared.run(store, lane=lane, weight=len(part))
        except Unavailable as error:
            done = error
        if not isinstance(done, MailkeepError):
            return done
        if self._asked.all_or_none:
            raise done
        return dict.fromkeys(part, done)

    async def _accept(self, tx: Tx, index: int, new: NewMessage, *, hard: bool = False) -> Outcome:
        try:
            return await self._running.intake.accept(tx, new, field=self._asked.field(index))
        except MailkeepError as error:
            if hard:
                raise
            return error


def sent(outcome: Outcome) -> Sent:
    """The answer to a single message."""
    assert isinstance(outcome, str)
    return Sent(str(outcome), isinstance(outcome, Repeated))


def results(outcomes: Sequence[Outcome]) -> Results | NoneAccepted:
    """The answer to a batch.

    Raises:
        NotSignedIn, Unavailable: none was accepted, and for that reason alone.
    """
    each = [_result(one) for one in outcomes]
    if any(isinstance(one, str) for one in outcomes):
        return Results(each)
    first = outcomes[0]
    whole = isinstance(first, NotSignedIn | Unavailable)
    if whole and all(type(one) is type(first) for one in outcomes):
        raise first  # type: ignore[misc]
    return NoneAccepted(
        "/problems/none-accepted",
        "None accepted",
        422,
        "none of these messages was accepted",
        results=each,
    )


def _result(outcome: Outcome) -> Accepted | Refused:
    if isinstance(outcome, str):
        return Accepted(str(outcome), isinstance(outcome, Repeated))
    return Refused(problem_of(outcome))

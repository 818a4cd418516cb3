"""Handles a send request: validate, store durably, answer for each message."""

import asyncio
from collections.abc import Sequence

import msgspec

from mailkeep.base.errors import Invalid, MailkeepError, NotSignedIn, Unavailable
from mailkeep.http.port import Running
from mailkeep.http.problems import Problem, problem_of
from mailkeep.mail import tracing
from mailkeep.mail.fitting import Request
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.taking import Handed, InDoubt
from mailkeep.mail.types import NewMessage, Taken

from . import idempotency
from .batch import Asked
from .message_in import MessageIn, to_new
from .slices import sliced

IN_DOUBT = "the database went away, and these may have been stored or not; each says how to tell"

#: What became of one message.
Outcome = Taken | MailkeepError


class Sent(msgspec.Struct, omit_defaults=True):
    """One accepted message. ``repeated``: it was accepted before, by the same idempotency key."""

    id: str
    repeated: bool = False


class Accepted(msgspec.Struct, omit_defaults=True, tag_field="status", tag="accepted"):
    """An accepted message of a batch."""

    id: str
    repeated: bool = False


class Refused(msgspec.Struct, tag_field="status", tag="refused"):
    """A message of a batch of which nothing was stored."""

    problem: Problem


class Results(msgspec.Struct):
    """The result for each message of a batch, in the order given."""

    results: list[Accepted | Refused]


class NoneAccepted(Problem, kw_only=True):
    """A batch of which no message was accepted, and why; 503 if for each of them nobody can
    tell."""

    results: list[Accepted | Refused]


class Sending:
    """The messages of one request while they are being accepted.

    Args:
        running: the services.
        grant: of the key that sends them.
        asked: what was sent.
        header: the idempotency key of the request.
        trace: what is to be kept of its trace context.
    """

    def __init__(
        self,
        running: Running,
        grant: Grant,
        asked: Asked,
        header: str | None,
        trace: str | None = None,
    ) -> None:
        self._running = running
        self._grant = grant
        self._asked = asked
        self._header = header
        self._trace = trace
        self._request = Request()

    async def take(self, *, aside: bool) -> list[Outcome]:
        """Accept the messages that can be accepted; returns the result for each, in order.

        Args:
            aside: they are large, and checked in a thread: others are served meanwhile.

        Raises:
            MailkeepError: all or none was asked for, and one of them cannot be taken in.
        """
        count = range(len(self._asked.items))
        if aside:
            checked = await asyncio.to_thread(lambda: [self._check(index) for index in count])
        else:
            checked = [self._check(index) async for index in sliced(count)]
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
        # Checked first: a key that is restricted to some streams must not learn which others exist.
        grant.require(Scope.SEND, streams=(one.stream,), network=None, field=field)
        key = idempotency.choose(self._header, one.idempotency_key, field)
        new = tracing.traced(to_new(one, grant.line, key, field), self._trace)
        new = self._running.intake.check(new, field=field)
        apart = new.content.bcc if self._running.streams[new.stream].genuine else ()
        self._request.take(len(new.body or b""), len(apart), field)
        grant.require(Scope.SEND, senders=(new.content.sender,), network=None, field=field)
        return new

    async def _store(self, good: dict[int, NewMessage]) -> dict[int, Outcome]:
        """Store what was checked: in one piece where all or none was asked for, else the messages
        of each lane in their own, so that nobody takes bulk past a reset by adding one."""
        lanes: dict[int, dict[int, NewMessage]] = {}
        streams = self._running.streams
        lane = min((streams[new.stream].priority for new in good.values()), default=0)
        for index, new in good.items():
            own = lane if self._asked.all_or_none else streams[new.stream].priority
            lanes.setdefault(own, {})[index] = new
        parts = [self._take(own, part) for own, part in lanes.items()]
        stored = [await parts[0]] if len(parts) == 1 else await asyncio.gather(*parts)
        return {index: outcome for part in stored for index, outcome in part.items()}

    async def _take(self, lane: int, part: dict[int, NewMessage]) -> dict[int, Outcome]:
        handed = Handed(self._grant.id, list(part.values()), self._asked.all_or_none)
        try:
            found = await self._running.taking.take(handed, lane)
        except (NotSignedIn, Unavailable) as error:
            if self._asked.all_or_none:
                raise
            return dict.fromkeys(part, error)
        done = {
            index: self._named(outcome, index) for index, outcome in zip(part, found, strict=True)
        }
        if self._asked.all_or_none:
            for outcome in done.values():
                if isinstance(outcome, MailkeepError):
                    raise outcome
        return done

    def _named(self, outcome: Outcome, index: int) -> Outcome:
        """The outcome, with its field where it stands in the body."""
        if isinstance(outcome, Invalid):
            return Invalid(str(outcome), field=f"{self._asked.field(index)}{outcome.field or ''}")
        return outcome


def sent(outcome: Outcome) -> Sent:
    """The answer to a single message."""
    assert isinstance(outcome, Taken)
    return Sent(outcome.id, outcome.repeated)


def results(outcomes: Sequence[Outcome]) -> Results | NoneAccepted:
    """The answer to a batch.

    Raises:
        NotSignedIn, Unavailable: none was accepted, and for that reason alone.
    """
    each = [_result(one) for one in outcomes]
    if any(isinstance(one, Taken) for one in outcomes):
        return Results(each)
    first = outcomes[0]
    if isinstance(first, InDoubt) and all(isinstance(one, InDoubt) for one in outcomes):
        found = problem_of(first)
        return NoneAccepted(found.type, found.title, found.status, IN_DOUBT, results=each)
    if isinstance(first, NotSignedIn | Unavailable) and all(
        type(one) is type(first) for one in outcomes
    ):
        raise first
    return NoneAccepted(
        "/problems/none-accepted",
        "None accepted",
        422,
        "none of these messages was accepted",
        results=each,
    )


def _result(outcome: Outcome) -> Accepted | Refused:
    if isinstance(outcome, Taken):
        return Accepted(outcome.id, outcome.repeated)
    return Refused(problem_of(outcome))

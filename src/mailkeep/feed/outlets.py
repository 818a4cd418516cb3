"""Where lines go: standard output, a file, a webhook; and delivery events to applications.

When ``put`` returns, the outlet has the line; a kill before the checkpoint is written repeats it.
Nobody reads a torn line: what a kill left unfinished at the end of a file is removed before the
next line is written, which is that same one.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from mailkeep.base.clock import Clock, Instant, iso
from mailkeep.base.secret import Secret
from mailkeep.signals.reachable import Answer, Outbound

from . import delivery, signing
from .types import FILE, STDOUT, EventWebhookSettings, FeedSettings

LOOK_BACK = 1 << 20  #: octets in which the end of the last whole line is looked for
REFUSALS = frozenset({400, 413, 415, 422})  #: that say: not this line
ENOUGH_SECONDS = 20.0  #: after so long no further request of a turn begins; see ``services.LEASE``
AT_ONCE = 20  #: events of a turn, at least, however few go in one request


class Line(NamedTuple):
    """What is told: the id of its fact, when that happened, and the words."""

    id: str
    at: Instant
    data: bytes


class Put(msgspec.Struct, frozen=True):
    """The result of a delivery.

    Attributes:
        taken: how many were taken, from the first on.
        failure: why the next was not; empty when all were.
        refused: the next will not be taken for what it is.
        alone: nor is it the other side that takes nothing: the one after it was taken.
        wait: seconds for which the other side asks to be left alone.
    """

    taken: int
    failure: str = ""
    refused: bool = False
    alone: bool = False
    wait: int = 0


class Outlet(Protocol):
    """``batch``: how many lines are handed over before the place is written down."""

    batch: int

    async def put(self, lines: Sequence[Line], missed: Instant | None = None) -> Put:
        """Hand over line after line. Never raises for what the other side does.

        Args:
            missed: from when on the log had forgotten what came before the first of them.
        """
        ...

    async def close(self) -> None: ...


class Stdout:
    """Standard output; for a container, whose logs somebody collects."""

    batch = 200

    async def put(self, lines: Sequence[Line], missed: Instant | None = None) -> Put:
        del missed
        try:
            await asyncio.to_thread(self._write, b"".join(one.data + b"\n" for one in lines))
        except OSError as error:
            return Put(0, f"standard output: {error.strerror}")
        return Put(len(lines))

    def _write(self, data: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    async def close(self) -> None:
        return None


class File:
    """A file that grows. To rotate it, move it away: the next line creates a new one."""

    batch = 200

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, lines: Sequence[Line], missed: Instant | None = None) -> Put:
        del missed
        try:
            await asyncio.to_thread(self._write, b"".join(one.data + b"\n" for one in lines))
        except OSError as error:
            return Put(0, f"the file: {error.strerror}")
        return Put(len(lines))

    def _write(self, data: bytes) -> None:
        where = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = _whole(where)
            os.ftruncate(where, end)
            os.lseek(where, end, os.SEEK_SET)
            view = memoryview(data)
            while view:
                view = view[os.write(where, view) :]
            os.fsync(where)
        finally:
            os.close(where)

    async def close(self) -> None:
        return None


class _Posting:
    """Requests to one URL, signed; each is timed anew, so that a retry is no replay."""

    def __init__(self, url: str, keys: Sequence[bytes], outbound: Outbound, clock: Clock) -> None:
        self._url = url
        self._keys = tuple(keys)
        self._outbound = outbound
        self._clock = clock

    async def post(self, name: str, body: bytes) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "Mailkeep",
            **signing.headers(self._keys, name, self._clock.now(), body),
        }
        return await self._outbound.post(self._url, body, headers)

    async def close(self) -> None:
        await self._outbound.close()


class Webhook(_Posting):
    """A URL to which each line is posted, signed."""

    batch = 1  # each is taken or not for itself, and none that was taken need be told again

    async def put(self, lines: Sequence[Line], missed: Instant | None = None) -> Put:
        del missed
        for taken, one in enumerate(lines):
            answer = await self.post(one.id, one.data)
            if not _is_taken(answer):
                return Put(taken, _why(answer), answer.status in REFUSALS)
        return Put(len(lines))


class EventWebhook(_Posting):
    """An application's URL, to which delivery events are posted, several in one request.

    A request that is refused for what it is, is halved until the event is found that is not taken;
    whether the other side takes anything else at all tells the one after it.

    Args:
        most: events in one request.
    """

    def __init__(
        self, url: str, keys: Sequence[bytes], outbound: Outbound, clock: Clock, most: int
    ) -> None:
        super().__init__(url, keys, outbound, clock)
        self._most = most
        self.batch = max(most, AT_ONCE)

    async def put(self, lines: Sequence[Line], missed: Instant | None = None) -> Put:
        enough = time.monotonic() + ENOUGH_SECONDS
        taken, most = 0, self._most
        while taken < len(lines) and (not taken or time.monotonic() < enough):
            part = lines[taken : taken + most]
            answer = await self._tell(part, None if taken else missed)
            if _is_taken(answer):
                taken += len(part)
            elif answer.status in REFUSALS and len(part) > 1 and time.monotonic() < enough:
                most = len(part) // 2
            else:
                refused = answer.status in REFUSALS and len(part) == 1
                alone = refused and await self._takes_another(lines[taken + 1 :], enough)
                return Put(taken, _why(answer), refused, alone, answer.retry_after)
        return Put(taken)

    async def try_it(self) -> str:
        """Post a request without events; returns why it was not taken, or nothing."""
        now = self._clock.now()
        answer = await self.post(f"test_{now}", delivery.body(delivery.TEST, now, (), None))
        return "" if _is_taken(answer) else _why(answer)

    async def _tell(self, part: Sequence[Line], missed: Instant | None) -> Answer:
        gap = None if missed is None else delivery.MissedOut(iso(missed), iso(part[0].at))
        at = max(one.at for one in part)
        body = delivery.body(delivery.EVENTS, at, tuple(one.data for one in part), gap)
        # The same events have the same name each time. No full stop: it parts what is signed.
        name = part[0].id if len(part) == 1 else f"{part[0].id}_{len(part)}"
        return await self.post(name, body)

    async def _takes_another(self, rest: Sequence[Line], enough: float) -> bool:
        if not rest or time.monotonic() >= enough:
            return False
        return _is_taken(await self._tell(rest[:1], None))


def outlet(settings: FeedSettings, secret: Secret | None, clock: Clock) -> Outlet:
    """The outlet of a feed. Raises ``BadSettings`` for a secret that is none."""
    if settings.to == STDOUT:
        return Stdout()
    if settings.to.startswith(FILE):
        return File(Path(settings.to.removeprefix(FILE)))
    keys = [signing.key(secret or Secret(""))]
    return Webhook(settings.to, keys, settings.outbound(), clock)


def event_webhook(
    settings: EventWebhookSettings, secrets: Sequence[Secret], clock: Clock
) -> EventWebhook:
    """The outlet of a webhook of delivery events. Raises ``BadSettings`` for a secret that is none.

    Args:
        secrets: each signs; the newest first.
    """
    keys = [signing.key(one) for one in secrets]
    return EventWebhook(settings.to, keys, settings.outbound(), clock, settings.batch)


def _whole(file: int) -> int:
    """Where the last whole line of a file ends. What is longer than ``LOOK_BACK`` is no line of
    ours: nothing of it is touched."""
    size = os.fstat(file).st_size
    tail = os.pread(file, min(size, LOOK_BACK), max(0, size - LOOK_BACK))
    if not tail or tail.endswith(b"\n"):
        return size
    last = tail.rfind(b"\n") + 1
    return size - len(tail) + last if last or size <= LOOK_BACK else size


def _is_taken(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _why(answer: Answer) -> str:
    if answer.failure:
        return answer.failure
    if 300 <= answer.status < 400:
        return f"status {answer.status}: it points elsewhere, where nothing goes"
    return f"status {answer.status}"

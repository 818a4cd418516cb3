"""Destinations of a feed: standard output, a file, a webhook.

When ``put`` returns, the outlet has the line; a kill before the checkpoint is written repeats it.
Nobody reads a torn line: what a kill left unfinished at the end of a file is removed before the
next line is written, which is that same one.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mailkeep.base.clock import Clock
from mailkeep.base.secret import Secret
from mailkeep.signals.reachable import Answer

from . import signing
from .types import FILE, STDOUT, FeedSettings

LOOK_BACK = 1 << 20  #: octets in which the end of the last whole line is looked for
REFUSALS = frozenset({400, 413, 415, 422})  #: that say: not this line


class Put(msgspec.Struct, frozen=True):
    """The result of a delivery.

    Attributes:
        taken: how many were taken, from the first on.
        failure: why the next was not; empty when all were.
        refused: the next will not be taken for what it is.
    """

    taken: int
    failure: str = ""
    refused: bool = False


class Outlet(Protocol):
    """``batch``: how many lines are handed over before the place is written down."""

    batch: int

    async def put(self, lines: Sequence[tuple[str, bytes]]) -> Put:
        """Hand over (id, line) after (id, line). Never raises for what the other side does."""
        ...

    async def close(self) -> None: ...


class Stdout:
    """Standard output; for a container, whose logs somebody collects."""

    batch = 200

    async def put(self, lines: Sequence[tuple[str, bytes]]) -> Put:
        try:
            await asyncio.to_thread(self._write, b"".join(line + b"\n" for _, line in lines))
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

    async def put(self, lines: Sequence[tuple[str, bytes]]) -> Put:
        try:
            await asyncio.to_thread(self._write, b"".join(line + b"\n" for _, line in lines))
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


class Webhook:
    """A URL to which each line is posted, signed."""

    batch = 1  # each is taken or not for itself, and none that was taken need be told again

    def __init__(self, settings: FeedSettings, secret: Secret, clock: Clock) -> None:
        self._url = settings.to
        self._key = signing.key(secret)
        self._clock = clock
        self._reach = settings.reach()

    async def put(self, lines: Sequence[tuple[str, bytes]]) -> Put:
        for taken, (name, line) in enumerate(lines):
            headers = {
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "Mailkeep",
                **signing.headers(self._key, name, self._clock.now(), line),
            }
            answer = await self._reach.post(self._url, line, headers)
            if not 200 <= answer.status < 300:
                return Put(taken, _why(answer), answer.status in REFUSALS)
        return Put(len(lines))

    async def close(self) -> None:
        await self._reach.close()


def outlet(settings: FeedSettings, secret: Secret | None, clock: Clock) -> Outlet:
    """The outlet of a feed. Raises ``BadSettings`` for a secret that is none."""
    if settings.to == STDOUT:
        return Stdout()
    if settings.to.startswith(FILE):
        return File(Path(settings.to.removeprefix(FILE)))
    return Webhook(settings, secret or Secret(""), clock)


def _whole(file: int) -> int:
    """Where the last whole line of a file ends. What is longer than ``LOOK_BACK`` is no line of
    ours: nothing of it is touched."""
    size = os.fstat(file).st_size
    tail = os.pread(file, min(size, LOOK_BACK), max(0, size - LOOK_BACK))
    if not tail or tail.endswith(b"\n"):
        return size
    last = tail.rfind(b"\n") + 1
    return size - len(tail) + last if last or size <= LOOK_BACK else size


def _why(answer: Answer) -> str:
    if answer.failure:
        return answer.failure
    if 300 <= answer.status < 400:
        return f"status {answer.status}: it points elsewhere, where nothing goes"
    return f"status {answer.status}"

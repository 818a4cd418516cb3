"""A way to PostgreSQL that can be cut at a COMMIT."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url


class Server(Protocol):
    """As ``rooms.databases`` has it."""

    async def migrated(self) -> str: ...

    async def drop(self, url: str) -> None: ...


class Cut(Enum):
    """What becomes of the next COMMIT."""

    NONE = "none"
    BEFORE = "before"  #: the server never hears of it
    AFTER = "after"  #: the server does it, and its answer is lost
    AWAY = "away"  #: it does it, and cannot be reached from then on


class Wire:
    """A way that can be cut.

    Attributes:
    cut: what to do at the next COMMIT.
    commits: how many were sent.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._socket = str(Path(str(parsed.query["host"])) / ".s.PGSQL.5432")
        self._parsed = parsed
        self.cut = Cut.NONE
        self.commits = 0
        self.away = False
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[str]:
        """The URL by which the database is reached over it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        url = self._parsed.set(host=host, port=port, query={"ssl": "disable"})
        try:
            yield url.render_as_string(hide_password=False)
        finally:
            server.close()
            for one in self._open:
                one.transport.abort()
            await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        both = (writer, to_server)
        self._open.update(both)
        answered = asyncio.Event()
        swallow = False

        async def back() -> None:
            with contextlib.suppress(OSError):
                while data := await from_server.read(65_536):
                    if swallow:
                        answered.set()
                        continue
                    writer.write(data)
            writer.close()

        task = asyncio.create_task(back())
        self._tasks.add(task)
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if b"COMMIT;" in data:
                    self.commits += 1
                    cut, self.cut = self.cut, Cut.NONE
                    if cut is Cut.BEFORE:
                        break
                    if cut in (Cut.AFTER, Cut.AWAY):
                        swallow = True
                        self.away = cut is Cut.AWAY
                        to_server.write(data)
                        await answered.wait()
                        break
                to_server.write(data)
        for one in both:
            one.transport.abort()

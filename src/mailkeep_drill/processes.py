"""Child processes of the drill, which end with it however it ends."""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

READY_SECONDS = 60.0


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2)


def _end_with_parent() -> None:
    """Called in the child: the kernel ends it when the drill dies, however it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class NotStarted(Exception):
    """A process did not come up; the message says what it said."""


class Child:
    """One ``python -m`` program of this package, running while the context is open.

    Its first line on standard output is JSON that says where it listens; it ends when its standard
    input does, so that a drill that is killed leaves no orphans.

    Args:
        arguments: the module, then its options.
        log: takes standard error.
    """

    def __init__(self, *arguments: str, log: Path) -> None:
        self._arguments = arguments
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.ready: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._arguments,
                "--exit-with-stdin",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        if self._process.stdout is None:
            raise NotStarted(self._arguments[0])
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)
            self.ready = json.loads(line)
        except (TimeoutError, ValueError) as error:
            await self.end()
            raise NotStarted(f"{self._arguments[0]} did not start; see {self._log}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end()

    async def end(self) -> None:
        """End it, and wait until it is gone."""
        if self._process is not None:
            await end(self._process)


class Server:
    """A program that serves on a port: started, killed and started again on the same state."""

    def __init__(self, command: list[str], log: Path, alive: str) -> None:
        self._command = command
        self._log = log
        self._alive = alive
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else 0

    async def start(self) -> None:
        """Start, and wait for the first good answer.

        Raises:
            NotStarted: it ended, or did not answer in time.
        """
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
            )
        async with aiohttp.ClientSession() as http:
            for _ in range(int(READY_SECONDS / 0.1)):
                if self._process.returncode is not None:
                    break
                try:
                    async with http.get(self._alive) as reply:
                        if reply.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
        await self.stop()
        raise NotStarted(f"{' '.join(self._command[:2])} did not start; see {self._log}")

    async def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            await end(self._process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end; make it after five seconds."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 8)
    except TimeoutError:
        process.kill()
        await process.wait()


async def output(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed.

    Raises:
        NotStarted: it failed; the message has its last words.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | (environment or {}),
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise NotStarted(f"{' '.join(command[:3])}: {err.decode(errors='replace').strip()[-800:]}")
    return out.decode()


def free_port() -> int:
    """A port that is free now; whoever it is for takes it a moment later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The benchmark's own processes: load and sinks, and how a server under test is run."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2)
READY_SECONDS = 60.0


class Broken(Exception):
    """The benchmark cannot go on, or did not do the work that it would have reported."""


class NotStarted(Broken):
    """A server ended, or did not answer in time.

    Attributes:
        log: where it said why.
    """

    def __init__(self, program: str, log: Path) -> None:
        super().__init__(f"{program} did not start; see {log}")
        self.log = log


def end_with_parent() -> None:
    """Called in a child: the kernel ends it when the benchmark dies, however it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Helper:
    """A program of this package that answers calls; it ends when its standard input does.

    Args:
        module: which one.
        log: takes standard error.
    """

    def __init__(self, module: str, log: Path) -> None:
        self._module = module
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid if self._process is not None else 0

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"{__package__}.{self._module}"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=2**28,
            )
        self.ready = await self._read(READY_SECONDS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            await end(self._process)

    async def call(self, do: str, patience: float = 60.0, **more: Any) -> dict[str, Any]:
        """Call it. Raises ``Broken`` when it fails or does not answer in time."""
        async with self._lock:
            if self._process is None or self._process.stdin is None:
                raise Broken(f"{self._module} does not run")
            self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
            return await self._read(patience)

    async def _read(self, patience: float) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise Broken(f"{self._module} does not run")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), patience)
            answer: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError) as error:
            raise Broken(f"{self._module} did not answer; see {self._log}") from error
        if "error" in answer:
            raise Broken(f"{self._module}: {answer['error']}")
        return answer


class Server:
    """A program under test that answers ``GET /readyz``.

    Args:
        command: starts it.
        log: takes all that it prints.
        port: where it answers.
    """

    def __init__(self, command: list[str], log: Path, port: int) -> None:
        self._command = command
        self._log = log
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id. Raises ``Broken`` when it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise Broken(f"{Path(self._command[0]).name} does not run; see {self._log}")
        return self._process.pid

    async def start(self, patience: float = READY_SECONDS) -> float:
        """Start it; returns the seconds until it first answered well.

        Raises:
            NotStarted: it ended, or took longer than ``patience``.
        """
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )
        while time.monotonic() - began < patience and self._process.returncode is None:
            if await answers(self._port):
                return time.monotonic() - began
            await asyncio.sleep(0.005)
        await self.stop()
        raise NotStarted(Path(self._command[0]).name, self._log)

    async def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self, patience: float = 40.0) -> None:
        """End it in good order."""
        if self._process is not None:
            await end(self._process, patience)


async def answers(port: int) -> bool:
    """Whether it says that it is ready; where it has no ``/readyz``, whether it is alive."""
    status = await _status(port, "/readyz")
    return (await _status(port, "/healthz") if status == 404 else status) == 200


async def _status(port: int, path: str) -> int:
    """The status of a GET; 0 for no answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        return int((await reader.readexactly(12))[9:])
    except (OSError, ValueError, asyncio.IncompleteReadError):
        return 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def end(process: asyncio.subprocess.Process, patience: float = 8.0) -> None:
    """Ask a process to end; make it after a while."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        process.kill()
        await process.wait()


async def output(*command: str) -> str:
    """Run a command and return what it printed. Raises ``Broken`` with its last words."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        said = (err or out).decode(errors="replace").strip()[-600:]
        raise Broken(f"{' '.join(command[:3])}: {said}")
    return out.decode()


def free_port() -> int:
    """A port that is free now; whoever it is for takes it a moment later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

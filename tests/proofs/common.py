"""What the proofs share: the service as a process of its own, a relay that remembers, a report.

Nothing here imports Mailkeep: a proof looks at it from outside.
"""

import asyncio
import contextlib
import email
import re
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session

MAILKEEP = str(Path(sys.executable).with_name("mailkeep"))
PATIENCE_SECONDS = 120  #: a killed worker's lease lapses after 60


class Sink:
    """A relay that counts what it took, by ``X-Mailkeep-Id``.

    While its ``gate`` is closed it keeps the end of each message waiting for its answer.

    Attributes:
        first: when each message first came.
        forward: what is to a domain goes on to a port of this machine, and is not counted.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self.forward: dict[str, int] = {}
        self.held = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def wait_for(self, messages: set[str]) -> None:
        """Wait until all have been taken, or patience has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: messages <= self.taken.keys())

    async def holds(self, count: int) -> None:
        """Wait until so many are held at the closed gate."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: self.held >= count)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        onward = self.forward.get(envelope.rcpt_tos[0].rpartition("@")[2])
        if onward is not None:
            await aiosmtplib.send(
                raw,
                sender=envelope.mail_from,
                recipients=envelope.rcpt_tos,
                hostname="127.0.0.1",
                port=onward,
                start_tls=False,
            )
            return "250 2.0.0 forwarded"
        message = email.message_from_bytes(raw)
        async with self._changed:
            self.held += 1
            self._changed.notify_all()
        try:
            await self.gate.wait()
        finally:
            self.held -= 1
        async with self._changed:
            self.taken[message["X-Mailkeep-Id"]] += 1
            self.first.setdefault(message["X-Mailkeep-Id"], time.monotonic())
            self._changed.notify_all()
        return "250 2.0.0 taken"


class Rows:
    """The report, and what of it must hold."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.wrong: list[str] = []

    def part(self, title: str) -> None:
        print(title, file=sys.stderr)
        self.lines += ["", f"## {title}", "", "| what | figure |", "|---|---|"]

    def add(self, what: str, figure: object, holds: bool = True) -> None:
        if not holds:
            self.wrong.append(what)
        self.lines.append(f"| {what} | {figure}{'' if holds else ' **must not be**'} |")


def told(counter: Counter[str]) -> str:
    return ", ".join(f"{answer}: {count:,}" for answer, count in sorted(counter.items())) or "none"


def seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def make_key(home: Path) -> str:
    """A key that may send and read."""
    scopes = ("--scope", "send", "--scope", "read")
    made = await asyncio.create_subprocess_exec(
        *(MAILKEEP, "keys", "create", "load", *scopes, "--home", str(home)),
        stdout=subprocess.PIPE,
    )
    return (await made.communicate())[0].decode().strip()


class Ended(Exception):
    """The service ended instead of answering.

    Attributes:
        code: its exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the service ended: {code}")
        self.code = code


class Development(NamedTuple):
    """A running ``mailkeep up --dev``; ``controls``: of the stand-ins' faults, by provider."""

    url: str
    bearer: str
    controls: dict[str, str]

    async def send(self, session: aiohttp.ClientSession, to: str) -> None:
        """One mail. Raises ``aiohttp.ClientResponseError``."""
        mail = {"stream": "alert", "from": "us@example.com", "to": to}
        body = mail | {"subject": "Hello", "text": "words"}
        head = {"Authorization": self.bearer}
        async with session.post(f"{self.url}/v1/messages", json=body, headers=head) as answer:
            answer.raise_for_status()


@contextlib.asynccontextmanager
async def development(home: Path) -> AsyncIterator[Development]:
    """The service as a stranger starts it, with stand-in providers."""
    process = await asyncio.create_subprocess_exec(
        *(MAILKEEP, "up", "--dev", "--port", "0", "--smtp-port", "0", "--home", str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        printed = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "Stop with" not in printed:
                printed += (await process.stdout.readline()).decode()
        curl = shlex.split(next(one for one in printed.splitlines() if one.startswith("curl")))
        url = next(one for one in curl if one.startswith("http")).partition("/v1/")[0]
        bearer = next(one for one in curl if one.startswith("Authorization")).partition(": ")[2]
        controls = re.findall(r"^\s+(\w+)\s+http\S+\s+\(faults: (\S+)\)", printed, re.MULTILINE)
        async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
            await _answers(session, f"{url}/healthz")  # the line is printed before the port opens
        yield Development(url, bearer, dict(controls))
    finally:
        await stop(process)


async def _answers(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with session.get(url) as reply:
                if reply.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)


async def start(home: Path, port: int, log: Path | None = None) -> asyncio.subprocess.Process:
    """Start and wait until it answers.

    Args:
        log: takes standard error.

    Raises:
        Ended: it did, instead.
        TimeoutError: it did not answer within two minutes.
    """
    with log.open("ab") if log is not None else contextlib.nullcontext() as file:
        process = await asyncio.create_subprocess_exec(
            *(MAILKEEP, "up", "--home", str(home), "--port", str(port)),
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            if process.returncode is not None:
                raise Ended(process.returncode)
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as reply:
                    if reply.status == 200:
                        return process
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End it in good order."""
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def until(holds: Callable[[], bool], patience: float) -> bool:
    """Wait until something holds; whether it did in time."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


async def commit() -> str:
    """The commit that the proof runs on."""
    asked = await asyncio.create_subprocess_exec(
        *("git", "describe", "--always", "--dirty"), stdout=subprocess.PIPE
    )
    return (await asked.communicate())[0].decode().strip()

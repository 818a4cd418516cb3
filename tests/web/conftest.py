"""The product as a stranger starts it: the command, in a process of its own. What it would read
first, as every start does, it has read (``warm``), except where that is what is tested."""

import asyncio
import json
import re
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
import warm

READY_SECONDS = 40
COLD = str(Path(sys.executable).with_name("mailkeep"))  #: the command itself
#: For what must meet the command itself: its process, and the time in which it begins and ends.
cold = pytest.mark.parametrize("up", [COLD], indirect=True, ids=["cold"])


@dataclass
class Up:
    """A running ``mailkeep up --dev``."""

    url: str
    key: str
    smtp: int
    controls: dict[str, str]
    command: list[str]
    home: Path
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession

    async def send(self, **fields: object) -> dict[str, object]:
        """POST one message; the decoded answer with its status under ``http``."""
        body = {
            "stream": "alert",
            "from": "us@example.com",
            "to": "ada@example.net",
            "subject": "Hello",
            "text": "words",
        } | fields
        data = BytesIO(json.dumps(body).encode())  # a large one in pieces
        headers = self.bearer() | {"Content-Type": "application/json"}
        async with self.session.post(
            f"{self.url}/v1/messages", data=data, headers=headers
        ) as reply:
            return {"http": reply.status} | await reply.json(content_type=None)

    async def message(self, message: str) -> dict[str, object]:
        async with self.session.get(
            f"{self.url}/v1/messages/{message}", headers=self.bearer()
        ) as reply:
            return {"http": reply.status} | await reply.json(content_type=None)

    async def until(self, message: str, *statuses: str) -> dict[str, object]:
        """Wait until a message has one of the statuses."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                found = await self.message(message)
                if found["status"] in statuses:
                    return found
                await asyncio.sleep(0.05)

    async def fault(self, provider: str, **faults: object) -> None:
        async with self.session.post(f"{self.controls[provider]}/faults", json=faults) as reply:
            assert reply.status == 200

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


async def start(
    home: Path, command: str = "", **environ: str
) -> tuple[asyncio.subprocess.Process, list[str], str]:
    """Start the command, with more in its environment; returns the process, the printed curl line
    split, and all it printed."""
    process = await asyncio.create_subprocess_exec(
        command or warm.mailkeep(),
        "up",
        "--dev",
        "--port",
        "0",
        "--smtp-port",
        "0",
        "--home",
        str(home),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"} | environ,
    )
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(READY_SECONDS):
        while "Stop with" not in printed:
            line = (await process.stdout.readline()).decode()
            assert line, f"mailkeep ended early: {printed}"
            printed += line
    line = shlex.split(next(one for one in printed.splitlines() if one.startswith("curl")))
    return process, line, printed


async def ready(session: aiohttp.ClientSession, url: str) -> None:
    """The line is printed just before the port opens; wait for the first answer."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                async with session.get(f"{url}/healthz") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def up(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Up]:
    process, command, printed = await start(tmp_path / "home", getattr(request, "param", ""))
    url = command[2].removesuffix("/v1/messages")
    key = command[4].split()[-1]
    controls = dict(re.findall(r"^\s+(\w+)\s+http\S+\s+\(faults: (\S+)\)", printed, re.MULTILINE))
    smtp = int(re.findall(r"SMTP\s+localhost:(\d+)", printed)[0])
    async with aiohttp.ClientSession() as session:
        await ready(session, url)
        running = Up(url, key, smtp, controls, command, tmp_path / "home", process, session)
        yield running
    if running.process.returncode is None:
        running.process.terminate()
        await asyncio.wait_for(running.process.wait(), 20)

"""Kill the service again and again under load: nothing acknowledged may be lost.

The service runs in production mode as a process of its own and sends through an SMTP relay in this
process, which remembers every ``X-Mailkeep-Id`` that it took. Usage: ``python tests/proofs/kills.py
[KILLS]``; prints the report in Markdown.
"""

import asyncio
import contextlib
import email
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
from aiosmtpd.smtp import SMTP, Envelope, Session

MAILKEEP = str(Path(sys.executable).with_name("mailkeep"))
PATIENCE_SECONDS = 120  #: a killed worker's lease lapses after 60


class Sink:
    """The relay: counts what it took."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    async def wait_for(self, messages: set[str]) -> None:
        """Wait until all have been taken, or patience has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: messages <= self.taken.keys())

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content or b"")
        async with self._changed:
            self.taken[message["X-Mailkeep-Id"]] += 1
            self._changed.notify_all()
        return "250 2.0.0 taken"


def settings(relay: int) -> str:
    return f"""
[[provider]]
name = "relay"
kind = "smtp"
party = "relay"
base_url = "smtp://127.0.0.1:{relay}"
options = {{ starttls = "off" }}

[[party]]
id = "relay"

[[stream]]
name = "alert"
priority = 2
routes = [{{ provider = "relay" }}]
"""


async def start(home: Path, port: int) -> asyncio.subprocess.Process:
    """Start and wait until it answers."""
    process = await asyncio.create_subprocess_exec(
        MAILKEEP, "up", "--home", str(home), "--port", str(port), stdout=subprocess.DEVNULL
    )
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as reply:
                    if reply.status == 200:
                        return process
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def load(url: str, key: str, acknowledged: list[str], stop: asyncio.Event) -> None:
    """Post without pause; only an answer of 202 counts as acknowledged."""
    body = {"stream": "alert", "from": "us@example.com", "to": "ada@example.net"}
    body |= {"subject": "load", "text": "x" * 4096}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        while not stop.is_set():
            try:
                async with session.post(f"{url}/v1/messages", json=body) as reply:
                    if reply.status == 202:
                        acknowledged.append((await reply.json())["id"])
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.05)


async def prove(kills: int, home: Path) -> int:
    sink = Sink()
    loop = asyncio.get_running_loop()
    relay = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", 0)
    (home / "mailkeep.toml").write_text(settings(relay.sockets[0].getsockname()[1]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = await asyncio.create_subprocess_exec(
        *(MAILKEEP, "keys", "create", "load", "--scope", "send", "--home", str(home)),
        stdout=subprocess.PIPE,
    )
    key = (await made.communicate())[0].decode().strip()
    acknowledged: list[str] = []
    stop = asyncio.Event()
    began = time.monotonic()
    process = await start(home, port)
    workers = [
        asyncio.create_task(load(f"http://127.0.0.1:{port}", key, acknowledged, stop))
        for _ in range(4)
    ]
    for number in range(1, kills + 1):
        await asyncio.sleep(random.uniform(0.3, 2.0))
        process.kill()
        await process.wait()
        process = await start(home, port)
        print(f"kill {number} of {kills}: {len(acknowledged)} acknowledged", file=sys.stderr)
    stop.set()
    await asyncio.gather(*workers)
    await sink.wait_for(set(acknowledged))
    process.terminate()
    await process.wait()
    relay.close()
    lost = set(acknowledged) - set(sink.taken)
    doubled = sum(count - 1 for count in sink.taken.values())
    asked = await asyncio.create_subprocess_exec(
        "git", "rev-parse", "--short", "HEAD", stdout=subprocess.PIPE
    )
    commit = (await asked.communicate())[0].decode().strip()
    print(f"""# Kills under load

Made by `make prove` on commit {commit}, {os.cpu_count()} cores, SQLite, four clients, 4 KiB bodies.

| what | figure |
|---|---|
| kills (SIGKILL at a random instant) | {kills} |
| acknowledged | {len(acknowledged)} |
| **acknowledged and lost** | **{len(lost)}** |
| taken twice by the relay, recognisable by `X-Mailkeep-Id` | {doubled} |
| taken though the client saw no answer | {len(set(sink.taken) - set(acknowledged))} |
| seconds in all | {time.monotonic() - began:.0f} |""")
    return 1 if lost or not acknowledged else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(prove(int(sys.argv[1]) if sys.argv[1:] else 100, Path(folder))))

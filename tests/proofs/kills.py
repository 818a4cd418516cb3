"""Kill the service again and again under load: nothing acknowledged may be lost.

The service runs in production mode as a process of its own and sends through an SMTP relay in this
process, which remembers every ``X-Mailkeep-Id`` that it took. Usage: ``python tests/proofs/kills.py
[KILLS]``; prints the report in Markdown.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import common


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
    sink = common.Sink()
    (home / "mailkeep.toml").write_text(settings(await sink.start()))
    port, key = common.free_port(), await common.make_key(home)
    acknowledged: list[str] = []
    stop = asyncio.Event()
    began = time.monotonic()
    process = await common.start(home, port)
    workers = [
        asyncio.create_task(load(f"http://127.0.0.1:{port}", key, acknowledged, stop))
        for _ in range(4)
    ]
    for number in range(1, kills + 1):
        await asyncio.sleep(random.uniform(0.3, 2.0))
        process.kill()
        await process.wait()
        process = await common.start(home, port)
        print(f"kill {number} of {kills}: {len(acknowledged)} acknowledged", file=sys.stderr)
    stop.set()
    await asyncio.gather(*workers)
    await sink.wait_for(set(acknowledged))
    await common.stop(process)
    sink.stop()
    lost = set(acknowledged) - set(sink.taken)
    doubled = sum(count - 1 for count in sink.taken.values())
    print(f"""# Kills under load

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores, SQLite, four
clients, 4 KiB bodies.

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

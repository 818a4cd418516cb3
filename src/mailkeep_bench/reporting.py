"""Simulates delivery webhooks as Mandrill sends them: a signed form with up to 1,000 events,
repeated until 200.

https://mailchimp.com/developer/transactional/docs/webhooks/
"""

import asyncio
import base64
import hashlib
import hmac
import time
from urllib.parse import quote_plus, urlsplit

BATCH = 1000  #: events in one webhook, as documented
PAUSE = 0.2  #: seconds for which events are gathered
MOST = 4  #: webhooks under way at once
_AGAIN = 1.0  #: seconds before a webhook that was not answered by 200 is sent again


class Reporter:
    """Tells of every mail that it arrived.

    Args:
        url: of the webhook, on loopback.
        key: signs.
    """

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.hostname != "127.0.0.1" or parts.port is None:
            raise ValueError("webhooks go to loopback only")
        self._url, self._key = url, key.encode()
        self._port, self._path = parts.port, parts.path
        self.waiting: list[str] = []
        self._new = asyncio.Event()
        self.took_in_all = self.acknowledged = self.again = 0
        self._tasks = [asyncio.create_task(self._run()) for _ in range(MOST)]

    def took(self, body: bytes, to: str, message: str) -> None:
        """A mail was taken; its webhook follows."""
        self.took_in_all += 1
        start = body.find(b'"metadata":{') + 11
        metadata = body[start : body.index(b"}", start) + 1].decode()
        now = int(time.time())
        self.waiting.append(
            f'{{"event":"delivered","_id":"{message}","ts":{now},"msg":{{"_id":"{message}",'
            f'"ts":{now},"email":"{to}","state":"sent","sender":"app@bench.example.com",'
            f'"subject":"A message of the benchmark","tags":[],"metadata":{metadata},'
            f'"diag":"250 2.0.0 OK"}}}}'
        )
        self._new.set()

    def state(self) -> dict[str, int]:
        """How many mails were taken, and how many were told of and acknowledged."""
        return {"took": self.took_in_all, "told": self.acknowledged, "again": self.again}

    async def _run(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            await self._new.wait()
            await asyncio.sleep(PAUSE)
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            if not self.waiting:
                self._new.clear()
            if not batch:
                continue
            request = self.request(batch)
            while True:
                try:
                    if streams is None:
                        streams = await asyncio.open_connection("127.0.0.1", self._port)
                    if await _post(*streams, request) == 200:
                        break
                except (OSError, asyncio.IncompleteReadError, ValueError):
                    streams = None
                self.again += 1
                await asyncio.sleep(_AGAIN)
            self.acknowledged += len(batch)

    async def stop(self) -> None:
        """Tell of nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def request(self, batch: list[str]) -> bytes:
        """The POST that tells of these events: HMAC-SHA1 over the URL, the field and its value."""
        events = "[" + ",".join(batch) + "]"
        signed = f"{self._url}mandrill_events{events}".encode()
        proof = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha1)).decode()
        form = f"mandrill_events={quote_plus(events)}".encode()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"User-Agent: Mandrill-Webhook/1.0\r\nX-Mandrill-Signature: {proof}\r\n"
            f"Content-Length: {len(form)}\r\n\r\n"
        )
        return head.encode() + form


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    place = head.index(b"content-length:") + 15
    await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
    return int(head[9:12])

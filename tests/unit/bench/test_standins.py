"""Load and sinks speak as the real ones do: Mailkeep's own modules are the judge here."""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.base.secret import Secret
from mailkeep.http.api.batch import read
from mailkeep.http.api.message_in import MessageIn
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.providers.registry import get
from mailkeep.providers.types import (
    ClaimKind,
    HttpReply,
    HttpRequest,
    OutcomeKind,
    ProviderConfig,
    WebhookRequest,
)
from mailkeep_bench import wire
from mailkeep_bench.api import Api
from mailkeep_bench.load_http import Pieces
from mailkeep_bench.mailkeep import Stream, Wanted, settings
from mailkeep_bench.pace import Load
from mailkeep_bench.reporting import Reporter
from mailkeep_bench.sink import Smtp
from mailkeep_bench.tally import Tally

URL = "http://127.0.0.1:9/hooks/mail"
KEY = "webhook-key"


class Wire:
    """What a protocol writes."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.written += b"<closed>"


def _config(kind: str) -> ProviderConfig:
    base = "http://127.0.0.1:9"
    return ProviderConfig("mail", kind, base, Secret("key"), Secret(KEY), URL, {}, "mail")


def _message(number: int) -> OutgoingMessage:
    return OutgoingMessage(
        id=f"msg_{number}",
        attempt=f"att_{number}",
        stream="mail",
        sender=Address(wire.SENDER),
        to=Address(wire.recipient(number, "r1")),
        reply_to=None,
        subject="A message",
        text=wire.body(),
        html=None,
        headers=(),
        secret=False,
        tags=(),
        metadata={},
    )


def _on_the_wire(request: HttpRequest) -> bytes:
    path = request.url.removeprefix("http://127.0.0.1:9")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request.body)}\r\n\r\n"
    return head.encode() + request.body


def _sent(kind: str, tally: Tally, reporter: Reporter | None, numbers: list[int]) -> list[bytes]:
    api, line = Api(tally, reporter), Wire()
    api.connection_made(line)
    bodies = []
    for number in numbers:
        request = get(kind).build(_config(kind), _message(number))
        assert isinstance(request, HttpRequest)
        data = _on_the_wire(request)
        api.data_received(data[:100])  # in two parts, as networks do
        api.data_received(data[100:])
        bodies.append(line.written.partition(b"\r\n\r\n")[2])
        line.written = b""
    return bodies


@pytest.mark.parametrize("kind", ["postmark", "mandrill"])
def test_the_api_answers_as_the_provider_does_and_counts(kind: str) -> None:
    tally = Tally()
    for body in _sent(kind, tally, None, [0, 1, 2]):
        assert get(kind).read(HttpReply(200, {}, body)).kind is OutcomeKind.ACCEPTED
    assert tally.count("r1")["unique"] == 3
    assert tally.missing("r1", 3, []) == 0
    assert tally.strangers == 0


async def test_the_webhooks_are_signed_and_tell_of_our_messages() -> None:
    reporter = Reporter(URL, KEY)
    _sent("mandrill", Tally(), reporter, [0, 1])
    request = reporter.request(reporter.waiting)
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    module, config = get("mandrill"), _config("mandrill")
    verified = module.verify(config, WebhookRequest(URL, headers, body, 1))
    claims = module.parse(config, verified)
    assert [(one.kind, one.message_id, one.attempt) for one in claims] == [
        (ClaimKind.DELIVERED, "msg_0", "att_0"),
        (ClaimKind.DELIVERED, "msg_1", "att_1"),
    ]
    assert len({one.claim_id for one in claims}) == 2
    assert int(headers["Content-Length"]) == len(body)
    await reporter.stop()


def test_webhooks_go_to_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Reporter("http://192.0.2.1:80/hooks/mail", KEY)


def test_the_sink_takes_pipelined_mail_apart() -> None:
    tally, line = Tally(), Wire()
    sink = Smtp(tally)
    sink.connection_made(line)
    to = [wire.recipient(number, "r1") for number in (7, 8)]
    dialogue = (
        f"EHLO me\r\nMAIL FROM:<{wire.SENDER}>\r\nRCPT TO:<{to[0]}>\r\nDATA\r\n"
        f"Subject: x\r\n\r\n{wire.body()}.\r\nMAIL FROM:<>\r\nRCPT TO:<{to[1]}>\r\nRSET\r\n"
        f"RCPT TO:<somebody@example.net>\r\nQUIT\r\n"
    ).encode()
    for start in range(0, len(dialogue), 7):
        sink.data_received(dialogue[start : start + 7])
    assert tally.count("r1")["all"] == 1  # what had no DATA is not counted
    assert tally.missing("r1", 8, [(0, 7)]) == 0
    assert tally.strangers == 1
    assert line.written.count(b"queued as") == 1
    assert line.written.endswith(b"221 bye\r\n<closed>")


@pytest.mark.parametrize("batch", [False, True])
def test_the_requests_are_what_the_api_takes(batch: bool) -> None:
    pieces = Pieces(9, "the-key", "mail", "r1", 4096, "2030-01-31T12:00:00+00:00")
    count = 3 if batch else 1
    head, _, body = pieces.request(5, count, batch).partition(b"\r\n\r\n")
    asked = read(body)
    single, messages = asked.single, [one for one in asked.items if isinstance(one, MessageIn)]
    assert single is not batch
    assert [one.to for one in messages] == [wire.recipient(5 + n, "r1") for n in range(count)]
    assert all(one.text is not None and len(one.text) == 4096 for one in messages)
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Authorization: Bearer the-key" in head


def test_the_settings_are_what_mailkeep_takes(tmp_path: Path) -> None:
    streams = (
        Stream("recovery", "postmark", 1, priority=0, secret=True),
        Stream("mail", "smtp", 2),
        Stream("bulk", "mandrill", 3, priority=9),
    )
    text = settings(Wanted(streams, concurrency=7), 8025, tmp_path)
    found = app_settings.parse(tomllib.loads(text))
    assert [one.name for one in found.stream] == ["recovery", "mail", "bulk"]
    assert found.stream[0].secret
    assert {one.concurrency for one in found.stream} == {7}


class Answering:
    """A connection that answers at once, or fails every third request."""

    def __init__(self, load: Load, failing: bool) -> None:
        self._load = load
        self._failing = failing
        self.numbers: list[int] = []

    def send(self, first: int, count: int) -> None:
        self.numbers += range(first, first + count)
        failure = "503" if self._failing and first % 3 == 0 else ""
        asyncio.get_running_loop().call_soon(self._over, first, count, failure)

    def _over(self, first: int, count: int, failure: str) -> None:
        self._load.result(first, count, self._load.began, failure)
        self._load.free(self)


async def _load(failing: bool, **more: Any) -> tuple[dict[str, Any], list[int]]:
    load = Load(**more)
    connections = [Answering(load, failing) for _ in range(3)]
    for one in connections:
        load.free(one)
    found = await load.run()
    return found, sorted(number for one in connections for number in one.numbers)


@pytest.mark.parametrize("rate", [0.0, 5000.0])
async def test_the_load_sends_each_message_once(rate: float) -> None:
    found, numbers = await _load(False, messages=50, batch=1, seconds=30.0, rate=rate, timed=True)
    assert numbers == list(range(50))
    assert (found["sent"], found["acknowledged"], found["unsure"]) == (50, 50, [])
    assert len(found["times"]) == 50
    json.dumps(found)


async def test_the_load_says_what_was_not_acknowledged() -> None:
    found, numbers = await _load(True, messages=25, batch=4, seconds=30.0)
    assert numbers == list(range(25))
    assert found["unsure"] == [(0, 4), (12, 4), (24, 1)]
    assert found["failed"] == {"503": 9}
    assert found["acknowledged"] == 16


async def test_the_load_ends_when_its_time_is_over() -> None:
    found, numbers = await _load(False, messages=10_000_000, batch=1, seconds=0.05)
    assert 0 < found["sent"] == found["acknowledged"] == len(numbers) < 10_000_000

"""Mail that is dear to parse is refused for good, and nobody waits for what the library reads."""

import threading

import pytest

from mailkeep.mail.types import Content
from mailkeep.smtp import submission

from .conftest import Connect, House

#: What is tested does not depend on the database; once is enough.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HEAD = b"From: us@example.com\r\nTo: ada@example.net\r\n"


def _lines(start: bytes, unit: bytes, times: int) -> bytes:
    return start + b"\r\n ".join([unit * 900] * times) + b"\r\n"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_lines(b"From: ", b"(", 3) + b"Subject: x\r\n", "cannot be read"),
        (HEAD + _lines(b'Content-Type: text/plain; x="', b";", 90), "is larger than 8 kB"),
        (HEAD + _lines(b"Content-Type: text/plain", b";", 1), "more than 100 parameters"),
        (HEAD + _lines(b"Cc: ", b"a", 20), "addresses are larger than 16 kB"),
        (HEAD + b"X-A: b\r\n" * 3_000, "more than 2,000 fields"),
    ],
)
async def test_it_is_refused_for_good_with_the_reason(
    house: House, connect: Connect, raw: bytes, words: str
) -> None:
    """What is answered with 451 comes again for days."""
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        answer = await client.send(raw + b"\r\nhi")
        assert answer.startswith("550 5.6.0 ")
        assert words in answer
        assert (await client.send(HEAD + b"\r\nhi")).startswith("250 ")
        assert running._listeners[0].guests.memory == 0


@pytest.mark.parametrize(("octets", "thread"), [(100, "submitted_"), (300_000, "submitted-large_")])
async def test_what_the_library_reads_is_read_in_a_thread(
    house: House,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    octets: int,
    thread: str,
) -> None:
    original, names = submission.read, []

    def read(raw: bytes) -> tuple[Content, str | None]:
        names.append(threading.current_thread().name)
        return original(raw)

    monkeypatch.setattr(submission, "read", read)
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        assert (await client.send(HEAD + b"\r\nhi")).startswith("250 ")
        assert names == []
        body = (b"x" * 70 + b"\r\n") * (octets // 70)
        long_way = HEAD + b"Content-Disposition: inline\r\n\r\n" + body
        assert (await client.send(long_way)).startswith("250 ")
    assert len(names) == 1
    assert names[0].startswith(thread)

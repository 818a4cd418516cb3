"""Whatever a provider's API answers is read as HTTP means it, up to a bound, and never as more."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mailkeep.mail import http_client
from mailkeep.mail.transport import Transport
from mailkeep.providers.types import MAX_REPLY, HttpReply, HttpRequest, Reply, TransportFailure

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Api:
    """Answers each request on a connection with the next of its answers, then hangs up where that
    ends in ``HANG_UP``. It keeps what it was asked, connection by connection."""

    HANG_UP = b"<hang up>"

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heads: list[list[bytes]] = []
        self.bodies: list[bytes] = []
        self.served: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: list[bytes] = []
        self.heads.append(asked)
        if (task := asyncio.current_task()) is not None:
            self.served.append(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked.append(head)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0])
                self.bodies.append(await reader.readexactly(length))
                answer = self.answers.pop(0)
                writer.write(answer.removesuffix(self.HANG_UP))
                await writer.drain()
                if answer.endswith(self.HANG_UP):
                    break
        writer.close()


@asynccontextmanager
async def listening(api: Api, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpRequest]:
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if tls else "http"
    try:
        yield HttpRequest("POST", f"{scheme}://127.0.0.1:{port}/send?x=1", {"X-Key": "k"}, b"body")
    finally:
        server.close()
        await asyncio.gather(*api.served)


async def asked(api: Api, times: int = 1, body: bytes = b"body") -> list[Reply]:
    async with listening(api) as one:
        transport = Transport()
        request = HttpRequest(one.method, one.url, one.headers, body)
        try:
            return [await transport.carry(request) for _ in range(times)]
        finally:
            transport.close()


READABLE = {
    "length": (OK, True),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
    "to the end": (b"HTTP/1.1 200 OK\r\n\r\n{}" + Api.HANG_UP, False),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", False),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
    "go on": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, True),
    "hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, True),
}


@pytest.mark.parametrize(("answer", "kept"), READABLE.values(), ids=READABLE)
async def test_a_reply_is_read_however_it_is_framed(answer: bytes, kept: bool) -> None:
    api = Api(answer, answer)
    for reply in await asked(api, times=2):
        assert isinstance(reply, HttpReply)
        assert (reply.status, reply.body) == (200, b"{}")
        assert "Link" not in reply.headers
    assert [len(one) for one in api.heads] == ([2] if kept else [1, 1])


UNREADABLE = {
    "nothing": Api.HANG_UP,
    "no HTTP": b"220 relay ESMTP\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le" + Api.HANG_UP,
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}" + Api.HANG_UP,
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}" + Api.HANG_UP,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    "endless hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5_000,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
    b"Connection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_reply_leaves_open_whether_it_was_sent(answer: bytes) -> None:
    first, second = await asked(Api(answer, OK), times=2)
    assert first == TransportFailure("reset_after_send")
    assert isinstance(second, HttpReply)  # over another connection


async def test_of_an_endless_body_no_more_is_read_than_is_worth_it() -> None:
    api = Api(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50_000_000, OK)
    first, second = await asked(api, times=2)
    assert isinstance(first, HttpReply)
    assert MAX_REPLY < len(first.body) < MAX_REPLY + 1024 * 1024
    assert isinstance(second, HttpReply)
    assert len(api.heads) == 2


async def test_what_nobody_asked_for_answers_nothing() -> None:
    other = OK.replace(b"{}", b"[]")
    api = Api(OK + other, OK)
    replies = await asked(api, times=2)
    assert [one.body for one in replies if isinstance(one, HttpReply)] == [b"{}", b"{}"]
    assert len(api.heads) == 2


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    api = Api(b"HTTP/1.1 307 Here\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    (reply,) = await asked(api)
    assert isinstance(reply, HttpReply)
    assert (reply.status, reply.body) == (307, b"")
    assert len(api.bodies) == 1


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
async def test_a_request_of_any_size_is_handed_over_as_it_is(size: int) -> None:
    api = Api(OK, OK)
    body = b"y" * size
    await asked(api, times=2, body=body)
    assert api.bodies == [body, body]
    head = api.heads[0][0]
    assert head.startswith(b"POST /send?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Key: k\r\n" in head


async def test_who_never_answers_is_waited_for_no_longer_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.2)
    (reply,) = await asked(Api(b"HTTP/1.1 200 OK\r\n"))
    assert reply == TransportFailure("timeout_after_send")


async def test_a_line_end_in_a_field_begins_no_other_field() -> None:
    for name, value in (("X-Key", "k\r\nX-More: y"), ("X\n", "k")):
        with pytest.raises(ValueError, match="line end"):
            http_client.written("POST", "/", "example.com", {name: value}, 0)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path / "both.pem"
    path.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(plain[0])
        + key.private_bytes(*plain, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    api = Api(OK, OK)
    transport = Transport()
    async with listening(api, context) as request:
        try:
            assert await transport.carry(request) == TransportFailure("tls")
            assert not api.bodies
            transport._http._trust.load_verify_locations(path)
            reply = await transport.carry(request)
            assert isinstance(reply, HttpReply)
            assert reply.body == b"{}"
        finally:
            transport.close()

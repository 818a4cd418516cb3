"""What cannot even be tried here is nobody else's fault; what a relay says of each recipient."""

import asyncio
import errno
import socket

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, Envelope

from mailkeep.base.secret import Secret
from mailkeep.mail.transport import Transport
from mailkeep.providers import registry
from mailkeep.providers.types import HttpRequest, SmtpReply, SmtpRequest, TransportFailure

REQUESTS = [
    HttpRequest("POST", "http://127.0.0.1:9/x", {}, b"{}"),
    SmtpRequest("127.0.0.1", 9, "none", None, Secret("x"), "a@example.com", "b@example.net", b"x"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=["http", "smtp"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENETUNREACH])
async def test_our_own_shortage_blames_no_provider(
    monkeypatch: pytest.MonkeyPatch, request_: HttpRequest | SmtpRequest, number: int
) -> None:
    def short(*_args: object, **_more: object) -> object:
        raise OSError(number, "not here")

    transport = Transport()
    try:
        assert await transport.carry(request_) == TransportFailure("connect")
        monkeypatch.setattr(socket, "socket", short)
        failure = await transport.carry(request_)
    finally:
        monkeypatch.undo()
        transport.close()
    assert failure == TransportFailure("local")
    for module in registry.REGISTRY.values():
        assert not module.read(failure).kind.blames_provider


class _Relay:
    """A relay that would not have some recipients; it keeps what it was given."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.answer = "250 2.0.0 ok"
        self.got: list[tuple[list[str], bytes]] = []

    async def handle_RCPT(
        self, _server: object, _session: object, envelope: Envelope, to: str, _more: object
    ) -> str:
        if to in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(to)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        self.got.append((envelope.rcpt_tos, bytes(envelope.content or b"")))
        return self.answer


@pytest.mark.parametrize(
    ("refused", "code", "count", "got"),
    [
        ((), 250, 0, ["b@example.net", "c@example.net", "d@example.net"]),
        (("c@example.net",), 250, 1, ["b@example.net", "d@example.net"]),
        (("c@example.net", "d@example.net"), 250, 2, ["b@example.net"]),
        (("b@example.net",), 550, 0, None),
    ],
)
async def test_a_copy_that_is_refused_holds_nobody_elses_mail_back(
    refused: tuple[str, ...], code: int, count: int, got: list[str] | None
) -> None:
    relay = _Relay(*refused)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(relay, loop=loop), "127.0.0.1", 0)
    request = msgspec.structs.replace(
        REQUESTS[1],
        port=server.sockets[0].getsockname()[1],
        data=b"Subject: x\r\n\r\nx\r\n",
        also=("c@example.net", "d@example.net"),
    )
    transport = Transport()
    try:
        reply = await transport.carry(request)
    finally:
        transport.close()
        server.close()
        await server.wait_closed()
    assert isinstance(reply, SmtpReply)
    assert (reply.code, len(reply.refused)) == (code, count)
    assert {(one, said.code) for one, said in reply.refused} == {
        (one, 550) for one in refused if count
    }
    assert [people for people, _ in relay.got] == ([] if got is None else [got])


@pytest.mark.parametrize("size", [10, 1000, 3_000_000])
@pytest.mark.parametrize("refused", [False, True])
async def test_a_mail_of_any_size_is_handed_over_as_it_is(size: int, refused: bool) -> None:
    data = (
        b".at the start\r\n..\r\n.\r\n" + (b"x" * 70 + b"\r\n.\r\n") * (size // 75) + b"\r\nend\r\n"
    )
    relay = _Relay()
    if refused:
        relay.answer = "552 5.3.4 too large"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(relay, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport()
    try:
        for _ in range(2):  # the connection is kept, and must be in step
            request = msgspec.structs.replace(REQUESTS[1], port=port, data=data)
            reply = await transport.carry(request)
            assert isinstance(reply, SmtpReply)
            assert (reply.code, reply.enhanced) == ((552, "5.3.4") if refused else (250, "2.0.0"))
    finally:
        transport.close()
        server.close()
        await server.wait_closed()
    assert [content for _, content in relay.got] == [data, data]

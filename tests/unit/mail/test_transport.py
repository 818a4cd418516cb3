"""What cannot even be tried here is nobody else's fault."""

import errno
import socket

import pytest

from mailkeep.base.secret import Secret
from mailkeep.mail.transport import Transport
from mailkeep.providers import registry
from mailkeep.providers.types import HttpRequest, SmtpRequest, TransportFailure

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
        await transport.close()
    assert failure == TransportFailure("local")
    for module in registry.REGISTRY.values():
        assert not module.read(failure).kind.blames_provider

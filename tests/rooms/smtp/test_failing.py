"""What fails in a session is logged with where it failed, and with nothing of the mail."""

import asyncio
import smtplib

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from structlog.testing import capture_logs

from mailkeep.smtp.connection import Connection
from mailkeep.smtp.door import Door, listen

READ = "481516 to ada@example.net"


class Broken(Door):
    def __init__(self, where: str) -> None:
        self._where = where

    def _read(self, where: str) -> None:
        if self._where == where:
            raise ValueError(READ)

    async def handle_RCPT(
        self,
        server: Connection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self._read("RCPT")
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:
        self._read("DATA")
        return "250 2.0.0 ok"


@pytest.mark.parametrize("where", ["RCPT", "DATA"])
async def test_a_session_that_fails_says_where_and_quotes_nothing(where: str) -> None:
    listener = await listen(Broken(where), "127.0.0.1", 0)

    def send() -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", listener.port, timeout=20) as client:
            client.ehlo()
            client.mail("us@example.com")
            said = client.rcpt("ada@example.net")
            return said if where == "RCPT" else client.data(b"Subject: 481516\r\n\r\n481516\r\n")

    with capture_logs() as logs:
        code, said = await asyncio.to_thread(send)
    await listener.finish()
    assert (code, said) == (451, b"4.3.0 local error, try again")
    (line,) = [one for one in logs if one["event"] == "smtp.failed"]
    assert line["error"] == "ValueError"
    assert f"in handle_{where}" in line["exception"]
    assert "in _read" in line["exception"]
    assert "481516" not in line["exception"]

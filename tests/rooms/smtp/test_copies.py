"""Copies of mail at the listener: over TLS or not at all, and into the journal of a service."""

import asyncio
import json
import smtplib
import socket
import ssl
from pathlib import Path

import pytest
from dkim_signing import record, sign
from sqlalchemy import select
from structlog.testing import capture_logs
from typer.testing import CliRunner

from mailkeep.app import settings as app_settings
from mailkeep.app import wiring_observation
from mailkeep.app.application import Application
from mailkeep.cli.main import app
from mailkeep.mail import tables
from mailkeep.smtp import receiving
from mailkeep.smtp.tls import Certificate

from .conftest import Pair

MAIL = b"From: x@example.com\r\nTo: ada@example.net\r\nSubject: s3cr3t\r\n\r\nHello\r\n"
ADDRESS = "copy-abc@in.example.com"
SETTINGS = """
level = "observe"
[[provider]]
name = "a"
kind = "postmark"
party = "a"
[[party]]
id = "a"
[[stream]]
name = "alert"
priority = 2
routes = [{ provider = "a" }]
[journal.copies]
domain = "in.example.com"
senders = ["example.com"]
listen = "127.0.0.1:PORT"
"""


def _send(port: int, to: str, mail: bytes, tls: Pair | None = None) -> int:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        if tls is not None:
            client.starttls(context=ssl.create_default_context(cafile=tls.certificate))
        client.ehlo()
        client.mail("x@example.com")
        code = client.rcpt(to)[0]
        return client.data(mail)[0] if code == 250 else code


@pytest.mark.parametrize("trusted", [False, True])
async def test_what_may_not_be_read_on_its_way_is_taken_over_tls(
    trusted: bool, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy may hold a reset link, which would open the account of whoever it was for."""
    got: list[bytes] = []

    async def deliver(_recipients: list[str], raw: bytes) -> None:
        got.append(raw)

    monkeypatch.setattr(receiving, "is_loopback", lambda _host: False)
    server = await receiving.listen(
        "127.0.0.1",
        0,
        deliver,
        certificate=Certificate(pair.certificate, pair.private_key),
        private=lambda one: one == ADDRESS,
        cleartext=trusted,
    )
    found = [
        await asyncio.to_thread(_send, server.port, to, MAIL, tls)
        for to in (ADDRESS, "others@in.example.com")
        for tls in (None, pair)
    ]
    server.close()
    assert found == [250 if trusted else 530, 250, 250, 250]
    assert len(got) == found.count(250)


async def test_copies_are_the_journal_of_a_service_that_observes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(_where: object, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        return {one: (record(),) for one in names}

    monkeypatch.setattr("mailkeep.app.wiring_reports.txt", ask)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (tmp_path / "mailkeep.toml").write_text(SETTINGS.replace("PORT", str(port)))
    settings = app_settings.load(tmp_path / "mailkeep.toml")
    signed = sign(MAIL, "example.com")
    with capture_logs() as logs:
        async with Application(settings, tmp_path, environ={}, dev=True) as running:
            (place,) = wiring_observation.places(settings, running.keys, running.streams).values()
            for raw, to in (
                (signed, place.address),
                (MAIL, place.address),
                (signed, "copy-other@in.example.com"),
            ):
                assert await asyncio.to_thread(_send, port, to, raw) == 250
            async with running.database.read() as tx:
                rows = await tx.all(select(tables.messages))
                assert await tx.all(select(tables.caught_mail)) == []
    assert [(one["stream"], one["provider"], one["status"]) for one in rows] == [
        ("alert", "a", "accepted")
    ]
    assert "s3cr3t" not in f"{logs}"
    line = ["watch", "copies", "--json", "--home", str(tmp_path)]
    done = await asyncio.to_thread(CliRunner().invoke, app, line)
    (shown,) = json.loads(done.stdout)["addresses"]
    assert (shown["provider"], shown["address"]) == ("a", place.address)
    assert shown["last"] is not None

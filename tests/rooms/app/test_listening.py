"""The listener that production opens for canaries: with the envelope sender, and nothing else."""

import asyncio
import smtplib
import socket
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, insert, select
from structlog.testing import capture_logs

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import HOUR
from mailkeep.base.errors import BadSettings
from mailkeep.base.ids import new_id
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import api_keys, lives
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.returns import FORGED, return_path
from mailkeep.mail.types import BounceSettings
from mailkeep.smtp import receiving
from mailkeep.watch.events import HoneyMailArrived
from mailkeep.watch.tables import canaries

MAIL = b"From: x@y.example\r\n\r\nHello\r\n"
RELAY = {"name": "r", "kind": "smtp", "party": "a", "base_url": "smtp://127.0.0.1:9"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settings(
    port: int, relays: tuple[dict[str, object], ...] = (), **more: object
) -> app_settings.Settings:
    return app_settings.parse(
        more
        | {
            "provider": [
                {
                    "name": "a",
                    "kind": "postmark",
                    "party": "a",
                    "secret": "env:A",
                    "base_url": "http://127.0.0.1:9",
                },
                *relays,
            ],
            "party": [{"id": "a"}],
            "stream": [{"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}],
            "canary": {
                "domain": "post.example",
                "sender": "us@example.com",
                "listen": f"127.0.0.1:{port}",
                "interval": 1,
            },
        }
    )


def _send(port: int, sender: str, to: str, mail: bytes = MAIL) -> int:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        client.mail(sender)
        client.rcpt(to)
        return client.data(mail)[0]


async def test_it_listens_sends_and_keeps_nothing_of_a_stranger(tmp_path: Path) -> None:
    port = _free_port()
    async with Application(_settings(port), tmp_path, environ={"A": "key"}) as running:
        for to in ("someone@post.example", "ada@example.net"):
            assert await asyncio.to_thread(_send, port, "eve@evil.example", to) == 250
        async with asyncio.timeout(20):
            count = 0
            while count < 2:
                await asyncio.sleep(0.1)
                async with running.database.read() as tx:
                    count = await tx.value(select(func.count()).select_from(canaries))
        async with running.database.read() as tx:
            assert await tx.all(select(mail_tables.caught_mail)) == []
            assert await tx.all(select(canaries).where(canaries.c.arrived_at.is_not(None))) == []
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(_send, port, "eve@evil.example", "someone@post.example")


async def test_mail_of_others_to_a_honey_address_is_on_the_record(tmp_path: Path) -> None:
    port = _free_port()
    settings = _settings(port, honey=[{"address": "iris.q7@honey.example", "provider": "a"}])
    async with Application(settings, tmp_path, environ={"A": "key"}) as running:
        for to in ("nobody@honey.example", "Iris.Q7@honey.example"):
            assert await asyncio.to_thread(_send, port, "eve@evil.example", to) == 250
        async with running.database.read() as tx:
            rows = await tx.all(select(events).where(events.c.kind == HoneyMailArrived.kind))
    (fact,) = [decode(row["kind"], row["data"]) for row in rows]
    assert isinstance(fact, HoneyMailArrived)
    assert (fact.provider, fact.words, fact.strays) == ("a", (), 1)


async def test_a_bounce_finds_its_message(tmp_path: Path) -> None:
    port = _free_port()
    settings = _settings(port, (RELAY | {"options": {"return_path_domain": "bounce.example"}},))
    with capture_logs() as logs:
        async with Application(settings, tmp_path, environ={"A": "key"}) as running:
            await _bounce(running, port)
    assert "bounces.unread" not in [one["event"] for one in logs]


async def _bounce(running: Application, port: int) -> None:
    """A mail that a relay took comes back: to an address that is not quite its own, then to it."""
    async with running.database.write() as tx:
        message = new_id("msg", tx.now)
        await tx.run(insert(mail_tables.messages).values(**_accepted(message, tx.now)))
        await tx.run(
            insert(mail_tables.attempts).values(
                id="att_1", message_id=message, provider="r", started_at=1, outcome="accepted"
            )
        )
    path = return_path(running.keys, running.providers["r"], message, shared=False)
    assert path is not None
    failed = b"X-Failed-Recipients: ada@example.net\r\n\r\nRCPT TO: 550 5.1.1 no\r\n"
    for to, status in ((f"b{path}", "accepted"), (path, "bounced")):
        assert await asyncio.to_thread(_send, port, "", to, failed) == 250
        async with running.database.read() as tx:
            assert (await lives.one(tx, message)).status == status
    assert running.claims.refused["r", FORGED] == 1


def test_the_canaries_domain_takes_no_bounces() -> None:
    with pytest.raises(BadSettings, match="canaries"):
        _settings(25, (RELAY | {"options": {"return_path_domain": "Post.example"}},))


def _accepted(message: str, now: int) -> dict[str, object]:
    return {
        "id": message,
        "stream": "alert",
        "priority": 2,
        "address_id": "address_1",
        "status": "accepted",
        "secret": False,
        "only": "",
        "avoid": "",
        "tries": 1,
        "created_at": now,
        "expires_at": now + HOUR,
        "next_at": now,
        "provider": "r",
    }


@pytest.mark.parametrize("sender", ["eve@evil.example", ""])
async def test_the_envelope_sender_comes_with_the_mail(sender: str) -> None:
    got: list[tuple[list[str], bytes]] = []

    async def deliver(recipients: list[str], raw: bytes) -> None:
        got.append((recipients, raw))

    server = await receiving.listen("127.0.0.1", 0, deliver)
    port = server.port
    assert await asyncio.to_thread(_send, port, sender, "ada@example.net") == 250
    server.close()
    ((recipients, raw),) = got
    assert recipients == ["ada@example.net"]
    assert raw.startswith(f"Return-Path: <{sender}>\r\nFrom:".encode())


def _submit(port: int, key: str) -> str:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.login("anyone", key)
        client.mail("us@example.com")
        client.rcpt("ada@example.net")
        code, answer = client.data(b"From: us@example.com\r\nSubject: s\r\n\r\nHello\r\n")
    return f"{code} {answer.decode()}"


async def test_applications_hand_mail_in_by_what_the_settings_say(tmp_path: Path) -> None:
    ports = [_free_port() for _ in range(3)]
    listen = [f"127.0.0.1:{one}" for one in ports[1:]]
    settings = _settings(ports[0], submission={"listen": listen, "hostname": "submit.example.com"})
    async with Application(settings, tmp_path, environ={"A": "key"}) as running:
        assert running.submission is not None
        assert running.submission.ports == ports[1:]
        async with running.database.write() as tx:
            key = await api_keys.create(tx, running.keys, "app", ("send",), by="test")
        for port in ports[1:]:
            answer = await asyncio.to_thread(_submit, port, key)
            assert answer.startswith("250 2.0.0 msg_")
            async with running.database.read() as tx:
                assert (await lives.one(tx, answer.split()[2])).stream == "alert"
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[1])
        assert await reader.readline() == b"220 submit.example.com Mailkeep\r\n"
    assert (await reader.read()).startswith(b"421 4.3.2")
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(_submit, ports[1], key)


async def test_a_port_that_is_taken_stops_the_start_and_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    ports = [_free_port() for _ in range(2)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = [f"127.0.0.1:{ports[1]}", f"127.0.0.1:{taken.getsockname()[1]}"]
        settings = _settings(ports[0], submission={"listen": listen})
        with pytest.raises(OSError, match="address already in use"):
            async with Application(settings, tmp_path, environ={"A": "key"}):
                pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[1])) != 0


@pytest.mark.parametrize(
    "step",
    [
        "mailkeep.app.application.upgrade",
        "mailkeep.app.application.Application.sign_on",
        "mailkeep.app.application.turns.release",
        "mailkeep.app.application.Application._listen",
        "mailkeep.app.application.startup_warnings.warn",
        "mailkeep.accounts.passwords.Passwords.look_for_imported",
        "mailkeep.app.application.Application._loops",
    ],
)
async def test_after_a_start_that_failed_anywhere_the_same_process_can_start_again(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = [_free_port() for _ in range(2)]
    settings = _settings(ports[0], submission={"listen": [f"127.0.0.1:{ports[1]}"]})

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(step)

    before = _threads()
    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        failed = Application(settings, tmp_path, environ={"A": "key"})
        await failed.accounts.passwords.make("a long enough one", has_factor=True, about=[], of="n")
        with pytest.raises(RuntimeError, match=step):
            await failed.__aenter__()
    assert _threads() <= before, "those of hashes and of the database have ended"
    async with Application(settings, tmp_path, environ={"A": "key"}):
        for port in ports:
            with socket.create_connection(("127.0.0.1", port), 5):
                pass


def _threads() -> set[str]:
    """Threads that go on, but for those that asyncio keeps."""
    names = {f"{one.name} {one.ident}" for one in threading.enumerate()}
    return {one for one in names if not one.startswith("asyncio")}


async def test_bounces_may_have_a_listener_of_their_own(tmp_path: Path) -> None:
    """Without canaries, and beside theirs; one address that both name is listened on once."""
    own, theirs = _free_port(), _free_port()
    relay = RELAY | {"options": {"return_path_domain": "bounce.example.com"}}
    for number, (more, ports) in enumerate(
        (
            ({"canary": None, "bounces": {"listen": f"127.0.0.1:{own}"}}, [own]),
            ({"bounces": {"listen": f"127.0.0.1:{own}"}}, [theirs, own]),
            ({"bounces": {"listen": f"127.0.0.1:{theirs}"}}, [theirs]),
        )
    ):
        found = _settings(theirs, (relay,))
        changes = {
            "canary": more.get("canary", found.canary),
            "bounces": BounceSettings(**more["bounces"]),
        }
        settings = msgspec.structs.replace(found, **changes)
        assert [port for _, port in settings.listens()] == ports
        home = tmp_path / str(number)
        with capture_logs() as logs:
            async with Application(settings, home, environ={"A": "x"}):
                for port in ports:
                    with socket.create_connection(("127.0.0.1", port), 5):
                        pass
        assert "bounces.unread" not in [one["event"] for one in logs]


def test_a_listener_that_is_no_address_is_refused() -> None:
    with pytest.raises(BadSettings, match="bounces: listen must be host:port"):
        _settings(1, bounces={"listen": "2525"})

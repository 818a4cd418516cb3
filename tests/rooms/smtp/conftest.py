"""Submission on a real listener, with a database behind it and nobody who sends on."""

import asyncio
import datetime as dt
import ipaddress
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys, tables
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.intake import Intake
from mailkeep.mail.taking import Taking
from mailkeep.mail.types import Content, RouteSettings, StreamSettings
from mailkeep.smtp import submission
from mailkeep.smtp.types import SubmissionSettings
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

# What the unit tests sign mail with.
sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "watch"))

STREAMS = {
    name: StreamSettings(name, priority=2, routes=(RouteSettings("a"),))
    for name in ("alert", "bulk", "billing")
}


@dataclass
class House:
    """What submission needs of the application."""

    database: Database
    keys: KeyRing
    shared: SharedCommit
    intake: Intake
    streams: dict[str, StreamSettings] = field(default_factory=lambda: STREAMS)
    grants: Grants = field(init=False)
    taking: Taking = field(init=False)
    woken: list[str] = field(default_factory=list)  #: what was told once it was stored

    def __post_init__(self) -> None:
        self.database.tell = self._tell
        self.grants = Grants(self.database, self.keys)
        self.taking = Taking(self.intake, self.shared)

    def _tell(self, tx: Tx, topic: str) -> None:
        if topic.startswith("due "):
            tx.after_commit.append(lambda: self.woken.append(topic))

    async def key(self, *streams: str) -> str:
        async with self.database.write() as tx:
            return await api_keys.create(
                tx, self.keys, "test", ("send",), streams=streams, by="test"
            )

    async def stored(self) -> list[tuple[str, Content]]:
        """(stream, content) of every message."""
        m, b = tables.messages, tables.message_bodies
        joined = select(m.c.stream, b.c.data).join(b, b.c.message_id == m.c.id).order_by(m.c.id)
        async with self.database.read() as tx:
            return [
                (row["stream"], msgspec.json.decode(row["data"], type=Content))
                for row in await tx.all(joined)
            ]

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[submission.Submission]:
        given = {"listen": "127.0.0.1:0"} | settings
        started = await submission.start(self, SubmissionSettings(**given))
        try:
            yield started
        finally:
            await started.stop(1)


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    intake = Intake(database, keys, STREAMS)
    return House(database, keys, SharedCommit(database), intake)


@dataclass
class Client:
    """A client that says exactly what it is told to, octet by octet."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def reply(self) -> str:
        """One whole reply, all its lines."""
        lines = []
        while True:
            line = await asyncio.wait_for(self.reader.readline(), 20)
            lines.append(line.decode("ascii"))
            if line[3:4] != b"-":
                return "".join(lines).removesuffix("\r\n")

    async def ask(self, line: str | bytes) -> str:
        await self.say(line)
        return await self.reply()

    async def say(self, line: str | bytes) -> None:
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        await self.writer.drain()

    async def gone(self) -> bytes:
        """What it still says until it hangs up."""
        try:
            return await asyncio.wait_for(self.reader.read(), 20)
        except ConnectionError:
            return b""

    async def send(self, data: bytes, *to: str) -> str:
        """A whole transaction; returns the reply to it."""
        assert (await self.ask("MAIL FROM:<us@example.com>")).startswith("250 2.")
        for one in to or ("ada@example.net",):
            assert (await self.ask(f"RCPT TO:<{one}>")).startswith("250 2.1.5")
        assert (await self.ask("DATA")).startswith("354 ")
        return await self.ask(data + b"\r\n.")


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens connections, which are closed at the end; ``key`` signs in."""
    opened: list[Client] = []

    async def to(port: int, key: str | None = None, **more: Any) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **more)
        client = Client(reader, writer)
        opened.append(client)
        if key is not None:
            assert (await client.reply()).startswith("220 ")
            await client.ask("EHLO test")
            assert (await client.ask(sign_in(key))).startswith("235 2.7.0")
        return client

    yield to
    for one in opened:
        one.writer.close()
    await asyncio.gather(*(one.writer.wait_closed() for one in opened), return_exceptions=True)


def sign_in(key: str) -> str:
    return "AUTH PLAIN " + b64encode(b"\0anyone\0" + key.encode()).decode()


@dataclass
class Pair:
    """A certificate of our own making, for 127.0.0.1 and localhost."""

    certificate: Path
    private_key: Path

    def make(self, name: str = "localhost") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.private_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def settings(self) -> dict[str, str]:
        return {"certificate": str(self.certificate), "private_key": str(self.private_key)}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path / "chain.pem", tmp_path / "key.pem")
    made.make()
    return made

"""Everything out, and the way round Mailkeep while it is down, as the how-to says."""

import asyncio
import datetime as dt
import hashlib
import ipaddress
import json
import re
import smtplib
import ssl
import stat
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import msgspec
import pyotp
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import insert, update
from typer.testing import CliRunner

from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.factors import totp
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import DAY, SECOND, SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.http.api.observations import JournalIn
from mailkeep.mail import outbox, outcomes, queries
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.intake import Intake
from mailkeep.mail.journal import Journal, Sent
from mailkeep.mail.types import Content, JournalSettings, NewMessage, RouteSettings, StreamSettings
from mailkeep.privacy.catalogue import CATALOGUE
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "leave-mailkeep.md"
PASSWORD = "violet-harbour-undoes-kettles"
SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }]

[[stream]]
name = "recovery"
priority = 0
secret = true
routes = [{ provider = "a" }]
"""
ROUTES = (RouteSettings("a"),)
STREAMS = {
    "alert": StreamSettings("alert", 1, ROUTES),
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, expires=3600),
}


class House:
    """A home with an account and its factors, mail that went, bounced and waits; nothing runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.waiting: list[str] = []
        self.account = self.secret = ""

    def run(self, *words: str) -> Any:
        result = CliRunner().invoke(app, [*words, "--json", "--home", str(self.home)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def lines(self, name: str) -> list[dict[str, Any]]:
        text = (self.home / "out" / name).read_text()
        return [json.loads(line) for line in text.splitlines()]


async def _fill(house: House) -> None:
    database = Database(f"sqlite:///{house.home / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    keys = KeyRing(house.home)
    slow = SlowHash(keys, memory_kib=64, passes=1)
    accounts = Accounts(database, keys, slow)
    made = await accounts.sign_up("ada@example.net", PASSWORD, "network")
    assert made.code is not None
    house.account = await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    intake = Intake(database, keys, STREAMS)
    claims = Claims(database, SharedCommit(database), {}, ["alert"])

    async def accept(to: str, stream: str = "alert") -> str:
        content = Content("us@example.com", to, "Hello", "words for you", "<p>words</p>")
        async with database.write() as tx:
            return await intake.accept(tx, intake.check(NewMessage(stream, content)))

    gone = await accept("dead@example.net")
    async with database.write() as tx:
        (job,) = await outbox.claim(database, tx, STREAMS["alert"], {}, 9)
        done = outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, True, True)
        await outcomes.finish(database, tx, [done])
    now = database.clock.now()
    bounce = Claim("a", "c1", ClaimKind.BOUNCED, None, gone, None, now, "", "shared_secret")
    await claims.take("a", [bounce])
    house.waiting = [await accept(f"user{n}@example.net") for n in range(3)]
    house.waiting.append(await accept("dead@example.net"))
    await accept("ada@example.net", "recovery")
    p, f = account_tables.passkeys, account_tables.factors
    async with database.write() as tx:
        enrolled = await totp.enrol(tx, keys, house.account, name="ada", issuer="us")
        house.secret = enrolled.secret.reveal()
        t = account_tables.totp_factors
        await tx.run(update(t).values(confirmed_at=tx.now))
        for factor, kind in ((enrolled.factor, "totp"), ("fac_key", "passkey")):
            await tx.run(
                insert(f).values(
                    id=factor,
                    account_id=house.account,
                    kind=kind,
                    name=kind,
                    bound_at=tx.now,
                    browser="b",
                    network="n",
                )
            )
        await tx.run(
            insert(p).values(
                factor_id="fac_key",
                account_id=house.account,
                credential=b"\xff\x01",
                public_key=b"\x02\x03",
                sign_count=4,
                transports="internal",
                synced=True,
            )
        )
    slow.close()
    await database.close()


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    made = House(tmp_path)
    asyncio.run(_fill(made))
    return made


def test_everything_is_out_and_every_file_is_as_the_manifest_says(house: House) -> None:
    out = house.home / "out"
    said = house.run("export", str(out))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["format"] == "mailkeep-house/1"
    assert manifest["audit"]["number"] >= 1
    there = {str(one.relative_to(out)) for one in out.rglob("*") if one.is_file()}
    assert there - set(manifest["files"]) == {"manifest.json", "SHA256SUMS"}
    assert {f"tables/{name}.jsonl" for name in CATALOGUE} <= there
    sums = dict(line.split("  ")[::-1] for line in (out / "SHA256SUMS").read_text().splitlines())
    for name, fact in manifest["files"].items():
        content = (out / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == fact["sha256"] == sums[name]
        assert len(content) == fact["octets"]
        if fact["rows"] is not None:
            assert len(house.lines(name)) == fact["rows"]
    assert said["files"] == len(manifest["files"])
    modes = {stat.S_IMODE(one.stat().st_mode) for one in out.rglob("*") if one.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_another_system_finds_accounts_factors_suppressions_and_the_ledger(house: House) -> None:
    house.run("export", str(house.home / "out"))
    (account,) = house.lines("accounts.jsonl")
    assert account["addresses"] == [{"address": "ada@example.net", "confirmed": True}]
    assert account["password"]["argon2id"].startswith("$argon2id$")
    factors = {one["kind"]: one for one in house.lines("factors.jsonl")}
    assert (factors["passkey"]["credential"], factors["passkey"]["public_key"]) == ("_wE", "AgM")
    assert "secret" not in factors["totp"]
    (suppressed,) = house.lines("suppressions.jsonl")
    assert (suppressed["address"], suppressed["event"]) == ("dead@example.net", "bounced")
    assert [one["address"] for one in house.lines("exposures.jsonl")] == ["dead@example.net"]
    kinds = {one["kind"] for one in house.lines("tables/events.jsonl")}
    assert {"mail.accepted", "mail.reported"} <= kinds
    assert all(isinstance(one["data"], dict) for one in house.lines("tables/events.jsonl"))
    assert {one["id"] for one in house.lines("waiting.jsonl")} == set(house.waiting)


def test_no_secret_leaves_unless_it_was_asked_for(house: House) -> None:
    out = house.home / "out"
    house.run("export", str(out))
    keys = [one.read_text().strip() for one in (house.home / "keys").glob("*.key")]
    for path in out.rglob("*.jsonl"):
        text = path.read_text()
        assert house.secret not in text
        assert not any(key in text for key in keys)
    tables = [path.read_text() for path in (out / "tables").iterdir()]
    assert not any("$argon2id$" in text for text in tables)
    out.rename(house.home / "first")
    house.run("export", str(out), "--with-secrets")
    found = {one["kind"]: one for one in house.lines("factors.jsonl")}
    assert pyotp.TOTP(found["totp"]["secret"]).now() == pyotp.TOTP(house.secret).now()
    acts = [(one["act"], json.loads(one["data"])) for one in house.lines("tables/audit.jsonl")]
    assert acts[-2:] == [("export", {"secrets": False}), ("export", {"secrets": True})]


def test_an_export_does_not_write_over_another(house: House) -> None:
    out = house.home / "out"
    out.mkdir()
    result = CliRunner().invoke(app, ["export", str(out), "--home", str(house.home)])
    assert result.exit_code != 0
    assert list(out.iterdir()) == []


class Relay:
    """A relay that is not Mailkeep's: it speaks TLS, knows its users, and refuses whom it likes."""

    def __init__(self, home: Path) -> None:
        self.taken: list[Any] = []
        self.refuses: set[str] = set()
        self.certificate = home / "relay.pem"
        self._context = _context(self.certificate)
        self._spoken: list[SMTP] = []

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: list[str]
    ) -> str:
        if to in self.refuses:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(to)
        return "250 2.1.5 fine"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 2.0.0 taken"

    def speak(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        made = SMTP(
            self,
            loop=loop,
            tls_context=self._context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._knows,
        )
        self._spoken.append(made)
        return made

    def hang_up(self) -> None:
        """Of all connections, whatever state they are in."""
        for one in self._spoken:
            if one.transport is not None:
                one.transport.abort()
        self._spoken.clear()

    def _knows(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, who: Any
    ) -> Any:
        return AuthResult(success=(who.login, who.password) == (b"apikey", b"k-17"), handled=False)

    def names(self) -> list[str]:
        return sorted(str(one["To"]) for one in self.taken)


def _context(path: Path) -> ssl.SSLContext:
    """For a server at 127.0.0.1, by a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem))
    both = path.with_suffix(".both")
    both.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


class Round:
    """The script of the page, run where its ``sent.txt`` is kept."""

    def __init__(self, house: House, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
        script = re.search(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
        assert script is not None
        self._code = compile(script[1], str(HOW_TO), "exec")
        self._house, self._relay, self._patch = house, relay, monkeypatch
        monkeypatch.chdir(house.home)
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.certificate))
        monkeypatch.setenv("RELAY_USER", "apikey")
        monkeypatch.setenv("RELAY_KEY", "k-17")

    def go(self) -> list[dict[str, str]]:
        """Once; what has gone by now, as ``sent.txt`` has it."""

        async def send() -> None:
            loop = asyncio.get_running_loop()
            speak = self._relay.speak
            server = await loop.create_server(lambda: speak(loop), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            words = ["round.py", str(self._house.home / "out"), "127.0.0.1", str(port), "a"]
            self._patch.setattr(sys, "argv", words)
            try:
                await asyncio.to_thread(exec, self._code, {})
            finally:  # the script may end with an error
                server.close()
                self._relay.hang_up()
                await asyncio.sleep(0)  # transports close in the next round of the loop
                await asyncio.sleep(0)

        asyncio.run(send())
        text = (self._house.home / "sent.txt").read_text()
        return [json.loads(line) for line in text.splitlines()]


async def _more(house: House) -> tuple[str, str]:
    """Mail that is due tomorrow, and mail whose time is over."""
    database = Database(f"sqlite:///{house.home / 'mailkeep.db'}", SystemClock())
    intake, m = Intake(database, KeyRing(house.home), STREAMS), mail_tables.messages
    out = []
    async with database.write() as tx:
        for to, at in (("later@example.net", tx.now + DAY), ("late@example.net", None)):
            content = Content("us@example.com", to, "Hello", "words")
            out.append(await intake.accept(tx, NewMessage("alert", content, send_at=at)))
        await tx.run(update(m).where(m.c.id == out[1]).values(expires_at=tx.now - 1))
    await database.close()
    return out[0], out[1]


def test_the_way_round_is_gone_as_the_page_says(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run("export", str(house.home / "out"))
    relay = Relay(house.home)
    sent = [one["id"] for one in Round(house, relay, monkeypatch).go()]
    assert sorted(sent) == sorted(house.waiting[:3])  # not to whom it bounces
    assert relay.names() == [f"user{n}@example.net" for n in range(3)]
    assert relay.taken[0]["Message-ID"] == f"<{sent[0]}@example.com>"
    assert relay.taken[0].get_body(("plain",)).get_content().strip() == "words for you"
    house.run("messages", "cancel", *sent)

    async def statuses() -> dict[str, str]:
        database = Database(f"sqlite:///{house.home / 'mailkeep.db'}", SystemClock())
        async with database.read() as tx:
            found = await queries.statuses(tx, house.waiting)
        await database.close()
        return found

    left = asyncio.run(statuses())
    assert {left[one] for one in sent} == {"given_up"}
    assert left[house.waiting[3]] == "queued"


def test_one_that_is_refused_holds_up_nobody_and_nobody_gets_it_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later, late = asyncio.run(_more(house))
    house.run("suppressions", "add", "user2@example.net")
    house.run("export", str(house.home / "out"))
    relay = Relay(house.home)
    relay.refuses = {"user0@example.net"}
    way = Round(house, relay, monkeypatch)
    way.go()
    assert relay.names() == ["user1@example.net"]
    said = capsys.readouterr().err
    assert f"refused {house.waiting[0]}" in said
    for name, why in ((later, "not due yet"), (late, "expired"), (house.waiting[2], "on our list")):
        assert f"left out {name} {why}" in said
    relay.refuses = set()
    sent = way.go()
    assert relay.names() == ["user0@example.net", "user1@example.net"], "each once"
    assert f"left out {house.waiting[1]} sent before" in capsys.readouterr().err
    assert {one["id"] for one in sent} == set(house.waiting[:2])


def test_the_relay_is_told_no_key_in_clear_and_takes_nothing_from_a_stranger(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run("export", str(house.home / "out"))
    relay = Relay(house.home)
    way = Round(house, relay, monkeypatch)
    monkeypatch.setenv("RELAY_KEY", "another")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        way.go()
    monkeypatch.setenv("RELAY_KEY", "k-17")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        way.go()
    assert relay.taken == []


def test_what_went_round_stands_in_the_ledger_when_the_journal_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run("export", str(house.home / "out"))
    sent = Round(house, Relay(house.home), monkeypatch).go()

    async def tell() -> int:
        database = Database(f"sqlite:///{house.home / 'mailkeep.db'}", SystemClock())
        names = frozenset({"a"})
        journal = Journal(database, KeyRing(house.home), JournalSettings(), STREAMS, names)
        body = json.dumps({"sent": sent}).encode()  # as the door reads it
        lines = [
            Sent(one.provider, one.id, one.to, one.stream, round(one.at.timestamp() * SECOND))
            for one in msgspec.json.decode(body, type=JournalIn).sent
        ]
        async with database.write() as tx:
            before = await queries.exposed(tx, "a", tx.now)
            for _ in range(2):
                await journal.note(tx, journal.check(lines), by="key_x")
            after = await queries.exposed(tx, "a", tx.now)
        await database.close()
        return after - before

    assert asyncio.run(tell()) == 3


def test_what_a_provider_may_have_after_a_lost_answer_is_not_sent_twice(house: House) -> None:
    """It waits as any other, and its provider may have taken it."""
    (first, *rest) = house.waiting

    async def lose() -> None:
        database = Database(f"sqlite:///{house.home / 'mailkeep.db'}", SystemClock())
        async with database.write() as tx:
            jobs = await outbox.claim(database, tx, STREAMS["alert"], {}, 1)
            assert [one.message for one in jobs] == [first]
            lost = Outcome(OutcomeKind.AMBIGUOUS, "the connection broke")
            done = [outcomes.Finished(one, lost, 0.1, True, True) for one in jobs]
            await outcomes.finish(database, tx, done)
        await database.close()

    asyncio.run(lose())
    house.run("export", str(house.home / "out"))
    may_have = {one["id"]: one["may_have"] for one in house.lines("waiting.jsonl")}
    assert may_have == {first: "a", **dict.fromkeys(rest)}


def test_what_a_provider_that_fell_said_of_an_address_is_told_apart(house: House) -> None:
    house.run("export", str(house.home / "out"))
    assert [one["believed"] for one in house.lines("suppressions.jsonl")] == [True]
    house.run("providers", "cut", "a", "--reason", "stolen")
    (house.home / "out").rename(house.home / "first")
    house.run("export", str(house.home / "out"))
    assert [one["believed"] for one in house.lines("suppressions.jsonl")] == [False]

"""Backups: consistent under load, without keys, and restored without undoing what was stopped."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from mailkeep.accounts import tables as account_tables
from mailkeep.app import backup, backup_manifest
from mailkeep.app.process_lock import ProcessLock
from mailkeep.base import escrow
from mailkeep.base.clock import HOUR, SystemClock
from mailkeep.base.errors import BadSettings, Invalid, Unavailable
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.base.secret import Secret
from mailkeep.events import audit
from mailkeep.events.tables import events
from mailkeep.mail import api_keys, lives, outbox, queries, services, shifting, tables
from mailkeep.mail.grants import Scope
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage, RouteSettings, Shift, StreamSettings
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade

from . import older

STREAMS = {
    name: StreamSettings(name, 0, (RouteSettings("a"), RouteSettings("b")), secret=name == "secret")
    for name in ("secret", "alert")
}
WORDS = "the words of a secret mail"


class House:
    """A home with a database, messages and keys."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        self.home = home
        self.file = home / "mailkeep.db"
        self.keys = KeyRing(home)
        self.database = Database(f"sqlite:///{self.file}", SystemClock())
        self.intake = Intake(self.database, self.keys, STREAMS)

    async def take_in(self, number: int, stream: str = "alert") -> str:
        async with self.database.write() as tx:
            return await self.accept(tx, number, stream)

    async def accept(self, tx: Tx, number: int, stream: str = "alert") -> str:
        content = Content("us@example.com", f"u{number}@example.net", "Hello", WORDS)
        return await self.intake.accept(tx, NewMessage(stream, content))

    def back_up(self, directory: Path) -> backup_manifest.Manifest:
        return backup.make(self.home, self.file, directory, _quiet)

    def restore(self, directory: Path, *, force: bool = True, **more: Any) -> backup.Restored:
        options = {"keys": None, "by": "uid:0", **more}
        return backup.restore(self.home, self.file, directory, _quiet, force=force, **options)


def _quiet(_done: int, _whole: int) -> None:
    pass


@pytest.fixture
async def house(tmp_path: Path) -> House:
    made = House(tmp_path / "home")
    await upgrade(made.database)
    return made


async def _count(tx: Tx, table: Any, *where: Any) -> int:
    return int(await tx.value(select(func.count()).select_from(table).where(*where)) or 0)


async def test_a_backup_under_load_is_one_state(house: House, tmp_path: Path) -> None:
    for number in range(300):
        await house.take_in(number)
    stop = asyncio.Event()
    written = 300

    async def load() -> None:
        nonlocal written
        while not stop.is_set():
            async with house.database.write() as tx:
                for _ in range(3):
                    await house.accept(tx, written)
                    written += 1
            await asyncio.sleep(0)

    writer = asyncio.create_task(load())
    await asyncio.sleep(0.1)
    told: list[tuple[int, int]] = []
    await asyncio.to_thread(
        backup.make,
        house.home,
        house.file,
        tmp_path / "copy",
        lambda done, whole: told.append((done, whole)),
    )
    during = written
    stop.set()
    await writer
    await house.database.close()
    assert told
    assert told[-1][0] == told[-1][1] > 0
    found = backup_manifest.read(tmp_path / "copy")
    assert 300 < found.messages < during, "it was written to while it was copied"
    assert found.messages % 3 == 0, "no transaction is in it by half"

    restored = await asyncio.to_thread(house.restore, tmp_path / "copy")
    assert restored.waiting.messages == found.messages
    after = Database(f"sqlite:///{house.file}", SystemClock())
    async with after.read() as tx:
        assert await _count(tx, tables.messages) == found.messages
        assert await _count(tx, tables.message_bodies) == found.messages
        assert await _count(tx, events, events.c.kind == "mail.accepted") == found.messages
        assert await audit.verify(tx) is None
    await after.close()


async def test_a_secret_body_is_gone_from_every_backup_with_its_hour(
    house: House, tmp_path: Path
) -> None:
    await house.take_in(1, "secret")
    await house.database.close()
    house_backup = tmp_path / "copy"
    await asyncio.to_thread(house.back_up, house_backup)
    content = b"".join(one.read_bytes() for one in house_backup.iterdir())
    assert WORDS.encode() not in content
    assert not list(house_backup.rglob("*.key"))
    for path in [*house.home.rglob("keys/*.key"), *house.home.rglob("hourly/*.key")]:
        assert path.read_bytes() not in content, "no key of any kind is in it"

    copy = Database(f"sqlite:///{house_backup / 'mailkeep.db'}", SystemClock())
    async with copy.read() as tx:
        body = await tx.one(select(tables.message_bodies))
    await copy.close()
    assert body is not None
    purpose = f"body {body['message_id']}"
    assert WORDS.encode() in house.keys.unseal_hour(body["hour"], purpose, body["data"])
    assert house.keys.destroy_expired((body["hour"] + 1) * HOUR)
    with pytest.raises(Unsealable):
        KeyRing(house.home).unseal_hour(body["hour"], purpose, body["data"])


async def test_the_file_of_keys_has_the_lasting_ones_alone(house: House, tmp_path: Path) -> None:
    house.keys.seal_until(SystemClock().now(), "x", b"x")
    passphrase = Secret("correct horse battery")
    lasting = escrow.lasting(house.home)
    content = escrow.pack(lasting, passphrase)
    for path in house.home.rglob("*.key"):
        assert path.read_bytes().strip() not in content
    assert escrow.unpack(content, passphrase) == lasting
    assert lasting.keys() == set(escrow.LASTING)
    hourly = [path.read_text().strip() for path in house.home.rglob("hourly/*.key")]
    assert hourly
    assert not set(hourly) & set(lasting.values())
    with pytest.raises(Invalid, match="passphrase is wrong"):
        escrow.unpack(content, Secret("correct horse batterx"))
    with pytest.raises(Invalid, match="no file of keys"):
        escrow.unpack(b"{}", passphrase)
    with pytest.raises(Invalid, match="12 characters"):
        escrow.pack(lasting, Secret("short"))
    await house.database.close()


async def test_a_new_home_needs_the_keys_of_the_old(house: House, tmp_path: Path) -> None:
    message = await house.take_in(1)
    await house.database.close()
    (house.home / "mailkeep.toml").write_text('public_url = "https://mail.example.com"\n')
    copy = tmp_path / "copy"
    await asyncio.to_thread(house.back_up, copy)
    lasting = escrow.lasting(house.home)

    home = tmp_path / "new"
    file = home / "mailkeep.db"

    def restore(keys: dict[str, str] | None) -> backup.Restored:
        return backup.restore(home, file, copy, _quiet, by="uid:0", keys=keys, force=False)

    with pytest.raises(BadSettings, match="lacks the keys"):
        await asyncio.to_thread(restore, None)
    assert not file.exists()
    found = await asyncio.to_thread(restore, lasting)
    assert found.replaced is None
    assert (home / "mailkeep.toml").read_text().startswith("public_url")
    assert {stat.S_IMODE(one.stat().st_mode) for one in home.rglob("*") if one.is_file()} == {0o600}
    database = Database(f"sqlite:///{file}", SystemClock())
    async with database.read() as tx:
        assert (await lives.one(tx, message)).status == "queued"
    await database.close()
    with pytest.raises(BadSettings, match="--force"):
        await asyncio.to_thread(restore, lasting)

    other = House(tmp_path / "other")
    await other.database.close()
    with pytest.raises(BadSettings, match="another house's"):
        await asyncio.to_thread(other.restore, copy)
    with pytest.raises(Invalid, match="other keys"):
        await asyncio.to_thread(other.restore, copy, keys=lasting)


async def test_what_was_stopped_since_stays_stopped(house: House, tmp_path: Path) -> None:
    async with house.database.write() as tx:
        key = await api_keys.create(tx, house.keys, "app", ("send",), by="test")
        kept = await api_keys.create(tx, house.keys, "kept", ("send",), by="test")
        await services.cut_off(house.database, tx, "b", by="x", reason="before", since=tx.now)
        await older.account(tx)
        await older.changes(tx)
        await house.accept(tx, 1)
    async with house.database.write() as tx:
        [job] = await outbox.claim(house.database, tx, STREAMS["alert"], {}, 10)
    copy = tmp_path / "copy"
    await asyncio.to_thread(house.back_up, copy)

    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "a", by="x", reason="since", since=tx.now)
        await services.restore(house.database, tx, "b", by="x", reason="again")
        await services.rest_provider(house.database, tx, "c", by="x", reason="quiet", since=tx.now)
        await api_keys.revoke(tx, "app", by="test")
        alert = STREAMS["alert"]
        await shifting.shift(house.database, tx, alert, "a", "b", 1.0, by="x", reason="left")
    await house.database.close()

    found = await asyncio.to_thread(house.restore, copy)
    assert found.cut_off == ("a", "b"), "cut off on either side is cut off"
    assert (found.leases, found.sessions_ended, found.recoveries_voided) == (1, 1, 1)
    assert found.entries_lost == 5
    assert found.replaced is not None
    assert found.replaced in {str(one) for one in house.home.iterdir()}

    database = Database(f"sqlite:///{house.file}", SystemClock())
    async with database.read() as tx:
        assert await queries.resting(tx)
        assert await shifting.shifts(tx) == {"alert": [Shift("a", "b", 1.0)]}
        for presented, good in ((key, False), (kept, True)):
            try:
                await api_keys.authorise(tx, house.keys, presented, Scope.SEND, network="127.0.0.1")
                assert good
            except Exception:
                assert not good
        lease = await tx.value(
            select(tables.messages.c.lease_until).where(tables.messages.c.id == job.message)
        )
        assert lease == 0
        sessions, recoveries = account_tables.sessions, recovery_tables.recoveries
        assert await _count(tx, sessions, sessions.c.ended_at.is_(None)) == 0
        assert await tx.value(select(recoveries.c.state)) == "void"
        c, p, f = account_tables.changes, account_tables.contact_points, account_tables.factors
        assert await _count(tx, c, c.c.state == "stopped") == 2
        assert [one["address"] for one in await tx.all(select(p))] == ["ada@example.net"]
        assert await _count(tx, p, p.c.removed_by.is_not(None)) == 0
        assert await _count(tx, f, f.c.leaves_at.is_not(None)) == 0
        assert await audit.verify(tx) is None
        last = select(audit.audit.c.act).order_by(audit.audit.c.number.desc()).limit(1)
        assert await tx.value(last) == "restore_backup"
    await database.close()


@pytest.mark.parametrize("what", ["database", "manifest", "signature", "extra", "unfinished"])
async def test_a_backup_that_is_not_whole_changes_nothing(
    what: str, house: House, tmp_path: Path
) -> None:
    await house.take_in(1)
    await house.database.close()
    copy = tmp_path / "copy"
    await asyncio.to_thread(house.back_up, copy)
    path = copy / "manifest.json"
    if what == "database":
        data = bytearray((copy / "mailkeep.db").read_bytes())
        data[-1] ^= 1
        (copy / "mailkeep.db").write_bytes(data)
    elif what == "manifest":
        path.write_text(path.read_text().replace('"messages": 1', '"messages": 2'))
    elif what == "signature":
        path.write_text("{}")
    elif what == "extra":
        path.write_text(path.read_text().replace('"mailkeep.db"', '"../home/mailkeep.db"'))
    else:
        path.unlink()
    before = house.file.read_bytes()
    with pytest.raises(BadSettings):
        await asyncio.to_thread(house.restore, copy)
    assert house.file.read_bytes() == before
    assert not list(house.home.glob("mailkeep.db.*"))


@pytest.mark.parametrize("name", [backup_manifest.DATABASE, backup_manifest.SETTINGS])
async def test_what_is_restored_is_what_was_checked(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever holds the place that the backup lies in shows one file to be checked, and another."""
    (house.home / backup_manifest.SETTINGS).write_text("public_url = 'https://mail.example.com'\n")
    await house.take_in(1)
    await house.database.close()
    await asyncio.to_thread(house.back_up, tmp_path / "backup")
    check = backup_manifest.check

    def checked(directory: Path, *more: Any) -> None:
        check(directory, *more)
        file = directory / name
        file.write_bytes(file.read_bytes() + b"\n# and more")

    monkeypatch.setattr(backup_manifest, "check", checked)
    (house.home / backup_manifest.SETTINGS).unlink()
    with pytest.raises(BadSettings, match="another file"):
        await asyncio.to_thread(house.restore, tmp_path / "backup")
    assert not list(house.home.glob("mailkeep.db.before*"))
    assert not (house.home / backup_manifest.SETTINGS).exists()


async def test_a_running_mailkeep_is_not_restored_over(house: House, tmp_path: Path) -> None:
    await house.database.close()
    copy = tmp_path / "copy"
    await asyncio.to_thread(house.back_up, copy)
    running = ProcessLock(house.home)
    running.take()
    with pytest.raises(BadSettings, match="another Mailkeep runs"):
        await asyncio.to_thread(house.restore, copy)
    running.leave()
    with pytest.raises(BadSettings, match="not empty"):
        await asyncio.to_thread(house.back_up, copy)


async def test_what_is_no_database_is_not_backed_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(Unavailable, match="keys"):
        backup.make(home, home / "mailkeep.db", tmp_path / "a", _quiet)
    KeyRing(home)
    with pytest.raises(BadSettings, match="no database"):
        backup.make(home, home / "mailkeep.db", tmp_path / "b", _quiet)
    (home / "mailkeep.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match="could not be copied"):
        backup.make(home, home / "mailkeep.db", tmp_path / "c", _quiet)
    assert not list((tmp_path / "c").iterdir())

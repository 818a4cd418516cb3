"""A thief of database and keys writes the chain anew: what lies elsewhere betrays it."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from mailkeep.app import audit_anchors
from mailkeep.app.audit_anchors import Anchors, AuditSettings
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.events import anchors, audit
from mailkeep.events import tables as t
from mailkeep.events.anchors import Compared
from mailkeep.store.database import Database, Tx


class Chain:
    """A chain, its anchors, and the thief's hands."""

    def __init__(self, database: Database, keys: KeyRing, file: Path) -> None:
        self.database, self.keys, self.file = database, keys, file
        settings = AuditSettings(anchors=(f"file:{file}",), every=3600.0)
        self.anchors = Anchors(database, keys, audit_anchors.places(settings), settings.every)

    async def act(self, count: int = 1) -> None:
        async with self.database.write() as tx:
            for _ in range(count):
                await audit.write(tx, "key_1", "an_act", {"incident": "inc_1"})

    async def anchor(self) -> None:
        """As the schedule does, an hour later."""
        self.database.clock.advance(3601)
        await self.anchors.step()

    async def verify(self, key: str = "") -> tuple[int | None, Compared]:
        found = anchors.read(self.file.read_text())
        async with self.database.read() as tx:
            compared = await anchors.compare(tx, found, key or self.keys.public_key())
            return await audit.verify(tx), compared

    async def rewrite(self, entry: int, actor: str) -> None:
        """Alter an entry, and make every later one fit it again."""
        async with self.database.write() as tx:
            chain = t.audit.c
            await tx.run(update(t.audit).where(chain.number == entry).values(actor=actor))
            previous = audit.GENESIS
            for row in await tx.all(select(t.audit).order_by(chain.number)):
                new = audit._hash(dict(row), previous)
                which = update(t.audit).where(chain.number == row["number"])
                await tx.run(which.values(previous=previous, hash=new))
                previous = new


@pytest.fixture
def chain(database: Database, keys: KeyRing, tmp_path: Path) -> Chain:
    return Chain(database, keys, tmp_path / "heads.jsonl")


async def test_a_chain_that_is_left_alone_fits(chain: Chain) -> None:
    await chain.anchor()  # an empty one too
    await chain.act(3)
    await chain.anchor()
    await chain.act(2)
    await chain.anchor()
    await chain.act()
    assert await chain.verify() == (None, Compared(3, 5, None, None, 0))


async def test_a_rewritten_chain_is_betrayed(chain: Chain) -> None:
    await chain.act(2)
    await chain.anchor()
    await chain.act(3)
    await chain.anchor()
    await chain.rewrite(4, "key_2")
    broken, found = await chain.verify()
    assert broken is None, "within itself the chain fits"
    assert (found.fits, found.rewritten, found.fine) == (2, 5, False)


@pytest.mark.check("ASVS 16.4.2")
async def test_a_chain_that_was_cut_short_is_betrayed(chain: Chain) -> None:
    await chain.act(5)
    await chain.anchor()
    async with chain.database.write() as tx:
        await tx.run(delete(t.audit).where(t.audit.c.number > 3))
    broken, found = await chain.verify()
    assert broken is None
    assert (found.cut, found.fine) == (4, False)
    # And with new entries in their place it was written anew.
    await chain.act(4)
    broken, found = await chain.verify()
    assert broken is None
    assert (found.cut, found.rewritten, found.fine) == (None, 5, False)


async def test_a_head_signed_anew_helps_nobody(chain: Chain) -> None:
    """Who can add lines to the anchor, and sign them, cannot take the true ones away."""
    await chain.act(3)
    await chain.anchor()
    await chain.rewrite(1, "key_2")
    await chain.anchor()
    _, found = await chain.verify()
    assert found.anchors == 2
    assert (found.rewritten, found.fine) == (3, False)


async def test_another_key_is_not_ours(chain: Chain, tmp_path: Path) -> None:
    await chain.act(3)
    await chain.anchor()
    thief = KeyRing(tmp_path / "thief")
    _, found = await chain.verify(thief.public_key())
    assert (found.anchors, found.foreign, found.fine) == (0, 1, False)


async def test_who_took_a_head_notices_that_it_is_gone(chain: Chain) -> None:
    """The process that is still running knows what it sent."""
    await chain.act(3)
    await chain.anchor()
    await chain.rewrite(2, "key_2")
    await chain.anchors.step()
    await chain.anchors.step()
    async with chain.database.read() as tx:
        rows = await tx.all(select(t.events).where(t.events.c.kind == "events.audit_contradicted"))
    assert [json.loads(row["data"]) for row in rows] == [{"entry": 3}]


@pytest.mark.check("ASVS 16.4.3")
async def test_it_is_taken_on_a_schedule_and_at_once(chain: Chain) -> None:
    await chain.act()
    await chain.anchor()
    await chain.anchors.step()
    assert len(anchors.read(chain.file.read_text())) == 1, "an hour has not passed"
    await chain.act()

    async def close(tx: Tx) -> None:
        await chain.anchors.on_incident(tx, None)

    await chain.database.retrying(close)
    assert chain.anchors.awake.is_set()
    await chain.anchors.step()
    await chain.anchors.step()
    assert [one.number for one in anchors.read(chain.file.read_text())] == [1, 2]


async def test_two_processes_take_it_once(chain: Chain) -> None:
    other = Chain(chain.database, chain.keys, chain.file)
    await chain.act()
    chain.database.clock.advance(3601)
    await asyncio.gather(chain.anchors.step(), other.anchors.step())
    assert len(anchors.read(chain.file.read_text())) == 1


async def test_a_place_that_does_not_take_it_is_tried_again(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    lines: list[str] = []
    fails = [True]

    async def send(line: str) -> None:
        if fails:
            fails.pop()
            raise OSError("away")
        lines.append(line)

    made = Anchors(database, keys, {"somewhere": send}, 3600.0)
    clock.advance(3600)
    await made.step()
    await made.step()
    assert lines == []
    clock.advance(61)
    await made.step()
    assert [one.number for one in anchors.read(lines[0])] == [0]


async def test_syslog_gets_a_line_that_can_be_read_back(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = AuditSettings(anchors=(f"syslog:127.0.0.1:{port}",))
    audit_anchors.check(settings)
    clock.advance(3600)
    await Anchors(database, keys, audit_anchors.places(settings), 3600.0).step()
    text = (await got).decode()
    length, _, message = text.partition(" ")
    assert int(length) == len(message)
    assert message.startswith("<109>1 ")
    (one,) = anchors.read(text)
    async with database.read() as tx:
        assert (await anchors.compare(tx, [one], keys.public_key())).fine
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "place", ["file:relative", "syslog:nowhere", "https://example.com", "webhook:https://x", "x:y"]
)
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(BadSettings):
        audit_anchors.check(AuditSettings(anchors=(place,)))


def test_a_webhook_travels_encrypted() -> None:
    settings = AuditSettings(anchors=("webhook:env:HOOK",))
    audit_anchors.check(settings)
    with pytest.raises(BadSettings):
        audit_anchors.places(settings, {"HOOK": "http://example.com/hook"})
    assert list(audit_anchors.places(settings, {"HOOK": "https://example.com/hook"})) == [
        "webhook:env:HOOK"
    ]

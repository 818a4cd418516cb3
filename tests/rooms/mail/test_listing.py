"""Lists of messages and providers, and the life of one message, on both engines."""

import pytest

from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.errors import NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.mail import listing, services, tables
from mailkeep.mail.intake import Intake
from mailkeep.mail.listing import Wanted
from mailkeep.mail.types import Content, NewMessage, RouteSettings, StreamSettings
from mailkeep.store.database import Database, Tx

STREAMS = {
    name: StreamSettings(name, 1, (RouteSettings("a"), RouteSettings("b")))
    for name in ("alert", "bulk")
}


async def _take_in(database: Database, keys: KeyRing, stream: str, to: str) -> str:
    intake = Intake(database, keys, STREAMS)
    async with database.write() as tx:
        content = Content("us@example.com", to, "Hello", "words")
        return await intake.accept(tx, NewMessage(stream, content))


async def test_messages_are_listed_by_what_is_asked(
    database: Database, clock: ManualClock, keys: KeyRing
) -> None:
    ids = []
    for number in range(4):
        stream = "bulk" if number % 2 else "alert"
        ids.append(await _take_in(database, keys, stream, f"u{number // 2}@example.net"))
        clock.advance(10)
    who = keys.pseudonym("address", "u1@example.net")
    start = clock.now() - 15 * SECOND
    async with database.read() as tx:

        async def listed(limit: int = 10, **wanted: object) -> list[str]:
            return [one.id for one in await listing.messages(tx, Wanted(**wanted), limit)]

        assert await listed() == ids[::-1]
        assert await listed(limit=2) == ids[:1:-1]
        assert await listed(before=ids[2]) == [ids[1], ids[0]]
        assert await listed(stream="bulk") == [ids[3], ids[1]]
        assert await listed(address=who) == [ids[3], ids[2]]
        assert await listed(since=start) == [ids[3]]
        assert await listed(status="queued", stream="alert", address=who) == [ids[2]]
        assert await listed(status="delivered") == []
        [one] = await listing.messages(tx, Wanted(before=ids[1]), 10)
        assert "example.net" not in repr(one)


async def test_the_life_of_a_message_is_in_order(
    database: Database, clock: ManualClock, keys: KeyRing
) -> None:
    message = await _take_in(database, keys, "alert", "ada@example.net")
    other = await _take_in(database, keys, "alert", "bob@example.net")
    clock.advance(1)
    async with database.write() as tx:
        await _attempt(tx, "att_1", message, "a", "suspended", "code 99")
    clock.advance(1)
    async with database.write() as tx:
        await _attempt(tx, "att_2", message, "b", "accepted", "")
        await _attempt(tx, "att_3", other, "a", "accepted", "")
    clock.advance(1)
    async with database.write() as tx:
        await _claim(tx, "c1", message, "delivered")
        await _claim(tx, "c2", other, "bounced")
    async with database.read() as tx:
        found = await listing.history(tx, message)
        with pytest.raises(NotFound):
            await listing.history(tx, "msg_none")
    assert [(one.what, one.provider) for one in found] == [
        ("taken in", None),
        ("attempt began", "a"),
        ("attempt suspended", "a"),
        ("failed over", "b"),
        ("attempt began", "b"),
        ("attempt accepted", "b"),
        ("reported delivered", "b"),
    ]
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert found[2].detail == "code 99"
    assert found[-1].said_at == 7


async def test_why_a_message_was_given_up(
    database: Database, clock: ManualClock, keys: KeyRing
) -> None:
    message = await _take_in(database, keys, "alert", "ada@example.net")
    async with database.write() as tx:
        await _attempt(tx, "att_1", message, "a", "rejected", "no such user")
        await services.cancel(database, tx, message, "x")
    late = await _take_in(database, keys, "alert", "bob@example.net")
    async with database.write() as tx:
        await services.cancel(database, tx, late, "x")
    clock.advance(STREAMS["alert"].expires + 1)
    async with database.read() as tx:
        assert (await listing.history(tx, message))[-1].detail == "refused for good"
        last = (await listing.history(tx, late))[-1]
        assert (last.what, last.detail) == ("given up", "its time was over")


async def test_what_was_said_of_providers(database: Database) -> None:
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="x", reason="taken over", since=tx.now)
        await services.rest_provider(database, tx, "b", by="x", reason="silent", since=tx.now)
    async with database.read() as tx:
        found = await listing.states(tx)
    assert found["a"].cut_at is not None
    assert (found["a"].cut_reason, found["b"].rest_reason) == ("taken over", "silent")
    assert (found["b"].cut_at, found["a"].rested_at) == (None, None)


async def _attempt(
    tx: Tx, attempt: str, message: str, provider: str, outcome: str, detail: str
) -> None:
    await tx.run(
        tables.attempts.insert().values(
            id=attempt,
            message_id=message,
            provider=provider,
            started_at=tx.now,
            seconds=0.25,
            outcome=outcome,
            detail=detail,
        )
    )


async def _claim(tx: Tx, claim: str, message: str, event: str) -> None:
    await tx.run(
        tables.claims.insert().values(
            provider="b",
            claim_id=claim,
            received_at=tx.now,
            message_id=message,
            event=event,
            at_provider=7,
        )
    )

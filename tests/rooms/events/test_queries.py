"""Reading the log by kind."""

from mailkeep.base.clock import ManualClock
from mailkeep.events import log, queries
from mailkeep.http.mailbox import life
from mailkeep.mail.events import ClaimRefused, FailedOver, MessageAccepted, MessageGivenUp
from mailkeep.store.database import Database


async def test_the_newest_of_some_kinds_come_first_placed_or_not(
    database: Database, clock: ManualClock
) -> None:
    start = clock.now()
    for number in range(5):
        clock.advance(1)
        async with database.write() as tx:
            await log.record(
                database,
                tx,
                ClaimRefused(provider="a", why=str(number)),
                MessageAccepted(message=f"msg_{number}", stream="alert", address="address_1"),
            )
    async with database.read() as tx:
        found = await queries.recent(tx, [ClaimRefused], start, 3)
        assert [one.fact for one in found] == [
            ClaimRefused(provider="a", why=str(n)) for n in (4, 3, 2)
        ]
        later = await queries.recent(tx, [ClaimRefused], start + 4_000_000, 9)
        assert [one.fact.why for one in later] == ["4", "3"]
        mine = await queries.recent(tx, life.STEPS, start, 9, "msg_3")
        assert [one.fact for one in mine] == [
            MessageAccepted(message="msg_3", stream="alert", address="address_1")
        ]
        assert await queries.recent(tx, life.STEPS, start, 9, "msg_") == []


async def test_what_is_said_over_and_over_is_told_once(
    database: Database, clock: ManualClock
) -> None:
    start = clock.now()
    async with database.write() as tx:
        moves = [
            FailedOver(message=f"msg_{n}", stream="alert", left="a", taken="b", because="suspended")
            for n in range(9)
        ]
        await log.record(database, tx, *moves, ClaimRefused(provider="a", why="stale"))
    async with database.read() as tx:
        told = life.tell(await queries.recent(tx, life.NEWS, start, 100), 5)
    assert [(one.word, one.times) for one in told] == [("refused", 1), ("failover", 9)]
    assert told[1].text == "Mail of the alert stream went from a to b: suspended."


async def test_nobody_waits_for_a_canary(database: Database, clock: ManualClock) -> None:
    start = clock.now()
    async with database.write() as tx:
        lost = [
            MessageGivenUp(message=f"msg_{n}", stream="alert", address="address_1", why="expired")
            for n in (1, 2)
        ]
        await log.record(database, tx, *lost)
    async with database.read() as tx:
        told = life.tell(await queries.recent(tx, life.NEWS, start, 9), 9, {"msg_2"})
    assert [(one.word, one.text) for one in told] == [
        ("canary", "A canary could not be sent: expired."),
        ("given up", "A message of the alert stream will not be sent: expired."),
    ]

"""The event log: nothing is skipped, nothing has its effect twice."""

import asyncio

import pytest
from sqlalchemy import select, text, update

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit, log, subscribe, tables
from mailkeep.events.events import FactSetAside
from mailkeep.events.retention import forget_facts
from mailkeep.events.subscribe import TRIES, Audience, Subscriber
from mailkeep.events.types import Fact, Recorded, fact
from mailkeep.mail.events import ClaimRefused, MessageAccepted
from mailkeep.store.database import Database, Tx


def test_the_fields_of_a_fact_are_named_where_it_is_made() -> None:
    """Two words in the wrong order pass every check of types, and stay on the log."""
    with pytest.raises(TypeError, match="Swapped is not kw_only"):

        @fact("mail.swapped")
        class Swapped(Fact, frozen=True):
            left: str
            taken: str

    with pytest.raises(TypeError):
        ClaimRefused("a", "why")


async def _placed(database: Database) -> list[Recorded]:
    async with database.read() as tx:
        return [one for _, one in await log.after(tx, 0) if one is not None]


async def test_facts_get_dense_places_in_order(database: Database) -> None:
    async with database.write() as tx:
        await log.record(database, tx, *(ClaimRefused(provider="a", why=str(n)) for n in range(5)))
    relay = log.Relay(database, "one")
    assert await relay.place() == 5
    placed = await _placed(database)
    assert [one.position for one in placed] == [1, 2, 3, 4, 5]
    assert [one.fact for one in placed] == [
        ClaimRefused(provider="a", why=str(n)) for n in range(5)
    ]


async def test_a_rolled_back_fact_never_was(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as tx:
            await log.record(database, tx, ClaimRefused(provider="a", why="undone"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await log.Relay(database, "one").place() == 0


async def test_writers_that_commit_out_of_order_lose_nothing(
    database: Database, clock: ManualClock
) -> None:
    """The writer that began first commits last; a reader that has passed must still see it."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer: commits cannot overtake each other")
    relay = log.Relay(database, "one")
    seen: list[str] = []

    async def see(_tx: Tx, recorded: Recorded) -> None:
        if isinstance(recorded.fact, ClaimRefused):
            seen.append(recorded.fact.why)

    reader = Subscriber("reader", {ClaimRefused: [see]})
    async with database.write() as slow:
        await log.record(database, slow, ClaimRefused(provider="a", why="first"))
        clock.advance(0.01)
        async with database.write() as quick:
            await log.record(database, quick, ClaimRefused(provider="a", why="second"))
        await relay.place()
        await reader.step(database)
        assert seen == ["second"]
    await relay.place()
    await reader.step(database)
    assert seen == ["second", "first"]


async def test_one_relay_leads_and_another_takes_over(
    database: Database, clock: ManualClock
) -> None:
    first, second = log.Relay(database, "first"), log.Relay(database, "second")
    async with database.write() as tx:
        await log.record(database, tx, ClaimRefused(provider="a", why="x"))
    assert await first.place() == 1
    async with database.write() as tx:
        await log.record(database, tx, ClaimRefused(provider="a", why="y"))
    if not database.is_sqlite:  # there, facts come with their places
        assert await second.place() == 0
        clock.advance(11)
    assert await second.place() > 0
    assert [one.position for one in await _placed(database)] == [1, 2]


async def test_many_writers_and_two_relays(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as tx:
            await log.record(database, tx, ClaimRefused(provider="a", why=str(number)))

    relays = [log.Relay(database, "first"), log.Relay(database, "second")]
    await asyncio.gather(*(write(n) for n in range(20)), *(one.place() for one in relays))
    await relays[0].place()
    await relays[1].place()
    places = await _placed(database)
    assert [one.position for one in places] == list(range(1, 21))
    assert {one.fact.why for one in places if isinstance(one.fact, ClaimRefused)} == {
        str(n) for n in range(20)
    }


async def test_a_handler_that_fails_leaves_the_place_where_it_was(database: Database) -> None:
    async with database.write() as tx:
        await log.record(database, tx, MessageAccepted(message="m", stream="s", address="a"))
    await log.Relay(database, "one").place()
    calls = 0

    async def handler(_tx: Tx, _recorded: Recorded) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError

    reader = Subscriber("reader", {MessageAccepted: [handler]})
    with pytest.raises(RuntimeError):
        await reader.step(database)
    assert await reader.step(database) == 1
    assert await reader.step(database) == 0
    assert calls == 2


async def _tell(database: Database, *facts: Fact) -> None:
    async with database.write() as tx:
        await log.record(database, tx, *facts)
    await log.Relay(database, "one").place()


async def _steps(reader: Subscriber, database: Database, times: int) -> list[str]:
    """Step as the app's loop does: an error is noted, and the next step comes."""
    out = []
    for _ in range(times):
        try:
            await reader.step(database)
            out.append("")
        except Exception as error:
            out.append(type(error).__name__)
    return out


async def test_a_fact_that_no_handler_can_bear_is_set_aside(database: Database) -> None:
    """It is tried a few times; then what follows it goes on, and the log says what was left out."""
    effects: list[str] = []

    async def handler(tx: Tx, recorded: Recorded) -> None:
        fact = recorded.fact
        assert isinstance(fact, MessageAccepted)
        await log.record(database, tx, ClaimRefused(provider="effect", why=fact.message))
        tx.after_commit.append(lambda: effects.append(fact.message))
        if fact.message == "bad":
            await tx.run(text("SELECT 1 FROM nowhere"))  # ends a transaction on PostgreSQL

    reader = Subscriber("reader", {MessageAccepted: [handler]})
    await _tell(
        database,
        *(MessageAccepted(message=one, stream="s", address="a") for one in ("a", "bad", "b")),
    )
    assert set(await _steps(reader, database, TRIES - 1)) <= {
        "OperationalError",
        "ProgrammingError",
    }
    assert effects == ["a"]
    assert await _steps(reader, database, 2) == ["", ""]
    assert effects == ["a", "b"]
    assert reader.set_aside == 1
    await log.Relay(database, "one").place()
    facts = [one.fact for one in await _placed(database)]
    assert [one.why for one in facts if isinstance(one, ClaimRefused)] == ["a", "b"]
    [aside] = [one for one in facts if isinstance(one, FactSetAside)]
    assert (aside.subscriber, aside.of) == ("reader", "mail.accepted")
    assert aside.error in {"OperationalError", "ProgrammingError"}


async def test_a_database_that_is_away_sets_no_fact_aside(database: Database) -> None:
    seen: list[str] = []
    away = True

    async def handler(_tx: Tx, recorded: Recorded) -> None:
        if away:
            raise Unavailable("the database cannot take this now")
        seen.append(recorded.id)

    reader = Subscriber("reader", {MessageAccepted: [handler]})
    await _tell(database, MessageAccepted(message="m", stream="s", address="a"))
    assert await _steps(reader, database, TRIES + 2) == ["Unavailable"] * (TRIES + 2)
    away = False
    assert await _steps(reader, database, 2) == ["", ""]
    assert len(seen) == 1
    assert reader.set_aside == 0


async def test_two_processes_that_run_one_subscriber_have_each_effect_once(
    database: Database,
) -> None:
    seen: list[str] = []

    async def handler(_tx: Tx, recorded: Recorded) -> None:
        await asyncio.sleep(0.02)
        seen.append(recorded.id)

    await _tell(
        database, *(MessageAccepted(message=str(n), stream="s", address="a") for n in range(5))
    )
    readers = [Subscriber("reader", {MessageAccepted: [handler]}) for _ in range(2)]
    await asyncio.gather(*(one.step(database) for one in readers))
    assert len(seen) == len(set(seen)) == 5


async def test_a_fact_that_cannot_be_read_stops_no_reader(database: Database) -> None:
    seen: list[str] = []

    async def handler(_tx: Tx, recorded: Recorded) -> None:
        assert isinstance(recorded.fact, ClaimRefused)
        seen.append(recorded.fact.why)

    await _tell(database, ClaimRefused(provider="a", why="x"), ClaimRefused(provider="a", why="y"))
    async with database.write() as tx:
        await tx.run(update(tables.events).where(tables.events.c.position == 1).values(data="{}"))
    await Subscriber("reader", {ClaimRefused: [handler]}).step(database)
    assert seen == ["y"]


async def test_an_unknown_kind_is_passed_over(database: Database) -> None:
    async with database.write() as tx:
        await log.record(database, tx, ClaimRefused(provider="a", why="x"))
        await tx.run(update(tables.events).values(kind="room.of_a_later_version"))
    await log.Relay(database, "one").place()
    assert await Subscriber("reader", {}).step(database) == 1


@pytest.mark.check("ASVS 16.4.2")
async def test_the_audit_chain_shows_what_was_altered(database: Database, keys: KeyRing) -> None:
    async with database.write() as tx:
        for number in range(3):
            await audit.write(tx, "operator", "look", {"at": number})
    async with database.read() as tx:
        assert await audit.verify(tx) is None
        head = await audit.head(tx, keys)
        assert head.number == 3
        last = await tx.value(select(tables.audit.c.hash).where(tables.audit.c.number == 3))
        assert head.hash == last
    async with database.write() as tx:
        await tx.run(update(tables.audit).where(tables.audit.c.number == 2).values(actor="nobody"))
    async with database.read() as tx:
        assert await audit.verify(tx) == 2


async def test_concurrent_audit_entries_stay_one_chain(database: Database) -> None:
    async def act(number: int) -> None:
        async with database.write() as tx:
            await audit.write(tx, "operator", "act", {"n": number})

    await asyncio.gather(*(act(n) for n in range(8)))
    async with database.read() as tx:
        assert await audit.verify(tx) is None


async def test_what_is_not_for_a_reader_is_passed_over_without_a_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, heard = _listener()
    await _tell(database, *(ClaimRefused(provider="a", why=str(n)) for n in range(7)))
    assert await reader.step(database) == 7
    assert await reader.step(database) == 0
    assert await _place(database) is None  # after a kill they are passed over again
    await _tell(
        database,
        MessageAccepted(message="m", stream="s", address="a"),
        ClaimRefused(provider="a", why="x"),
    )
    assert await reader.step(database) == 2
    assert await _place(database) == 9
    assert heard == ["m"]
    again, heard = _listener()
    assert await again.step(database) == 0
    monkeypatch.setattr(subscribe, "KEEP", 3)
    await _tell(database, *(ClaimRefused(provider="a", why=str(n)) for n in range(5)))
    assert await again.step(database) == 5
    assert await _place(database) == 14


async def test_of_a_common_kind_only_what_is_wanted_costs_a_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    async def handler(_tx: Tx, recorded: Recorded) -> None:
        assert isinstance(recorded.fact, MessageAccepted)
        heard.append(recorded.fact.message)

    def wanted(fact: Fact) -> bool:
        return isinstance(fact, MessageAccepted) and fact.stream == "recovery"

    def reader() -> Subscriber:
        return Subscriber("reader", {MessageAccepted: [handler]}, {MessageAccepted: wanted})

    def bulk(count: int) -> list[Fact]:
        return [MessageAccepted(message=f"b{n}", stream="bulk", address="a") for n in range(count)]

    first = reader()
    await _tell(database, *bulk(5), ClaimRefused(provider="a", why="x"))
    # As many as it looks at at once, and the rest; none of it is written down.
    assert [await first.step(database, 3) for _ in range(3)] == [3, 3, 0]
    assert await _place(database) is None
    await _tell(
        database, *bulk(4), MessageAccepted(message="r", stream="recovery", address="a"), *bulk(4)
    )
    while await first.step(database, 3):
        pass
    assert heard == ["r"]
    assert 11 <= (await _place(database) or 0) <= 15
    again = reader()
    while await again.step(database, 3):
        pass
    assert heard == ["r"]
    assert again.passed == first.passed == 15
    monkeypatch.setattr(subscribe, "KEEP", 3)
    await _tell(database, *bulk(5))
    while await again.step(database, 50):
        pass
    assert await _place(database) == 20


async def test_one_look_wakes_whom_it_concerns_and_passes_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, heard = _listener()

    async def see(_tx: Tx, recorded: Recorded) -> None:
        heard.append(recorded.fact.kind)

    claims = Subscriber("claims", {ClaimRefused: [see]})
    audience = Audience([mail, claims])

    async def awake() -> list[str]:
        """Who is, and then has heard all."""
        ones = [one for one in (mail, claims) if one.awake.is_set()]
        for one in ones:
            one.awake.clear()
            while await one.step(database):
                pass
        return [one.name for one in ones]

    await _tell(database, MessageAccepted(message="before", stream="s", address="a"))
    assert not await audience.look(database)
    assert await awake() == ["reader", "claims"]  # whatever there was before
    assert not await audience.look(database)
    assert await awake() == []
    await _tell(database, ClaimRefused(provider="a", why="x"))
    assert not await audience.look(database)
    assert (mail.passed, claims.passed) == (2, 1)
    assert await awake() == ["claims"]
    # Who is behind looks for itself, whatever came since.
    await _tell(database, MessageAccepted(message="m", stream="s", address="a"))
    await audience.look(database)
    await _tell(database, ClaimRefused(provider="a", why="y"))
    await audience.look(database)
    assert mail.passed == 2
    assert await awake() == ["reader", "claims"]
    assert heard == ["before", ClaimRefused.kind, "m", ClaimRefused.kind]
    # A place that is far behind is written down now and then.
    monkeypatch.setattr(subscribe, "KEEP", 3)
    await _tell(database, *(ClaimRefused(provider="a", why=str(n)) for n in range(5)))
    await audience.look(database)
    assert await awake() == ["reader", "claims"]
    assert await _place(database) == 9
    monkeypatch.setattr(subscribe, "SPAN", 2)
    await _tell(database, *(ClaimRefused(provider="b", why=str(n)) for n in range(5)))
    assert [await audience.look(database) for _ in range(4)] == [True, True, False, False]


async def test_the_log_forgets_what_is_old_and_read(database: Database, clock: ManualClock) -> None:
    reader, _ = _listener()
    await _tell(
        database,
        MessageAccepted(message="old", stream="s", address="a"),
        ClaimRefused(provider="a", why="old"),
    )
    await reader.step(database)
    clock.advance(100)
    await _tell(database, MessageAccepted(message="new", stream="s", address="a"))
    before = clock.now() - 50_000_000

    async def forget(name: str, kinds: set[str] | None, *readers: str) -> int:
        async with database.write() as tx:
            return await forget_facts(tx, name, before, 10, readers=set(readers), kinds=kinds)

    mail = {MessageAccepted.kind}
    assert await forget("mail", mail, "reader", "one that never read") == 0
    assert await forget("mail", mail, "reader") == 2
    assert [one.fact for one in await _placed(database)] == [
        ClaimRefused(provider="a", why="old"),
        MessageAccepted(message="new", stream="s", address="a"),
    ]
    assert await forget("mail", mail, "reader") == 0
    assert await forget("all", None, "reader") == 1
    assert [one.fact for one in await _placed(database)] == [
        MessageAccepted(message="new", stream="s", address="a")
    ]
    await reader.step(database)
    assert await _place(database) == 3


def _listener() -> tuple[Subscriber, list[str]]:
    heard: list[str] = []

    async def handler(_tx: Tx, recorded: Recorded) -> None:
        assert isinstance(recorded.fact, MessageAccepted)
        heard.append(recorded.fact.message)

    return Subscriber("reader", {MessageAccepted: [handler]}), heard


async def _place(database: Database) -> int | None:
    async with database.read() as tx:
        c = tables.checkpoints.c
        place = await tx.value(select(c.position).where(c.subscriber == "reader"))
        return None if place is None else int(place)

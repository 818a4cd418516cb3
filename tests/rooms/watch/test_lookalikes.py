"""Names like ours on both engines: looked up slowly, said once when they come into use."""

import pytest
from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Database
from mailkeep.watch import lookalikes, permutations
from mailkeep.watch.events import LookalikeSeen
from mailkeep.watch.lookalikes import Lookalikes
from mailkeep.watch.report_types import LookalikeSettings

NAMES = list(permutations.of("example.com"))
FIRST, SECOND = NAMES[0], NAMES[1]


class House:
    def __init__(self, database: Database, clock: ManualClock, per_day: int = 10_000) -> None:
        self.database = database
        self.clock = clock
        self.there: dict[tuple[str, str], bool | None] = {}
        self.asked: list[str] = []
        settings = LookalikeSettings(ours=(SECOND,), per_day=per_day)
        self.looking = Lookalikes(
            database, settings, domains=frozenset({"example.com"}), look=self.look
        )

    async def look(self, name: str, kind: str) -> bool | None:
        self.asked.append(name)
        return self.there.get((name, kind), False)

    async def facts(self) -> list[LookalikeSeen]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, LookalikeSeen)]

    async def again(self) -> None:
        """A week later the first name is due again."""
        self.clock.advance(7 * 86_400)
        self.asked.clear()
        await self.looking.step()


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


async def test_a_name_is_said_when_it_begins_to_take_mail(house: House) -> None:
    await house.looking.step()
    assert house.asked == [FIRST, FIRST, FIRST]
    assert await house.facts() == []
    house.there[FIRST, "MX"] = True
    for name in NAMES[2:]:
        await house.looking.step()
        assert house.asked[-1] == name
        if name == NAMES[4]:
            break
    await house.again()
    async with house.database.write() as tx:  # the rest is not waited for
        await tx.run(
            lookalikes.lookalikes.update()
            .where(lookalikes.lookalikes.c.checked_at.is_(None))
            .values(checked_at=tx.now)
        )
    await house.looking.step()
    assert house.asked[-1] == FIRST
    (fact,) = await house.facts()
    assert (fact.domain, fact.name, fact.mx, fact.fresh) == ("example.com", FIRST, True, True)
    async with house.database.read() as tx:
        found = await lookalikes.progress(tx)
    assert found.names == len(NAMES) - 1  # one is ours
    assert [(one.name, one.fresh) for one in found.seen] == [(FIRST, True)]


async def test_what_was_there_at_the_first_look_is_said_as_that(house: House) -> None:
    house.there[FIRST, "A"] = True
    await house.looking.step()
    (fact,) = await house.facts()
    assert (fact.mx, fact.address, fact.fresh) == (False, True, False)


async def test_no_more_than_a_day_bears(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, per_day=3)
    for _ in range(6):
        await house.looking.step()
    assert len(set(house.asked)) == 3
    clock.advance(86_401)
    await house.looking.step()
    assert len(set(house.asked)) == 4


async def test_where_nobody_answers_nothing_is_learned(house: House) -> None:
    house.there |= {(FIRST, "MX"): None, (FIRST, "A"): None}
    await house.looking.step()
    await house.looking.step()
    assert house.asked == [*[FIRST] * 3, *[NAMES[2]] * 3]
    assert await house.facts() == []


async def test_a_start_keeps_what_is_known(house: House) -> None:
    house.there[FIRST, "MX"] = True
    await house.looking.step()
    later = House(house.database, house.clock)
    await later.looking.step()
    assert later.asked == [NAMES[2]] * 3
    assert len(await later.facts()) == 1


async def test_a_page_over_the_newer_addresses_alone_is_a_page(house: House) -> None:
    house.there[FIRST, "AAAA"] = True
    await house.looking.step()
    assert [one.address for one in await house.facts()] == [True]


async def test_where_one_sort_of_address_is_not_answered_the_name_stays_as_it_was(
    house: House,
) -> None:
    house.there[FIRST, "A"] = True
    await house.looking.step()
    house.there |= {(FIRST, "A"): None, (FIRST, "AAAA"): False}
    await house.again()
    house.there |= {(FIRST, "A"): True, (FIRST, "AAAA"): False}
    await house.again()
    assert len(await house.facts()) == 1  # it never went, so it did not come back

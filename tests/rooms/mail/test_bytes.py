"""Large bodies: as many in memory as a lane may have, and no more."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.mail import outbox
from mailkeep.mail.fitting import SMALL
from mailkeep.mail.routing import Busy
from mailkeep.mail.types import Job, NewMessage
from mailkeep.store.database import Database

from .conftest import STREAMS, new

Accept = Callable[[NewMessage], Awaitable[str]]
LARGE = 1024 * 1024


def large(number: int, size: int = LARGE) -> NewMessage:
    message = new(to=f"user{number}@example.net")
    return NewMessage("bulk", message.content, body=b"x" * size)


async def claim(database: Database, room: int | None, *, idle: bool = False) -> list[Job]:
    async with database.write() as tx:
        busy = Busy({}, frozenset(), room, idle=idle)
        return await outbox.claim(database, tx, STREAMS["bulk"], {}, 50, busy=busy)


@pytest.fixture
async def twenty(database: Database, accept: Accept) -> list[str]:
    return [await accept(large(number)) for number in range(20)]


async def test_claims_are_bounded_in_bytes_and_bring_no_large_body(
    database: Database, accept: Accept, twenty: list[str]
) -> None:
    small = await accept(new())
    jobs = await claim(database, 5 * LARGE + LARGE // 2)
    assert [job.message for job in jobs] == [*twenty[:5], small]
    assert [(job.size, job.body) for job in jobs[:5]] == [(LARGE, b"")] * 5
    assert jobs[5].size == len(jobs[5].body) > 0
    async with database.read() as tx:
        assert await outbox.body(tx, jobs[0].message) == b"x" * LARGE


async def test_the_first_that_does_not_fit_is_the_next(
    database: Database, accept: Accept, twenty: list[str]
) -> None:
    """Else those that are a little smaller overtake it for ever."""
    assert await claim(database, LARGE // 2) == []
    lighter = await accept(large(99, SMALL + 1))
    jobs = await claim(database, 2 * LARGE)
    assert jobs[0].message == twenty[0]
    assert lighter not in {job.message for job in await claim(database, LARGE // 2)}


async def test_one_that_is_larger_than_the_bound_goes_alone(
    database: Database, twenty: list[str]
) -> None:
    jobs = await claim(database, LARGE // 2, idle=True)
    assert [job.message for job in jobs] == twenty[:1]


async def test_a_body_that_is_gone_is_none(database: Database) -> None:
    async with database.read() as tx:
        assert await outbox.body(tx, "msg_0") is None

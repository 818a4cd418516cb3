"""What has grown old is forgotten as fast as it comes, class by class."""

from sqlalchemy import func, insert, select

from mailkeep.app.retention import RetentionSettings, Sweeper
from mailkeep.base.clock import DAY
from mailkeep.mail import tables
from mailkeep.mail.types import Keeping
from mailkeep.store.database import Database


def _sweeper(database: Database) -> Sweeper:
    return Sweeper(database, RetentionSettings(), frozenset(), Keeping())


async def _claims(database: Database, count: int) -> None:
    async with database.write() as tx:
        rows = [
            {"provider": "a", "claim_id": str(n), "received_at": tx.now - 200 * DAY}
            for n in range(count)
        ]
        await tx.run(insert(tables.claims), rows)


async def _left(database: Database) -> int:
    async with database.read() as tx:
        return int(await tx.value(select(func.count()).select_from(tables.claims)))


async def test_a_step_forgets_a_batch_of_each_class(database: Database) -> None:
    await _claims(database, 25)
    sweeper = _sweeper(database)
    assert await sweeper.step(10) == {"claims": 10}
    assert await _left(database) == 15


async def test_a_step_goes_on_with_what_had_a_whole_batch(database: Database) -> None:
    await _claims(database, 25)
    sweeper = _sweeper(database)
    assert await sweeper.step(10, within=60.0) == {"claims": 25}
    assert await _left(database) == 0
    assert await sweeper.step(10, within=60.0) == {}

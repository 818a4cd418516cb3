"""What has grown old is forgotten as fast as it comes, class by class."""

import pytest
from sqlalchemy import func, insert, select, update

from mailkeep.accounts import tables as account_tables
from mailkeep.app.retention import RetentionSettings, Sweeper
from mailkeep.base.clock import DAY, HOUR
from mailkeep.base.ids import new_id
from mailkeep.incidents import tables as incident_tables
from mailkeep.mail import tables
from mailkeep.mail.types import Keeping
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database


def _sweeper(database: Database) -> Sweeper:
    return Sweeper(database, RetentionSettings(), frozenset(), Keeping(), 3600.0)


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


async def _ended(database: Database, ago: int) -> None:
    """A recovery that led to a password so long ago, and a change that took effect."""
    async with database.write() as tx:
        at = tx.now - ago
        account = new_id("acc", at)
        await tx.run(
            insert(account_tables.accounts).values(
                {"id": account, "class": "customer", "created_at": at}
            )
        )
        await tx.run(
            insert(recovery_tables.recoveries).values(
                id=new_id("rec", at),
                state="completed",
                address_key="addr",
                account_id=account,
                asked_by="b",
                network="n",
                known_browser=False,
                asked_at=at,
                expires_at=at + HOUR,
                factor_tries=0,
                ended_at=at,
            )
        )
        await tx.run(
            insert(account_tables.changes).values(
                id=new_id("chg", at),
                account_id=account,
                what="added",
                state="done",
                factor=False,
                at=at,
                until=at,
                ended_at=at,
            )
        )


@pytest.mark.parametrize("said", [False, True])
async def test_what_an_open_incident_counts_stays_until_it_is_closed(
    database: Database, said: bool
) -> None:
    """A provider that is cut off for good keeps its incident open, and so would lose its accounts
    to secure one by one. ``said``: a person said that it began before the first sign."""
    incidents = incident_tables.incidents
    await _ended(database, 200 * DAY)
    await _ended(database, 150 * DAY + HOUR // 2)  # its mail was under way at the first sign
    async with database.write() as tx:
        await tx.run(
            insert(incidents).values(
                id="inc_1",
                subject_kind="provider",
                subject_id="a",
                state="contained",
                opened_at=tx.now - 149 * DAY,
                since=tx.now - (1 if said else 150) * DAY,
                said_since=tx.now - 150 * DAY if said else None,
                opinions="[]",
            )
        )
        # About a domain nobody is counted, however far it is said to reach back.
        await tx.run(
            insert(incidents).values(
                id="inc_2",
                subject_kind="domain",
                subject_id="x.example",
                state="open",
                opened_at=tx.now,
                since=tx.now,
                said_since=tx.now - 700 * DAY,
                opinions="[]",
            )
        )
    sweeper = _sweeper(database)
    assert await sweeper.step(10) == {"recoveries": 1, "changes": 1}
    assert await sweeper.step(10) == {}
    async with database.write() as tx:
        await tx.run(update(incidents).values(state="closed"))
    assert await sweeper.step(10) == {"recoveries": 1, "changes": 1}

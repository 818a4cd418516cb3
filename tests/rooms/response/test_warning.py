"""What incidents hold is told to recovery, and taken back."""

from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.recovery import tables
from mailkeep.store.database import Database
from mailkeep.watch.types import RESETS

from .conftest import CAMPAIGN, COMPROMISED, Stage


async def _held(stage: Stage) -> set[tuple[str, str]]:
    s = tables.suspicions
    async with stage.database.read() as tx:
        rows = await tx.all(select(s.c.provider, s.c.hypothesis))
    return {(row["provider"], row["hypothesis"]) for row in rows}


async def test_an_open_opinion_is_told_with_whoever_is_tied_and_taken_back(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys, owned="ab")
    await stage.signal({COMPROMISED: 8.5})
    assert await _held(stage) == {("a", "provider_compromised"), ("b", "provider_compromised")}
    incident = await stage.only()
    async with database.write() as tx:
        await stage.incidents.close(tx, incident.id, "it was nothing", by="key_operator")
    await stage.hear()
    assert await _held(stage) == set()


async def test_a_campaign_is_about_no_route(stage: Stage) -> None:
    await stage.signal({CAMPAIGN: 12.0}, RESETS, detector="surge")
    assert await _held(stage) == {("", "campaign")}

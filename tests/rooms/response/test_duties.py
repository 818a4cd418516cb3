"""The regulator's clock is seen as it runs out, and answered, on both engines."""

import pytest

from mailkeep.app.telemetry.stock import take
from mailkeep.base.clock import DAY, HOUR, Instant, ManualClock
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.http.console.overview import _of_clocks
from mailkeep.incidents import duties, queries
from mailkeep.incidents.types import Duty, Incident
from mailkeep.store.database import Database

from .conftest import COMPROMISED, SILENT, Stage
from .test_actions import _case


async def _say(
    stage: Stage, duty: Duty, at: Instant | None = None, reference: str = "DPA 7"
) -> None:
    incident = (await stage.all())[-1].id
    async with stage.database.write() as tx:
        await duties.say(tx, stage.incidents, incident, duty, at, reference, by="opr_1")


async def _clocks(stage: Stage) -> list[tuple[Instant, Incident]]:
    async with stage.database.read() as tx:
        return await queries.clocks(tx, stage.incidents.settings)


async def test_a_clock_that_runs_out_is_said_and_an_answer_ends_it(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0}, "b")
    assert await _clocks(stage) == [], "an outage is no breach"
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.all())[0]
    ((due_at, one),) = await _clocks(stage)
    assert (one.id, due_at) == (incident.id, incident.opened_at + 72 * HOUR)

    async def seen() -> tuple[list[str], dict[str, int]]:
        async with database.read() as tx:
            stock = await take(tx, [], {})
        return [
            need.text.split(",")[0] for need in _of_clocks(await _clocks(stage), clock.now())
        ], dict(stock.clocks)

    assert await seen() == ([], {"running": 1})
    clock.advance(49 * 3600)
    assert await seen() == (["The regulator's clock runs out in 23 h"], {"near": 1})
    async with database.write() as tx:
        await stage.incidents.close(tx, incident.id, "keys changed", by="opr_1")
    clock.advance(24 * 3600)
    assert await seen() == (["The regulator's clock ran out 60 min ago"], {"over": 1})
    async with database.write() as tx:
        await duties.say(tx, stage.incidents, incident.id, Duty.TOLD, None, "DPA 7", by="opr_1")
    assert await seen() == ([], {})
    assert ("regulator", "the regulator was told 2023-11-17 23:13:20 UTC: DPA 7") in (
        await stage.lines(incident.id)
    )
    assert ("opr_1", "answer_regulator") in await stage.audited()
    async with database.write() as tx:
        await duties.say(tx, stage.incidents, incident.id, Duty.RUNS, None, "a draft", by="opr_1")
    assert (await seen())[1] == {"over": 1}
    clock.advance(8 * 86_400)
    assert await seen() == ([], {}), "nobody is reminded for ever"


async def test_when_it_was_known_is_corrected_with_a_reason(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    opened = (await stage.only()).opened_at
    await _say(stage, Duty.AWARE, opened - DAY, "their support telephoned")
    case = await _case(stage)
    assert case.deadline is not None
    assert case.deadline.due_at == opened + 48 * HOUR
    for duty, at, reference in (
        (Duty.AWARE, None, "x"),
        (Duty.AWARE, clock.now() + HOUR, "x"),
        (Duty.NOT_NEEDED, opened, "x"),
        (Duty.TOLD, None, " "),
    ):
        with pytest.raises(Invalid):
            await _say(stage, duty, at, reference)
    with pytest.raises(Conflict):
        await _say(stage, Duty.RUNS)
    await _say(stage, Duty.NOT_NEEDED, None, "canaries only")
    assert await _clocks(stage) == []
    case = await _case(stage)
    assert case.deadline is not None
    assert case.deadline.notified is not None
    assert (case.deadline.notified.by, case.deadline.notified.reference) == (
        *("opr_1", "canaries only"),
    )

"""That no regulator need be told is one person's word: it holds for what was known by then."""

import msgspec
from sqlalchemy import insert, select

from mailkeep.base.clock import DAY, ManualClock
from mailkeep.events.tables import audit
from mailkeep.incidents import answers, duties, queries
from mailkeep.incidents.by_hand import Saying
from mailkeep.incidents.regulator import outgrown
from mailkeep.incidents.types import BlastRadius, Duty, Incident
from mailkeep.mail import tables as mail_tables
from mailkeep.response import queries as cases
from mailkeep.response import report
from mailkeep.store.database import Database

from .conftest import COMPROMISED, SILENT, Stage

BY = "opr_1"


async def _waive(stage: Stage, incident: str, why: str = "canaries only") -> None:
    async with stage.database.write() as tx:
        said = (Duty.NOT_NEEDED, None, why)
        await duties.say(tx, stage.incidents, incident, *said, by=BY)


async def _clocks(stage: Stage) -> list[str]:
    async with stage.database.read() as tx:
        return [one.id for _, one in await queries.clocks(tx, stage.incidents.settings)]


async def _about(stage: Stage, name: str) -> Incident:
    (found,) = [one for one in await stage.all() if one.subject.id == name]
    return found


async def _expose(stage: Stage, *names: str) -> None:
    """Addresses that the suspect was given."""
    now = stage.database.clock.now()
    row = {"provider": "a", "stream": "bulk", "day": now // DAY, "count": 1}
    async with stage.database.write() as tx:
        for name in names:
            values = row | {"address_id": name, "first_at": now, "last_at": now}
            await tx.run(insert(mail_tables.exposures).values(**values))


async def test_it_has_its_reason_in_the_report_and_its_author_in_the_audit(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    one = await stage.only()
    await _waive(stage, one.id)
    async with stage.database.read() as tx:
        case = await cases.case(tx, stage.response.means, one.id, whole=True)
        text = report.markdown(report.written(case, {BY: "Ada"}, tx.now))
        data = await tx.value(select(audit.c.data).where(audit.c.act == "answer_regulator"))
    assert "It need not be told" in text
    assert "canaries only (said by Ada)" in text
    told = msgspec.json.decode(str(data))
    assert (told["what"], told["known"]["exposed"]) == ("not_needed", 0)


async def test_more_of_the_same_leaves_it_and_twice_as_many_do_not(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    one = await stage.only()
    await _expose(stage, "adr_1", "adr_2")
    await _waive(stage, one.id)
    assert await _clocks(stage) == []
    clock.advance(60)
    await _expose(stage, "adr_3", "adr_4")
    await stage.incidents.tick()
    assert await _clocks(stage) == [], "honest mail goes on"
    clock.advance(60)
    await _expose(stage, "adr_5")
    await stage.incidents.tick()
    assert await _clocks(stage) == [one.id]
    line = (await stage.lines(one.id))[-1]
    assert line[0] == "regulator"
    assert line[1].endswith("more is known since: 5 addresses exposed, where 2 were known")
    assert ("mailkeep", "reopen_regulator") in await stage.audited()
    # Said again, it holds for what is known now.
    await _waive(stage, one.id, "five of our own")
    clock.advance(60)
    await stage.incidents.tick()
    assert await _clocks(stage) == []


def _blast(**more: int | None) -> BlastRadius:
    return msgspec.structs.replace(BlastRadius(0, 1, 10, 5, 1, 0, 2, 0), **more)


def test_what_outgrows_it() -> None:
    then = _blast(completed=2, lost=1)
    assert outgrown(then, then) == ""
    assert outgrown(then, _blast(completed=4, lost=1, exposed=20)) == ""
    assert outgrown(then, _blast(completed=2, lost=2)) == (
        "2 accounts lost, as far as is seen, where 1 were"
    )
    assert "accounts recovered" in outgrown(then, _blast(completed=5, lost=1))
    assert "addresses exposed" in outgrown(None, _blast())


async def test_a_breach_that_is_held_later_or_by_signs_ends_it(stage: Stage) -> None:
    async with stage.database.write() as tx:
        saying = Saying(COMPROMISED, "a", "they telephoned")
        one, _ = await stage.incidents.by_hand.open(tx, saying, by=BY)
    await _waive(stage, one, "a prank")
    assert await _clocks(stage) == []
    await stage.signal({COMPROMISED: 8.5})
    assert await _clocks(stage) == [one]
    assert "held since:" in (await stage.lines(one))[-1][1]


async def test_a_person_who_says_more_ends_it(stage: Stage) -> None:
    await stage.signal({SILENT: 8.0})
    one = await stage.only()
    await _waive(stage, one.id, "an outage")
    async with stage.database.write() as tx:
        saying = Saying(COMPROMISED, "a", "they telephoned")
        await stage.incidents.by_hand.open(tx, saying, by="opr_2")
    assert await _clocks(stage) == [one.id]


async def test_a_breach_is_not_silenced_by_merging_it(stage: Stage) -> None:
    """Into what was said to concern no regulator, nor into an outage, which has no clock."""
    await stage.signal({SILENT: 8.0}, "b")
    await stage.signal({COMPROMISED: 8.5}, "a")
    outage, breach = await _about(stage, "b"), await _about(stage, "a")
    async with stage.database.write() as tx:
        await stage.incidents.merge(tx, breach.id, outage.id, by=BY)
    assert await _clocks(stage) == [breach.id]
    async with stage.database.write() as tx:
        await stage.incidents.split(tx, breach.id, by=BY)
    await _waive(stage, outage.id, "an outage")
    async with stage.database.write() as tx:
        await stage.incidents.merge(tx, breach.id, outage.id, by=BY)
    assert await _clocks(stage) == [breach.id]
    assert f"{breach.id} is a part of it since" in str(await stage.lines(outage.id))


async def test_what_was_known_is_not_changed_afterwards(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    """Answers that only grow replace each other, but never the one that somebody judged by."""
    await stage.signal({COMPROMISED: 8.5})
    one = await stage.only()
    await _expose(stage, "adr_1", "adr_2")
    await _waive(stage, one.id)
    for number in range(3, 6):
        clock.advance(30)
        await _expose(stage, f"adr_{number}")
        async with database.write() as tx:
            found = await queries.one(tx, one.id)
            blast = _blast(exposed=number)
            blast = msgspec.structs.replace(blast, since=found.since)
            await answers.keep(tx, found, blast)
    async with database.read() as tx:
        told = (await queries.one(tx, one.id)).notified
        assert told is not None
        then = await queries.answer_by(tx, one.id, told.at)
    assert then is not None
    assert then.blast.exposed == 2

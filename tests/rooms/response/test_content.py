"""Whose mail a suspect could read, by day and for as long as it keeps mail; and, apart from that,
what it is known to have taken."""

import msgspec
import pytest
from sqlalchemy import insert

from mailkeep.base.clock import DAY
from mailkeep.base.keys import KeyRing
from mailkeep.incidents import content, queries
from mailkeep.incidents.answers import stays
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import Answer, IncidentSettings, StreamContent
from mailkeep.mail import tables
from mailkeep.response import queries as cases
from mailkeep.store.database import Database

from .conftest import COMPROMISED, Stage

SETTINGS = IncidentSettings()
#: (address, provider, stream, days ago, mails)
LEDGER = (
    ("adr_1", "a", "recovery", 0, 2),
    ("adr_1", "a", "bulk", 3, 1),
    ("adr_2", "a", "bulk", 3, 4),
    ("adr_2", "a", "bulk", 2, 1),
    ("adr_3", "a", "bulk", 8, 9),  # before what it keeps
    ("adr_4", "b", "bulk", 0, 9),  # somebody else's
)


@pytest.fixture
def stage(database: Database, keys: KeyRing) -> Stage:
    return Stage(database, keys)


async def _written(stage: Stage) -> None:
    now = stage.database.clock.now()
    async with stage.database.write() as tx:
        await tx.run(
            insert(tables.exposures),
            [
                {"address_id": address, "provider": provider, "stream": stream}
                | {"day": now // DAY - ago, "first_at": now - ago * DAY, "last_at": now}
                | {"count": mails}
                for address, provider, stream, ago, mails in LEDGER
            ],
        )


def _keeping(house: ProviderParties, days: int | None) -> ProviderParties:
    return ProviderParties(house.parties, house.graph, {"a": days})


async def test_the_days_count_for_which_a_provider_keeps_mail(stage: Stage) -> None:
    await _written(stage)
    await stage.signal({COMPROMISED: 8.5})
    incident = await stage.only()
    async with stage.database.read() as tx:
        found = await content.content(tx, _keeping(stage.incidents.house, 5), incident, SETTINGS)
        assert found is not None
        assert found.addresses == 2
        assert found.streams == (StreamContent("bulk", 2, 6), StreamContent("recovery", 1, 2))
        assert found.assumed == ()
        assert found.since % DAY == found.until % DAY == 0
        unsaid = await content.content(
            tx, _keeping(stage.incidents.house, None), incident, SETTINGS
        )
        assert unsaid is not None
        assert (unsaid.addresses, unsaid.assumed) == (3, ("a",))
        short = await content.content(tx, _keeping(stage.incidents.house, 0), incident, SETTINGS)
        assert short is not None
        assert short.streams == (StreamContent("recovery", 1, 2),)


async def test_it_is_counted_in_the_background_and_kept(stage: Stage) -> None:
    await _written(stage)
    await stage.signal({COMPROMISED: 8.5})
    incident = await stage.only()
    async with stage.database.read() as tx:
        before = await cases.case(tx, stage.response.means, incident.id)
    assert before.blast.content is None  # nobody waits for it
    await stage.incidents.tick()
    async with stage.database.read() as tx:
        after = await cases.case(tx, stage.response.means, incident.id)
        last = await queries.last_answer(tx, incident.id)
    assert after.blast.content is not None
    assert after.blast.content.addresses == 3
    assert after.blast.content.assumed == ("a",)
    assert last is not None
    assert last.blast.content == after.blast.content


async def test_an_answer_that_only_grew_is_written_over_for_a_while(stage: Stage) -> None:
    await _written(stage)
    await stage.signal({COMPROMISED: 8.5})
    await stage.incidents.tick()
    incident = await stage.only()
    async with stage.database.read() as tx:
        last = await queries.last_answer(tx, incident.id)
        house = stage.incidents.house
        more = await content.content(tx, _keeping(house, 0), incident, SETTINGS)
    assert isinstance(last, Answer)
    grown = msgspec.structs.replace(last.blast, content=more)
    assert stays(last, grown, last.at + 1)
    assert not stays(last, grown, last.at + DAY)
    assert stays(last, last.blast, last.at + DAY)


async def test_what_is_known_to_have_been_taken_is_said_apart(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5}, detector="export_seen")
    await stage.signal({COMPROMISED: 3.0}, detector="account_drift")
    incident = await stage.only()
    async with stage.database.read() as tx:
        case = await cases.case(tx, stage.response.means, incident.id)
    assert [one.detector for one in case.taken] == ["export_seen"]
    assert case.taken[0].what == "exported, or read there"
    assert case.taken[0].events


async def test_what_counts_against_it_takes_nothing(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await stage.signal({COMPROMISED: -2.0}, detector="export_seen")
    assert content.taken(await stage.only()) == ()

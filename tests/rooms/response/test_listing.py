"""Who was exposed, one by one, on both engines: two people, each time, counted; a thief of one
gets nothing."""

import json
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import insert, select

from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.incidents import queries as incidents
from mailkeep.mail import api_keys
from mailkeep.mail import tables as mail_tables
from mailkeep.operators import tables as operator_tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import listing
from mailkeep.response.listing import Listed
from mailkeep.response.types import Approval, Asked
from mailkeep.store.database import Database
from mailkeep.watch.types import RESETS

from .conftest import CAMPAIGN, COMPROMISED, Stage

ADA, BOB = "opr_ada", "opr_bob"


@pytest.fixture
def stage(database: Database, keys: KeyRing) -> Stage:
    return Stage(database, keys, "abcd", owned="ad")


async def _given(stage: Stage, *given: tuple[str, str], after: int = 0) -> None:
    """Addresses that providers were given."""
    now = stage.database.clock.now() + after
    async with stage.database.write() as tx:
        await tx.run(
            insert(mail_tables.exposures),
            [
                {"address_id": name, "provider": provider, "stream": "bulk", "day": now // DAY}
                | {"first_at": now, "last_at": now, "count": 1}
                for name, provider in given
            ],
        )


async def _suspected(stage: Stage) -> str:
    await _given(stage, ("adr_1", "a"), ("adr_2", "a"), ("adr_2", "d"), ("adr_3", "b"))
    await stage.signal({COMPROMISED: 8.5})
    return (await stage.only()).id


async def _ask(stage: Stage, incident: str, by: str = ADA) -> Approval:
    ask = stage.response.lists.ask
    return await stage.database.retrying(lambda tx: ask(tx, incident, by=by))


async def _agreed(stage: Stage, incident: str, by: str = ADA, other: str = BOB) -> None:
    found = await stage.response.approve((await _ask(stage, incident, by)).id, by=other)
    assert isinstance(found, Approval)
    assert found.state is Asked.APPROVED


async def _read(
    stage: Stage, listed: Listed, still: Callable[[], Awaitable[bool]] | None = None
) -> list[dict[str, object]]:
    async def always() -> bool:
        return True

    parts = [part async for part in listing.read(stage.database, listed, still or always)]
    return [json.loads(line) for line in b"".join(parts).splitlines()]


async def test_one_asks_another_agrees_and_who_asked_takes_it_once(stage: Stage) -> None:
    incident = await _suspected(stage)
    lists = stage.response.lists
    with pytest.raises(NotAllowed, match="ask for the list"):
        await lists.begin(incident, by=ADA)
    asked = await _ask(stage, incident)
    with pytest.raises(NotAllowed):
        await lists.begin(incident, by=ADA)
    with pytest.raises(NotAllowed, match="a second person"):
        await stage.response.approve(asked.id, by=ADA)
    await stage.response.approve(asked.id, by=BOB)
    with pytest.raises(NotAllowed):
        await lists.begin(incident, by=BOB)
    lines = await _read(stage, await lists.begin(incident, by=ADA))
    assert [(one["address"], one["provider"]) for one in lines[:-1]] == [
        *(("adr_1", "a"), ("adr_2", "a"), ("adr_2", "d"))
    ]
    assert lines[-1]["rows"] == 3
    at = str(lines[0]["first_at"])
    assert (len(at), at[10], at[-1]) == (24, "T", "Z")
    with pytest.raises(NotAllowed):
        await lists.begin(incident, by=ADA)
    assert ("opr_ada", "list_exposed") in await stage.audited()
    assert "a list of who was exposed was taken" in str(await stage.lines(incident))
    async with stage.database.read() as tx:
        numbers = await lists.numbers(tx, incident)
    assert (numbers.each, numbers.together, numbers.request) == ({"a": 2, "d": 1}, 2, None)


async def test_a_list_that_nobody_needs_is_not_given(stage: Stage, clock: ManualClock) -> None:
    with pytest.raises(NotFound):
        await _ask(stage, "inc_none")
    incident = await _suspected(stage)
    await _agreed(stage, incident)
    clock.advance(3601)  # too long ago
    with pytest.raises(NotAllowed):
        await stage.response.lists.begin(incident, by=ADA)
    await _agreed(stage, incident)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, incident, "a false alarm", by=ADA)
    with pytest.raises(Conflict, match="closed"):
        await stage.response.lists.begin(incident, by=ADA)
    with pytest.raises(Conflict, match="closed"):
        await _ask(stage, incident)
    await stage.signal({CAMPAIGN: 9.0}, RESETS)
    newest = (await stage.all())[0]
    with pytest.raises(Invalid, match="no suspect"):
        await _ask(stage, newest.id)


async def test_so_many_lists_and_no_more_and_that_is_audited(
    stage: Stage, clock: ManualClock
) -> None:
    incident = await _suspected(stage)
    begin = stage.response.lists.begin
    for by, other in ((ADA, BOB), (ADA, BOB)):
        await _agreed(stage, incident, by, other)
        await begin(incident, by=by)
    await _agreed(stage, incident)
    with pytest.raises(TooMany, match="one person"):
        await begin(incident, by=ADA)
    assert ("opr_ada", "list_exposed_refused") in await stage.audited()
    for _ in range(2):
        clock.advance(3601)
        for by in (ADA, BOB):
            await _agreed(stage, incident, by, "opr_carl")
            await begin(incident, by=by)
    clock.advance(3601)
    await _agreed(stage, incident)
    with pytest.raises(TooMany, match="installation"):
        await begin(incident, by=ADA)
    clock.advance(86_400)
    await _agreed(stage, incident)
    await begin(incident, by=ADA)


async def test_two_keys_or_a_key_and_a_session_of_one_person_are_one(stage: Stage) -> None:
    """And a key that is nobody's may be anybody's."""
    incident = await _suspected(stage)
    async with stage.database.write() as tx:
        names = ("phone", "laptop", "other", "loose")
        owners = ("ada", "ada", "bob", "")
        for name, owner in zip(names, owners, strict=True):
            await api_keys.create(tx, stage.keys, name, ["operate"], owner=owner, by="uid:0")
        found = {one.name: one.id for one in await api_keys.listing(tx)}
    asked = await _ask(stage, incident, found["phone"])
    with pytest.raises(NotAllowed, match="a second person"):
        await stage.response.approve(asked.id, by=found["laptop"])
    with pytest.raises(NotAllowed, match="owner"):
        await stage.response.approve(asked.id, by=found["loose"])
    await stage.response.approve(asked.id, by=found["other"])
    with pytest.raises(NotAllowed):
        await stage.response.lists.begin(incident, by=found["other"])
    await stage.response.lists.begin(incident, by=found["laptop"])  # it is Ada who asked
    with pytest.raises(NotAllowed, match="owner"):
        await _ask(stage, incident, found["loose"])


async def test_where_a_provider_names_people_a_key_is_of_one_of_them(stage: Stage) -> None:
    """Else who came by OpenID would be a second person by a key in another name."""
    incident = await _suspected(stage)
    async with stage.database.write() as tx:
        row = {"name": "x", "role": "admin", "first_at": 0, "last_at": 0}
        await tx.run(
            insert(operator_tables.operators),
            [row | {"id": one, "who": one} for one in (ADA, BOB)],
        )
        for name, owner in (("hers", ADA), ("made up", "eve"), ("his", BOB)):
            await api_keys.create(tx, stage.keys, name, ["operate"], owner=owner, by="uid:0")
        found = {one.name: one.id for one in await api_keys.listing(tx)}
    asked = await _ask(stage, incident, ADA)
    for name, why in (("hers", "a second person"), ("made up", "OpenID")):
        with pytest.raises(NotAllowed, match=why):
            await stage.response.approve(asked.id, by=found[name])
    await stage.response.approve(asked.id, by=found["his"])


async def test_other_suspects_are_another_list(stage: Stage) -> None:
    """What was agreed to is of whom the list is."""
    incident = await _suspected(stage)
    asked = await _ask(stage, incident)
    stage.incidents.house.parties["b"] = stage.incidents.house.parties["a"]
    with pytest.raises(Conflict, match="changed"):
        await stage.response.approve(asked.id, by=BOB)


async def test_it_ends_with_the_session(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await _suspected(stage)
    await _agreed(stage, incident)
    listed = await stage.response.lists.begin(incident, by=ADA)
    monkeypatch.setattr(listing, "LOOK_SECONDS", -1.0)

    async def no_more() -> bool:
        return False

    assert await _read(stage, listed, no_more) == [{"rows": 0, "ended": "no longer allowed"}]


async def test_what_is_given_after_the_window_is_not_in_it(
    stage: Stage, clock: ManualClock
) -> None:
    incident = await _suspected(stage)
    await _agreed(stage, incident)
    await stage.response.apply(incident, "cut_provider", by=ADA)
    await stage.hear()
    clock.advance(60)
    await _given(stage, ("adr_9", "a"))
    lines = await _read(stage, await stage.response.lists.begin(incident, by=ADA))
    assert lines[-1]["rows"] == 3


async def test_earlier_answers_are_kept_when_evidence_arrives(
    stage: Stage, clock: ManualClock
) -> None:
    incident = await _suspected(stage)
    await stage.incidents.tick()
    clock.advance(30)
    await _given(stage, ("adr_4", "a"))
    await stage.incidents.tick()  # only more addresses, a moment later: the same answer
    async with stage.database.read() as tx:
        (first,) = await incidents.answers(tx, incident)
    assert first.blast.exposed == 3
    clock.advance(30)
    await stage.signal({COMPROMISED: 3.0}, detector="honey", age=7200)
    await stage.incidents.tick()
    async with stage.database.read() as tx:
        newer, older = await incidents.answers(tx, incident)
        kept = await incidents.kept_blasts(tx, [incident])
    assert older == first
    assert newer.blast.since < older.blast.since
    assert kept == {incident: newer.blast}
    clock.advance(700)
    await _given(stage, ("adr_5", "a"))
    await stage.incidents.tick()
    async with stage.database.read() as tx:
        assert len(await incidents.answers(tx, incident)) == 3


async def test_where_they_are_many_accounts_are_counted_beside(
    stage: Stage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses are exact now; accounts say when they were counted."""
    monkeypatch.setattr("mailkeep.incidents.blast.WIDE", 0)
    account, now = await stage.owner("ada@example.net"), clock.now()
    asked = {"id": "rec_1", "state": "asked", "address_key": "adr_1", "account_id": account}
    by = {"asked_by": "b", "network": "n", "known_browser": False, "factor_tries": 0}
    proof = {"id": "prf_1", "recovery_id": "rec_1", "kind": "code", "message_id": "msg_1"}
    times = {"expires_at": now + DAY}
    async with stage.database.write() as tx:
        asked |= by | times | {"asked_at": now}
        await tx.run(insert(recovery_tables.recoveries).values(asked))
        proof |= times | {"provider": "a", "minted_at": now}
        await tx.run(insert(recovery_tables.proofs).values(proof))
    incident = await _suspected(stage)
    await stage.incidents.tick()
    counted = clock.now()
    clock.advance(5)
    await _given(stage, ("adr_7", "a"))
    async with stage.database.read() as tx:
        found = await incidents.one(tx, incident)
        house, settings = stage.incidents.house, stage.incidents.settings
        blast = await incidents.blast_radius(tx, house, found, settings)
        many = await tx.all(select(mail_tables.exposed_counts))
    assert (blast.exposed, blast.requested, blast.until) == (3, 1, clock.now())
    assert blast.as_of == counted
    assert many == []  # nobody counted yet, and it was exact

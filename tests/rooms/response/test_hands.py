"""A provider cut off by hand, on both engines: one person at once, told to everybody, confirmed by
another; a thief of one session stops no mail and gives nothing back."""

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, NotAllowed
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys, services
from mailkeep.mail import queries as mail
from mailkeep.response import hands
from mailkeep.response.crying import Crier
from mailkeep.response.hands import HandCut
from mailkeep.response.paging.types import Pager
from mailkeep.store.database import Database, Tx

from .conftest import COMPROMISED, Stage
from .test_approval import Bell

ADA, BOB = "opr_ada", "opr_bob"


@pytest.fixture
def stage(database: Database, keys: KeyRing) -> Stage:
    return Stage(database, keys, "abc", two_people=None)


class Desk:
    """What operators do, and what everybody hears."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.bell = stage, Bell()
        pagers = (Pager("duty", "elsewhere", self.bell),)
        means = stage.response.means
        self.crier = Crier(stage.database, means.house, pagers, "https://example.com")

    async def cut(self, provider: str, by: str = ADA) -> int | None:
        means = self.stage.response.means
        return await self.stage.database.retrying(
            lambda tx: hands.cut(tx, means, provider, by=by, reason="it leaks")
        )

    async def restore(self, provider: str, by: str) -> bool:
        means = self.stage.response.means
        return await self.stage.database.retrying(
            lambda tx: hands.restore(tx, means, provider, by=by, reason="mended")
        )

    async def confirm(self, provider: str, by: str, seen: HandCut | None = None) -> None:
        """A second person's word on what they saw, else on what is there."""
        means = self.stage.response.means
        one = seen or (await self.current()).get(provider)
        cut, state = ("none", "waiting") if one is None else (one.id, one.state)
        known = "waiting" if state == "confirmed" else state

        async def work(tx: Tx) -> None:
            if one is not None and one.back_by is not None:
                asked = one.back_by
                await hands.give_back(tx, means, provider, by=by, cut=cut, asked_by=asked)
            else:
                await hands.confirm(tx, means, provider, by=by, cut=cut, state=known)

        await self.stage.database.retrying(work)

    async def current(self) -> dict[str, HandCut]:
        async with self.stage.database.read() as tx:
            return await hands.current(tx)

    async def state(self, provider: str) -> str:
        return (await self.current())[provider].state

    async def is_cut(self) -> set[str]:
        async with self.stage.database.read() as tx:
            return set(await mail.cut(tx))


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


async def test_one_cuts_off_at_once_and_another_confirms_it(desk: Desk) -> None:
    assert await desk.cut("a") == 0
    assert await desk.is_cut() == {"a"}
    await desk.crier.step()
    await desk.crier.step()
    assert desk.bell.rung == ["Mailkeep: a provider, by one person's hand"]
    with pytest.raises(NotAllowed, match="a second person"):
        await desk.confirm("a", ADA)
    await desk.confirm("a", BOB)
    assert await desk.state("a") == "confirmed"
    with pytest.raises(Conflict, match="nothing"):
        await desk.confirm("a", BOB)
    acts = await desk.stage.audited()
    assert acts == [(ADA, "cut_provider"), (BOB, "confirm_by_hand")]


async def test_what_nobody_confirms_is_flagged_and_stays_cut_off(
    desk: Desk, clock: ManualClock
) -> None:
    await desk.cut("a")
    await desk.crier.step()
    clock.advance(899)
    await desk.crier.step()
    assert await desk.state("a") == "waiting"
    clock.advance(1)
    for _ in range(2):
        await desk.crier.step()
    assert await desk.state("a") == "flagged"
    assert len(desk.bell.rung) == 2
    assert await desk.is_cut() == {"a"}
    assert (await desk.stage.audited()).count(("mailkeep", "hand_cut_unconfirmed")) == 1
    await desk.confirm("a", BOB)
    assert await desk.state("a") == "confirmed"


async def test_a_cry_that_nobody_took_is_repeated(desk: Desk, clock: ManualClock) -> None:
    took: list[bool] = []

    async def deaf(_title: str, _body: str) -> bool:
        took.append(False)
        return False

    desk.bell.ring = deaf
    await desk.cut("a")
    for _ in range(3):
        await desk.crier.step()
    assert len(took) == 1
    clock.advance(61)
    await desk.crier.step()
    assert len(took) == 2


async def test_a_thief_of_one_session_stops_no_mail(desk: Desk) -> None:
    """A stream's last routes go by two people's word."""
    await desk.cut("a")
    assert await desk.cut("b") is None, "recovery mail needs two routes"
    assert await desk.is_cut() == {"a"}
    assert await desk.state("b") == "asked"
    with pytest.raises(Conflict, match="asked for it already"):
        await desk.cut("b", BOB)
    with pytest.raises(NotAllowed):
        await desk.confirm("b", ADA)
    assert await desk.restore("b", BOB)  # no
    assert set(await desk.current()) == {"a"}
    await desk.cut("b")
    await desk.confirm("b", BOB)
    assert await desk.cut("c") is None
    await desk.confirm("c", BOB)
    assert await desk.is_cut() == {"a", "b", "c"}


async def test_what_was_asked_for_long_ago_is_not_done(desk: Desk, clock: ManualClock) -> None:
    for name in "ab":
        await desk.cut(name)
    clock.advance(3601)
    with pytest.raises(Conflict, match="nothing"):
        await desk.confirm("b", BOB)
    assert await desk.is_cut() == {"a"}


async def test_a_thief_of_one_session_gives_nothing_back(desk: Desk) -> None:
    await desk.cut("a")
    assert not await desk.restore("a", BOB)  # the thief has Bob's
    assert await desk.is_cut() == {"a"}
    with pytest.raises(NotAllowed):
        await desk.confirm("a", BOB)
    with pytest.raises(Conflict, match="asked for it already"):
        await desk.restore("a", BOB)
    assert await desk.cut("a", ADA) == 0  # no: it stays cut off
    assert await desk.state("a") == "waiting"
    await desk.confirm("a", "opr_carl")
    assert not await desk.restore("a", ADA)  # her own, and it was confirmed
    await desk.confirm("a", BOB)
    assert await desk.is_cut() == set()
    assert await desk.current() == {}


async def test_a_mistake_is_taken_back_alone_until_it_is_confirmed(desk: Desk) -> None:
    await desk.cut("a")
    assert await desk.restore("a", ADA)
    assert await desk.is_cut() == set()
    assert await desk.current() == {}


async def test_what_the_shell_cut_off_is_given_back_by_two(desk: Desk) -> None:
    database = desk.stage.database
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="uid:0", reason="x", since=tx.now)
    assert await desk.current() == {}
    assert not await desk.restore("a", ADA)
    await desk.confirm("a", BOB)
    assert await desk.is_cut() == set()


async def test_a_cut_that_was_ended_elsewhere_waits_for_nobody(
    desk: Desk, clock: ManualClock
) -> None:
    """Restored at the shell; cut off again by an incident then: another cut."""
    database = desk.stage.database
    await desk.cut("a")
    async with database.write() as tx:
        await services.restore(database, tx, "a", by="uid:0", reason="x")
    assert await desk.current() == {}
    clock.advance(5)
    async with database.write() as tx:
        await services.cut_off(
            database, tx, "a", by="x", reason="it leaks", since=tx.now, within="inc_1"
        )
    assert await desk.current() == {}
    clock.advance(3600)
    await desk.crier.step()
    assert desk.bell.rung == []
    with pytest.raises(Conflict, match="take it back there"):
        await desk.restore("a", ADA)


async def test_keys_of_one_person_are_one(desk: Desk) -> None:
    stage = desk.stage
    async with stage.database.write() as tx:
        for name, owner in (("phone", "ada"), ("laptop", "ada"), ("loose", "")):
            await api_keys.create(tx, stage.keys, name, ["operate"], owner=owner, by="uid:0")
        found = {one.name: one.id for one in await api_keys.listing(tx)}
    await desk.cut("a", found["phone"])
    for name in ("laptop", "loose"):
        with pytest.raises(NotAllowed):
            await desk.confirm("a", found[name])
    await desk.confirm("a", BOB)


async def test_while_an_incident_is_open_it_is_done_there(desk: Desk) -> None:
    await desk.stage.signal({COMPROMISED: 8.5})
    for do in (desk.cut("a"), desk.restore("a", ADA)):
        with pytest.raises(Conflict, match="act there"):
            await do
    with pytest.raises(Conflict):
        await desk.confirm("a", BOB)


async def test_a_cut_is_confirmed_beside_an_incident_that_opened_since(desk: Desk) -> None:
    """The word that it was right takes nothing from the incident; a cut that was only asked for,
    and giving it back, are done there."""
    await desk.cut("a")
    await desk.stage.signal({COMPROMISED: 8.5})
    with pytest.raises(NotAllowed, match="a second person"):
        await desk.confirm("a", ADA)
    await desk.confirm("a", BOB)
    assert (await desk.current())["a"].state == "confirmed"
    with pytest.raises(Conflict, match="act there"):
        await desk.restore("a", BOB)


async def test_a_house_that_wants_one_person_asks_nobody(database: Database, keys: KeyRing) -> None:
    desk = Desk(Stage(database, keys, "abc"))
    for name in "abc":
        assert await desk.cut(name) == 0
    assert await desk.restore("a", BOB)
    assert await desk.is_cut() == {"b", "c"}
    assert await desk.current() == {}

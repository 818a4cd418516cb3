"""What a thief of one operator's session, or key, gets out of cuts by hand, on both engines."""

import msgspec
import pytest
from sqlalchemy import select, update

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, NotAllowed
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys, services
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.types import Content, NewMessage
from mailkeep.recovery import tables as recovery_tables
from mailkeep.recovery.types import WhenAlone
from mailkeep.response import hands
from mailkeep.store.database import Database

from .conftest import Stage
from .test_hands import ADA, BOB, Desk

EVE = "opr_eve"  #: whose session was stolen


def desk_of(database: Database, keys: KeyRing, providers: str, owned: str = "") -> Desk:
    return Desk(Stage(database, keys, providers, owned, two_people=None))


@pytest.fixture
def desk(database: Database, keys: KeyRing) -> Desk:
    return desk_of(database, keys, "abc")


def degrading(desk: Desk) -> None:
    context = desk.stage.recovery.planner._context
    settings = msgspec.structs.replace(context.settings, when_alone=WhenAlone.DEGRADE)
    object.__setattr__(context, "settings", settings)


async def recovery(desk: Desk) -> tuple[list[object], set[object]]:
    """What became of the requests for a reset, and the routes of the mails."""
    r = recovery_tables.recoveries
    async with desk.stage.database.read() as tx:
        rows = await tx.all(select(r.c.degraded))
    return [row["degraded"] for row in rows], {
        one["only"] for one in await desk.stage.messages("recovery")
    }


async def test_one_person_leaves_recovery_two_independent_routes(
    database: Database, keys: KeyRing
) -> None:
    desk = desk_of(database, keys, "ab")
    await desk.stage.owner("ada@example.net")
    assert await desk.cut("b", EVE) is None
    assert await desk.is_cut() == set()
    await desk.stage.ask("ada@example.net")
    assert await recovery(desk) == ([False], {"a", "b"})
    await desk.confirm("b", BOB)
    assert await desk.is_cut() == {"b"}


async def test_what_is_tied_to_it_does_not_count_as_a_route(
    database: Database, keys: KeyRing
) -> None:
    desk = desk_of(database, keys, "abc", owned="ab")
    assert await desk.cut("a", EVE) is None, "b is the same owner's: c alone would be left"
    assert await desk.cut("c", EVE) is None, "a and b are one reader's"


async def test_cuts_that_nobody_confirmed_are_counted_together(
    database: Database, keys: KeyRing
) -> None:
    desk = desk_of(database, keys, "abcd", owned="ab")
    assert await desk.cut("a", EVE) == 0, "an emergency: c and d are left"
    assert await desk.cut("c", EVE) is None, "b is tied to a, which nobody has confirmed"
    await desk.restore("c", EVE)
    await desk.confirm("a", BOB)
    assert await desk.cut("c", EVE) == 0, "b and d are left"


async def test_a_word_counts_for_what_was_seen_alone(desk: Desk, clock: ManualClock) -> None:
    """Bob looks at a cut; before he says yes, a thief makes a restore, or another cut, of it."""
    await desk.cut("a", ADA)
    seen = (await desk.current())["a"]
    assert not await desk.restore("a", EVE)
    with pytest.raises(Conflict, match="look again"):
        await desk.confirm("a", BOB, seen)
    assert await desk.is_cut() == {"a"}
    wanted = (await desk.current())["a"]
    await desk.cut("a", BOB)  # no: it stays cut off
    with pytest.raises(Conflict, match="look again"):
        await desk.confirm("a", BOB, wanted)
    clock.advance(900)
    await desk.crier.step()
    await desk.confirm("a", BOB, seen)  # flagged meanwhile: still the same
    assert await desk.state("a") == "confirmed"


async def test_what_was_asked_for_is_not_confirmed_as_done(desk: Desk) -> None:
    await desk.cut("a", ADA)
    await desk.cut("b", EVE)
    asked = (await desk.current())["b"]
    with pytest.raises(Conflict, match="look again"):
        await desk.confirm("b", BOB, msgspec.structs.replace(asked, cut_at=asked.at))
    await desk.restore("b", ADA)
    await desk.cut("b", EVE)
    with pytest.raises(Conflict, match="look again"):
        await desk.confirm("b", BOB, asked)
    assert await desk.is_cut() == {"a"}


async def test_cuts_in_turn_flood_nobody(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """The worker hands the mail to whichever route stands; each is cut off, and given back."""
    desk = desk_of(database, keys, "abcd")
    m = mail_tables.messages
    content = Content(sender="us@example.net", to="ada@example.net", subject="x", text="y")
    async with database.write() as tx:
        await desk.stage.intake.accept(tx, NewMessage("bulk", content))
    again = []
    for name in "abab":
        async with database.write() as tx:
            taken = {"status": "accepted", "provider": name, "accepted_at": tx.now}
            await tx.run(update(m).values(taken))
        async with database.read() as tx:
            would = await hands.would(tx, desk.stage.response.means, name)
        again.append(await desk.cut(name, EVE))
        assert again[-1] == would.again
        clock.advance(60)
        if not await desk.restore(name, EVE):
            await desk.confirm(name, BOB)
    assert again == [1, 0, 0, 0]


async def test_a_reason_makes_no_incident(desk: Desk) -> None:
    """Whose words look like ours are still theirs: the cut is taken back like any other."""
    means, database = desk.stage.response.means, desk.stage.database
    for said in ("incident inc_1 needs it", "cutover cut_1"):
        await database.retrying(
            lambda tx, said=said: hands.cut(tx, means, "a", by=EVE, reason=said)
        )
        assert not await desk.restore("a", ADA)
        await desk.confirm("a", BOB)
        assert await desk.is_cut() == set()
    async with database.write() as tx:
        await services.rest_provider(database, tx, "b", by=EVE, reason="incident i", since=tx.now)
        assert await mail.rests_in(tx, "b") == ""


async def test_a_key_of_nobody_asks_for_nothing(desk: Desk) -> None:
    """Nobody could answer it, and nobody else could ask meanwhile."""
    stage = desk.stage
    async with stage.database.write() as tx:
        await api_keys.create(tx, stage.keys, "robot", ["operate"], by="uid:0")
        (key,) = [one.id for one in await api_keys.listing(tx)]
    with pytest.raises(NotAllowed, match="keys create --owner"):
        await desk.cut("a", key)
    assert await desk.is_cut() == set()
    await desk.cut("a", ADA)
    await desk.confirm("a", BOB)
    with pytest.raises(NotAllowed, match="keys create --owner"):
        await desk.restore("a", key)
    assert not await desk.restore("a", ADA)
    with pytest.raises(NotAllowed, match="keys create --owner"):
        await desk.cut("a", key)  # nor says no
    await desk.confirm("a", BOB)
    assert await desk.is_cut() == set()


async def test_a_cut_is_taken_back_alone_once_a_day(desk: Desk, clock: ManualClock) -> None:
    await desk.cut("a", EVE)
    assert await desk.restore("a", EVE)
    await desk.cut("a", EVE)
    assert not await desk.restore("a", EVE)
    assert await desk.is_cut() == {"a"}
    await desk.confirm("a", BOB)
    assert await desk.is_cut() == set()
    clock.advance(86_401)
    await desk.cut("a", EVE)
    assert await desk.restore("a", EVE)


@pytest.mark.parametrize("confirmed", [False, True])
async def test_no_recovery_is_degraded_by_what_one_person_did(
    desk: Desk, *, confirmed: bool
) -> None:
    """Two routes were left; one of them went since."""
    stage = desk.stage
    degrading(desk)
    await stage.owner("ada@example.net")
    assert await desk.cut("a", EVE) == 0
    if confirmed:
        await desk.confirm("a", ADA)
    async with stage.database.write() as tx:
        await services.cut_off(stage.database, tx, "b", by="x", reason="x", since=tx.now)
    await stage.ask("ada@example.net")
    assert await recovery(desk) == (([True], {"c"}) if confirmed else ([False], set()))


async def test_one_person_takes_a_cut_that_others_ask_for_away_once_a_day(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """Else the thief of one session keeps a provider that is read carrying resets."""
    desk = desk_of(database, keys, "ab")
    assert await desk.cut("b", ADA) is None
    assert await desk.restore("b", EVE), "no, says who may be a colleague"
    assert await desk.cut("b", ADA) is None
    with pytest.raises(NotAllowed, match="another person's to refuse"):
        await desk.restore("b", EVE)
    assert await desk.restore("b", ADA), "who asked takes it back as often as they like"
    clock.advance(86_401)
    assert await desk.cut("b", ADA) is None
    assert await desk.restore("b", EVE)
    assert await desk.cut("b", ADA) is None
    await desk.confirm("b", BOB)
    assert await desk.is_cut() == {"b"}


async def test_one_person_keeps_a_provider_from_being_restored_once_a_day(desk: Desk) -> None:
    await desk.cut("a", ADA)
    await desk.confirm("a", BOB)
    assert not await desk.restore("a", ADA)
    assert await desk.cut("a", EVE) == 0, "it stays cut off"
    assert not await desk.restore("a", ADA)
    with pytest.raises(NotAllowed, match="another person's to refuse"):
        await desk.cut("a", EVE)
    await desk.confirm("a", BOB)
    assert await desk.is_cut() == set()

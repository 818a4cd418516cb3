"""How strong an opinion must be for a playbook, how far it goes alone, and who tries to use it."""

from typing import Any

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import services
from mailkeep.response import queries
from mailkeep.response.paging.types import Pager
from mailkeep.response.types import ActionState, ActionView, CaseView, PlaybookLimits
from mailkeep.response.types import PlaybookSettings as Book
from mailkeep.store.database import Database
from mailkeep.watch.types import Forger

from .conftest import COMPROMISED, SILENT, Stage
from .test_actions import _apply
from .test_paging import Bell
from .test_playing import _close, _out, _pass, _work

CUT = ("cut_provider",)
REST = ("rest_provider",)


class House(Stage):
    """A stage with one playbook and a pager."""

    def __init__(self, database: Database, keys: KeyRing, book: Book, batch: int = 100) -> None:
        self.bell = Bell()
        pagers = (Pager("one", "elsewhere", self.bell),)
        super().__init__(database, keys, playbooks=(book,), pagers=pagers, batch=batch)

    async def staged(self, weight: float) -> None:
        """What an outsider can have us see."""
        await self.signal({COMPROMISED: weight}, detector="surge", own=False, forger=Forger.ANYONE)

    async def rung(self) -> list[str]:
        """How often each page about limits rang."""
        while await self.response.desk.step():
            pass
        return [title for title, _ in self.bell.rung if "limit" in title]

    async def case(self) -> CaseView:
        async with self.database.read() as tx:
            return await queries.case(tx, self.response.means, (await self.all())[0].id)

    async def of(self, name: str) -> ActionView:
        (found,) = [one for one in (await self.case()).actions if one.name == name]
        return found


# --- the weight


async def test_a_weight_is_waited_for_and_acts_though_no_line_is_new(
    database: Database, keys: KeyRing
) -> None:
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, weight=1.8))
    await house.signal({COMPROMISED: 8.2})  # +1.2 nats: an incident, and under the weight
    await _work(house)
    case = await house.case()
    assert (case.actions, await _out(house)) == ([], (set(), set()))
    (book,) = case.books
    assert (book.plays, book.acts, book.log_odds) == (False, False, 1.2)
    assert book.words == "it waits: the opinion stands at +1.2 nats, and it proposes from +1.8 on"
    lines = len(await house.lines(case.incident.id))
    await house.signal({COMPROMISED: 8.9})  # the same sign again, stronger
    case = await house.case()
    assert [kind for kind, _ in (await house.lines(case.incident.id))[lines:]] == []
    assert [one.name for one in case.actions] == list(CUT)
    await _work(house)
    assert await _out(house) == ({"a"}, set())


async def test_what_outsiders_stage_has_it_propose_and_never_act(
    database: Database, keys: KeyRing
) -> None:
    """A healthy provider with a weak sign of our own: whoever stages the rest gets a proposal."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, weight=4.0))
    await house.signal({COMPROMISED: 8.2})
    for _ in range(3):
        await house.staged(6.0)
        await _work(house)
    view = (await house.only()).opinions[0]
    assert (view.log_odds >= 4.0, view.alone, view.firm) == (True, True, 1.2)
    cut = await house.of("cut_provider")
    assert (cut.state, await _out(house)) == (ActionState.PROPOSED, (set(), set()))
    assert cut.held == "what nobody outside could have staged weighs less than 4 nats"
    said = [text for kind, text in await house.lines((await house.only()).id) if kind == "waits"]
    assert len(said) == 1
    assert await house.rung() == [], "no limit is spent"
    await house.signal({COMPROMISED: 5.0}, detector="honey")  # now we see it ourselves
    await _work(house)
    assert await _out(house) == ({"a"}, set())
    assert (await house.of("cut_provider")).held is None


async def test_a_suspicion_that_sank_under_the_weight_does_nothing_any_more(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """It was begun, the process died, and what spoke for it has faded since."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, weight=1.8))
    await house.signal({COMPROMISED: 8.9})
    assert (await house.of("cut_provider")).state is ActionState.RUNNING
    clock.advance(400)
    await house.incidents.tick()
    assert (await house.only()).opinions[0].open
    await _work(house)
    assert await _out(house) == (set(), set())
    assert (await house.of("cut_provider")).state is ActionState.FAILED


# --- how often


async def _flap(house: House, clock: ManualClock, provider: str = "a") -> None:
    """The provider falls silent, rests, and is back an hour later."""
    await house.signal({SILENT: 8.0}, provider)
    await _work(house)
    await _pass(house, clock, 1)


async def test_a_spent_limit_is_told_once_and_is_for_people(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    book = Book(SILENT, REST, REST, limits=PlaybookLimits(each_day=2))
    house = House(database, keys, book)
    for _ in range(2):
        await _flap(house, clock)
    assert (await house.of("rest_provider")).state is ActionState.UNDONE
    for _ in range(3):
        await house.signal({SILENT: 8.0})
        await _work(house)
        clock.advance(120)
    assert await _out(house) == (set(), set())
    rest = await house.of("rest_provider")
    assert rest.state is ActionState.PROPOSED
    assert rest.held == "its playbook has done it 2 times within a day about a"
    assert len(await house.rung()) == 1
    incident = (await house.only()).id
    waits = [text for kind, text in await house.lines(incident) if kind == "waits"]
    assert waits == [f"Let the provider rest: waits for a person; {rest.held}"]
    assert (await _apply(house, "rest_provider")).state is ActionState.APPLIED
    assert (await house.of("rest_provider")).held is None


async def test_the_limit_of_one_provider_is_not_anothers(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """Somebody makes one provider flap, so that the real outage finds the limit spent."""
    book = Book(SILENT, REST, REST, limits=PlaybookLimits(each_day=1))
    house = House(database, keys, book)
    await _flap(house, clock)
    await house.signal({SILENT: 8.0})
    await _work(house)
    assert await _out(house) == (set(), set())
    await house.signal({SILENT: 8.0}, "b")
    await _work(house)
    assert await _out(house) == (set(), {"b"})


async def test_a_new_incident_about_it_has_no_new_limit(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    book = Book(SILENT, REST, REST, limits=PlaybookLimits(each_day=1))
    house = House(database, keys, book)
    await _flap(house, clock)
    await _close(house, (await house.only()).id)
    clock.advance(2 * 3600)
    await house.signal({SILENT: 8.0}, detector="other")
    await _work(house)
    assert len(await house.all()) == 2
    assert await _out(house) == (set(), set())
    assert (await house.of("rest_provider")).held is not None


async def test_when_the_day_is_over_the_next_sign_has_it_act_again(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    book = Book(SILENT, REST, REST, limits=PlaybookLimits(each_day=1))
    house = House(database, keys, book)
    await _flap(house, clock)
    for _ in range(24):
        await house.signal({SILENT: 8.0})
        await _work(house)
        assert await _out(house) == (set(), set())
        clock.advance(3500)
    await house.signal({SILENT: 8.0})
    await _work(house)
    assert await _out(house) == (set(), {"a"})


async def test_what_failed_spends_no_limit(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes a cut fail must not have used it up."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, limits=PlaybookLimits(each_day=1)))

    async def broken(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(services, "cut_off", broken)
        for _ in range(3):
            await house.signal({COMPROMISED: 8.9})
            await _work(house)
            clock.advance(90)
    assert (await house.of("cut_provider")).state is ActionState.FAILED
    await house.signal({COMPROMISED: 8.9})
    await _work(house)
    assert await _out(house) == ({"a"}, set())


async def test_a_second_pass_that_fails_is_done_again(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the cut it goes on for what came since, which is the same application: whoever makes
    that fail must not have it left undone."""
    names = ("revoke_recoveries",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(each_day=1))
    house = House(database, keys, book)
    await house.signal({COMPROMISED: 8.9})
    await _work(house)

    async def broken(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(type(house.recovery), "void_through", broken)
        await _apply(house, "cut_provider")
        await house.hear()
        await _work(house)
    assert (await house.of("revoke_recoveries")).state is ActionState.FAILED
    clock.advance(90)
    await house.signal({COMPROMISED: 8.9})
    await _work(house)
    revoked = await house.of("revoke_recoveries")
    assert (revoked.state, revoked.held) == (ActionState.APPLIED, None)


# --- whom


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (PlaybookLimits(parties=("house_b",)), "its playbook acts by itself only about house_b"),
        (
            PlaybookLimits(streams=("recovery", "security")),
            "its playbook acts by itself only where no bulk mail is carried",
        ),
        (
            PlaybookLimits(parties=("house_a",), streams=("recovery", "security", "bulk")),
            None,
        ),
    ],
)
async def test_it_acts_only_where_its_parties_and_streams_are(
    database: Database, keys: KeyRing, limits: PlaybookLimits, why: str | None
) -> None:
    """Here each provider carries ``bulk`` as well."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, limits=limits))
    await house.signal({COMPROMISED: 8.9})
    await _work(house)
    assert (await house.of("cut_provider")).held == why
    assert await _out(house) == (set() if why else {"a"}, set())
    assert await house.rung() == [], "nothing is used up"

"""How strong an opinion must be for a playbook, how far it goes alone, and who tries to use it."""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.incidents import queries as incident_queries
from mailkeep.incidents.types import Incident
from mailkeep.mail import services
from mailkeep.response import evidence, playing, queries, tables
from mailkeep.response.paging.types import Pager
from mailkeep.response.types import ActionState, ActionView, CaseView, PlaybookLimits
from mailkeep.response.types import PlaybookSettings as Book
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import Forger

from .conftest import COMPROMISED, SILENT, Stage
from .test_actions import _apply
from .test_paging import Bell
from .test_playing import _close, _out, _pass, _work

CUT = ("cut_provider",)
REST = ("rest_provider",)
SUNK = "the weight that its playbook wants is not reached any more"


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
    cut = await house.of("cut_provider")
    assert (cut.state, cut.held) == (ActionState.PROPOSED, SUNK)
    said = (await house.lines((await house.only()).id))[-1]
    words = f"Cut the provider off: waits for a person; {SUNK}; it was begun, and nothing was done"
    assert said == ("waits", words)
    await house.signal({COMPROMISED: 8.9}, detector="honey")  # and now it is reached again
    await _work(house)
    assert await _out(house) == ({"a"}, set())


async def test_what_fades_until_nothing_acts_by_itself_is_left_to_people_too(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """It is held still: that it is not would be read as an all-clear."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT))
    await house.signal({COMPROMISED: 8.9})
    clock.advance(400)
    await house.incidents.tick()
    assert (await house.only()).opinions[0].open
    await _work(house)
    cut = await house.of("cut_provider")
    assert (cut.state, await _out(house)) == (ActionState.PROPOSED, (set(), set()))
    assert cut.held == "what speaks for it now lets no playbook act by itself"


async def test_what_sank_before_anything_was_done_has_spent_no_day(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    limits = PlaybookLimits(each_day=1)
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, weight=1.8, limits=limits))
    await house.signal({COMPROMISED: 8.9})
    clock.advance(400)
    await house.incidents.tick()
    await _work(house)
    await house.signal({COMPROMISED: 8.9}, detector="honey")
    await _work(house)
    assert await _out(house) == ({"a"}, set())


async def test_when_the_weight_is_reached_and_a_person_is_needed_that_is_what_is_said(
    database: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut would leave one route: it is worked out once, and not at every sign."""
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, weight=4.0))
    await house.signal({COMPROMISED: 8.2})
    await house.staged(6.0)
    assert (await house.of("cut_provider")).held is not None
    async with database.write() as tx:
        await services.cut_off(database, tx, "b", by="key_ada", reason="by hand", since=tx.now)
    await house.signal({COMPROMISED: 5.0}, detector="honey")
    cut = await house.of("cut_provider")
    assert (cut.state, cut.held) == (ActionState.PROPOSED, None)
    assert cut.preview.needs_person
    kind, words = (await house.lines((await house.only()).id))[-1]
    assert (kind, "; ".join(cut.preview.warnings) in words) == ("waits", True)
    seen: list[str] = []
    foreseen = queries.foreseen

    async def counted(at: Any, action: Any) -> Any:
        seen.append(action.name)
        return await foreseen(at, action)

    monkeypatch.setattr(queries, "foreseen", counted)
    for _ in range(3):
        await house.signal({COMPROMISED: 5.1}, detector="honey")
    assert seen == []


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


async def test_what_closed_incidents_left_to_people_is_looked_at_no_more(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but time makes them more: each sign would lock all that there ever were."""
    limits = PlaybookLimits(parties=("house_b",))
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, limits=limits))
    await house.signal({COMPROMISED: 8.9})
    closed = (await house.only()).id
    assert (await house.of("cut_provider")).held is not None
    await _close(house, closed)
    await house.hear()
    clock.advance(2 * 3600)
    locked: list[str] = []
    one = incident_queries.one

    async def noted(tx: Tx, incident: str, *, lock: bool = False) -> Incident:
        locked.append(incident)
        return await one(tx, incident, lock=lock)

    monkeypatch.setattr(incident_queries, "one", noted)
    await house.signal({SILENT: 0.1}, "c", detector="other")
    assert closed not in locked


async def test_a_days_acts_are_counted_without_reading_the_audit_chain(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has much written into it must not make each sign dearer."""
    house = House(database, keys, Book(SILENT, REST, REST, limits=PlaybookLimits(each_day=2)))

    async def never(*_args: Any, **_options: Any) -> list[Any]:
        raise AssertionError

    monkeypatch.setattr(audit, "acts", never)
    for _ in range(3):
        await _flap(house, clock)
    assert (await house.of("rest_provider")).held is not None
    clock.advance(24 * 3600)
    await house.signal({SILENT: 8.0})
    await _work(house)
    assert await _out(house) == (set(), {"a"})
    t = tables.playbook_runs
    async with database.read() as tx:
        assert len(await tx.all(select(t))) == 1, "those of the day before are gone"


async def test_what_waits_is_found_without_reading_all_that_was_ever_done(
    database: Database,
) -> None:
    if not database.is_sqlite:
        pytest.skip("its planner reads small tables whole")
    async with database.read() as tx:
        query = playing.waiting(tx.now).compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
        plan = [row[3] for row in await tx.tuples(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert "SCAN incidents USING INDEX ix_incidents_live" in plan, "of live ones alone"
    assert [one for one in plan if one.startswith("SCAN")] == plan[-1:], plan


async def test_the_report_says_what_was_left_to_people_and_why(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    limits = PlaybookLimits(parties=("house_b",))
    house = House(database, keys, Book(COMPROMISED, CUT, CUT, limits=limits))
    await house.signal({COMPROMISED: 8.9})
    async with database.write() as tx:
        incident = (await house.only()).id
        files = await evidence.gather(tx, house.response.means, incident, by="uid:0")
    said = "Left to people: its playbook acts by itself only about house_b."
    assert said in files["report.html"].decode()
    assert said.replace("_", "\\_") in files["report.md"].decode()

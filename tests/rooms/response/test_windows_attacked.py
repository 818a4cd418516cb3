"""The thief of one key says from when to when it was, and gains nothing by it: neither for what
others agreed to, nor for what runs alone."""

import importlib
import inspect

import pytest

from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.errors import Conflict, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.incidents.by_hand import WORDS_EACH_DAY, Saying
from mailkeep.operators import people
from mailkeep.response import approval
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.paging.types import Pager
from mailkeep.response.types import ActionState, PlaybookSettings
from mailkeep.store.database import Database

from .conftest import COMPROMISED, SILENT, Stage
from .test_actions import _complete, _through, _work
from .test_attacked import _frozen
from .test_by_hand import Bell, _open

THIEF, OTHER = "key_ada", "key_ben"


async def _widen(stage: Stage, days: float = 700) -> None:
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        since = tx.now - round(days * DAY)
        await stage.incidents.by_hand.window(tx, incident, since, None, "x", by=THIEF)
    await stage.hear()


async def _houses(stage: Stage, clock: ManualClock) -> tuple[str, str, str]:
    """An account that was recovered a year ago by its owner, and two yesterday."""
    found = [await stage.owner(f"{name}@example.net") for name in ("ada", "ben", "eve")]
    clock.advance(1)
    await _complete(stage, await _through(stage, "ada@example.net"))
    clock.advance(365 * 86_400)
    for name in ("ben", "eve"):
        await _complete(stage, await _through(stage, f"{name}@example.net"))
        clock.advance(1)
    return found[0], found[1], found[2]


async def _named(tx: object, by: str) -> str:
    return by


async def test_what_was_asked_for_is_not_wider_when_it_is_agreed_to(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person asks for two accounts of yesterday, another reads that and says yes; in between
    the first one lets it reach back for two years."""
    monkeypatch.setattr(people, "named", _named)
    monkeypatch.setattr(people, "person", _named)
    stage = Stage(database, keys, two_people=None)
    long_ago, _, _ = await _houses(stage, clock)
    await stage.signal({COMPROMISED: 8.5}, age=60)
    incident = (await stage.only()).id
    async with database.write() as tx:
        await stage.response.preview(tx, incident, "secure_accounts", by=THIEF)
    asked = await stage.response.apply(incident, "secure_accounts", by=THIEF)
    assert asked.waits is not None
    await _widen(stage)
    with pytest.raises(Conflict, match="requested again"):
        await stage.response.approve(asked.waits.id, by=OTHER)
    assert not await _frozen(stage, long_ago)
    async with database.write() as tx:
        shown = await stage.response.preview(tx, incident, "secure_accounts", by=OTHER)
    assert "rests on a person's word" in shown.preview.warnings[-1]
    async with database.read() as tx:
        assert len(await approval.all_waiting(tx, incident)) == 1


async def test_what_is_under_way_goes_no_further_than_it_was_agreed_to(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys, batch=1)
    long_ago, one, other = await _houses(stage, clock)
    await stage.signal({COMPROMISED: 8.5}, age=60)
    incident = (await stage.only()).id
    before = len(await stage.messages("security"))
    begun = await stage.response.apply(incident, "notify_owners", by=OTHER)
    assert begun.state is ActionState.RUNNING
    await _widen(stage)
    await _work(stage)
    assert len(await stage.messages("security")) == before + 2
    secured = await stage.response.apply(incident, "secure_accounts", by=OTHER)
    assert secured.preview.count == 3, "agreed to as it is now, it reaches back"
    await _work(stage)
    assert [await _frozen(stage, each) for each in (long_ago, one, other)] == [True] * 3


async def test_what_runs_alone_reaches_as_far_as_signs_say(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """An incident that was opened long before the signs came, so that they find a wide window."""
    names = ("secure_accounts",)
    book = PlaybookSettings(COMPROMISED, names, names)
    stage = Stage(database, keys, playbooks=(book,))
    long_ago, one, other = await _houses(stage, clock)
    async with database.write() as tx:
        saying = Saying(COMPROMISED, "a", "x", tx.now - 700 * DAY)
        await stage.incidents.by_hand.open(tx, saying, by=THIEF)
    await stage.hear()
    await _work(stage)
    assert not await _frozen(stage, one)
    await stage.signal({COMPROMISED: 12.0}, age=60)
    await _work(stage)
    assert await _frozen(stage, one)
    assert await _frozen(stage, other)
    assert not await _frozen(stage, long_ago)


async def test_who_opens_one_and_takes_it_silences_no_sign(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """On Monday, about each provider, as if by telephone. On Friday the provider falls."""
    bell = Bell()
    stage = Stage(database, keys, pagers=(Pager("one", "elsewhere", bell),))
    incident, _ = await _open(stage, by=THIEF)
    async with database.write() as tx:
        await stage.incidents.take(tx, incident, by=THIEF)
    await stage.response.desk.step()
    clock.advance(4 * 86_400)
    for _ in range(2):
        await stage.signal({COMPROMISED: 9.0})
        await stage.response.desk.step()
        clock.advance(60)
    assert [title for title, _ in bell.rung] == [
        "Mailkeep: an incident opened",
        "Mailkeep: signs now hold an incident that a person opened",
    ]


async def test_a_window_does_not_change_all_the_time(stage: Stage, clock: ManualClock) -> None:
    """Else nothing that goes by it could be agreed to: its warnings would be others each time."""
    await stage.signal({COMPROMISED: 8.5})
    for number in range(WORDS_EACH_DAY):
        await _widen(stage, 1 + number)
    with pytest.raises(TooMany):
        await _widen(stage)
    with pytest.raises(TooMany):
        await _open(stage, by=THIEF, days=3)
    await _open(stage, by=OTHER, days=3)
    clock.advance(86_401)
    await _widen(stage)


async def test_a_word_keeps_nobody_from_what_signs_call_for(
    database: Database, keys: KeyRing
) -> None:
    """One person is awake, and the thief has said something of every incident."""
    stage = Stage(database, keys, two_people=None)
    await stage.signal({COMPROMISED: 9.0})
    await _widen(stage)
    await _open(stage, hypothesis=SILENT, by=THIEF)
    one = await stage.only()
    needed = stage.response.approvals.needed
    assert not needed(ACTIONS["revoke_recoveries"], one)
    assert needed(ACTIONS["notify_owners"], one), "it goes by the window"
    await stage.signal({SILENT: 9.0}, "b")
    silent = next(each for each in await stage.all() if each.subject.id == "b")
    await _open(stage, "b", by=THIEF)
    said = next(each for each in await stage.all() if each.id == silent.id)
    assert needed(ACTIONS["revoke_recoveries"], said), "that it is compromised is a word alone"


def test_every_action_that_goes_by_the_window_says_so() -> None:
    """One that does not would reach further than was agreed to, without a word."""
    for name, action in ACTIONS.items():
        module = importlib.import_module(f"mailkeep.response.actions.{name}")
        text = inspect.getsource(module)
        goes = any(word in text for word in ("case.since", "case.until", "touched(at"))
        assert action.by_window == goes or name == "distrust_events", name

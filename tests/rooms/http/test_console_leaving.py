"""The console's page of a provider that is left: what it says and does, and what a thief of one
session does not get by it."""

import re
from typing import Any

import pytest

from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import Invalid
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import LATE
from mailkeep.cutover.looks import LONGEST, Seen, noted
from mailkeep.cutover.offboarding import OffboardingView
from mailkeep.mail import queries as mail
from mailkeep.mail import services, shifting
from mailkeep.operators.permissions import Role
from mailkeep.response import hands

from . import test_console_pages

house = test_console_pages.house
PATH = "/console/providers/one/leave"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def _list(running: Any) -> OffboardingView | None:
    async with running.database.read() as tx:
        return await offboarding.view(tx, "one")


async def _moved(running: Any) -> None:
    async with running.database.write() as tx:
        for stream in running.streams.values():
            await shifting.shift(
                running.database, tx, stream, "one", "two", 1, by="t", reason="we leave"
            )


async def _left(running: Any) -> None:
    """Left in peace, at the shell: recovery keeps no two independent routes."""
    await _moved(running)
    async with running.database.write() as tx:
        known = await running.ticking.known(tx, "one")
        await running.leaving.start(tx, known, hostile=False, by="uid:0", anyway=True)


async def _cut_off(running: Any) -> None:
    async with running.database.write() as tx:
        await services.cut_off(running.database, tx, "one", by="t", reason="stolen", since=0)


async def test_the_page_says_what_each_way_means_and_what_stands_against_it(house: Any) -> None:
    async with await house.browser(Role.RESPONDER) as browser:
        shown = (await browser.get(PATH)).text
        assert "It still carries " in shown
        assert "Begin to leave it in peace" not in shown
        # Without it mail would stop: two people, and the cut comes first.
        assert 'name="hostile" value="yes"' not in shown
        assert re.search(r"What would be on the list: \d+ items", shown)
        peace = await browser.post(PATH, data={"hostile": "no"})
        assert (peace.status_code, "still carries" in peace.text) == (409, True)
        hostile = await browser.post(
            PATH, data={"hostile": "yes", "reason": "stolen", "sure": "yes"}
        )
        assert hostile.status_code == 409
        assert (await browser.get("/console/providers/nobody/leave")).status_code == 404
        nobody = await browser.post("/console/providers/nobody/leave", data={"hostile": "no"})
        assert nobody.status_code == 404
        assert "Leave it for good …" in (await browser.get("/console/providers/one")).text
    assert await _list(house.running) is None
    async with house.running.database.read() as tx:
        assert await mail.cut(tx) == {}


async def test_one_that_is_cut_off_is_left_as_hostile_with_a_reason(house: Any) -> None:
    running = house.running
    async with running.database.write() as tx:  # its incident would want the cut on its timeline
        await services.cut_off(running.database, tx, "one", by="t", reason="stolen", since=0)
    async with await house.browser(Role.RESPONDER) as browser:
        assert 'name="hostile" value="yes"' in (await browser.get(PATH)).text
        empty = await browser.post(PATH, data={"hostile": "yes", "reason": " "})
        assert (empty.status_code, 'aria-invalid="true"' in empty.text) == (422, True)
        done = await browser.post(PATH, data={"hostile": "yes", "reason": "stolen", "sure": "yes"})
        assert (done.status_code, done.headers["Location"]) == (303, PATH)
        again = await browser.post(PATH, data={"hostile": "yes", "reason": "stolen", "sure": "yes"})
        assert again.status_code == 303
        shown = (await browser.get(PATH)).text
        assert "one is being left" in shown
        assert "It turned out hostile" not in shown
        assert "mailkeep offboard stop one" in shown
        stop = await browser.post(f"{PATH}/stop", data={"reason": "we like it"})
        assert (stop.status_code, "at the shell" in stop.text) == (409, True)
        assert "It is being left for good" in (await browser.get("/console/providers/one")).text
        assert f'href="{PATH}"' in (await browser.get("/console/cutover")).text
    view = await _list(running)
    assert view is not None
    assert (view.hostile, view.by.startswith("opr_")) == (True, True)
    assert "offboard_provider" in await house.audited()


async def test_a_hostile_leave_of_one_whose_mail_flows_elsewhere_is_a_cut_by_hand(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Announced to everybody, confirmed by another person: who did it cannot."""

    async def _stops_nothing(*_: object) -> hands.Would:
        return hands.Would(0, ())

    async def _nothing(*_: object) -> None:
        """No incident is open about it."""

    monkeypatch.setattr(hands, "would", _stops_nothing)
    monkeypatch.setattr(hands, "about", _nothing)
    async with (
        await house.browser(Role.RESPONDER) as one,
        await house.browser(Role.ADMIN) as other,
    ):
        shown = (await one.get(PATH)).text
        assert "A second person is to confirm that" in shown
        # One press cuts nobody off: what it does is said first, and asked.
        first = {"hostile": "yes", "reason": "their <page> says so"}
        asked = await one.post(PATH, data=first)
        assert (asked.status_code, "Really leave one as hostile?" in asked.text) == (200, True)
        assert 'name="reason" value="their &lt;page&gt; says so"' in asked.text
        assert "a second person is to confirm the cut" in asked.text
        assert await _list(house.running) is None
        async with house.running.database.read() as tx:
            assert await mail.cut(tx) == {}
        form = {"hostile": "yes", "reason": "their own page says so", "sure": "yes"}
        assert (await one.post(PATH, data=form)).status_code == 303
        assert "a second one is to confirm it" in (await one.get(PATH)).text
        assert "You cannot confirm it yourself" in (await one.get("/console/providers/one")).text
        page = (await other.get("/console/providers/one")).text
        cut = re.search(r'name="cut" value="(\w+)"', page)
        assert cut is not None
        said = {"cut": cut[1], "state": "waiting"}
        mine = await one.post("/console/providers/one/confirm", data=said)
        assert mine.status_code == 403
        theirs = await other.post("/console/providers/one/confirm", data=said)
        assert theirs.status_code == 303
        assert "a second one is to confirm it" not in (await one.get(PATH)).text


async def test_what_is_seen_not_to_be_done_is_not_ticked_off_and_a_word_is_said_to_be_one(
    house: Any,
) -> None:
    running = house.running
    await _left(running)
    async with await house.browser(Role.RESPONDER) as browser:
        path = f"{PATH}/items/routes"
        refused = await browser.post(path, data={"note": "Carla <3>"})
        assert (refused.status_code, "still give one a route" in refused.text) == (409, True)
        assert 'value="Carla &lt;3&gt;"' in refused.text
        assert "<code>mailkeep offboard done --anyway</code>" in refused.text
        for note in ("", "  "):  # nothing can be looked at, and nobody says who did it
            silent = await browser.post(f"{PATH}/items/webhooks", data={"note": note})
            assert (silent.status_code, 'aria-invalid="true"' in silent.text) == (422, True)
        assert f'action="{PATH}/items/webhooks"' in (await browser.get(PATH)).text
        for item, code in (("events", 409), ("ledger", 409), ("nonsense", 404)):
            answer = await browser.post(f"{PATH}/items/{item}", data={"note": ""})
            assert answer.status_code == code, item
        done = await browser.post(f"{PATH}/items/webhooks", data={"note": "Carla <3>"})
        assert done.status_code == 303
        again = await browser.post(f"{PATH}/items/webhooks", data={"note": "Eve"})
        assert again.status_code == 303
        shown = (await browser.get(PATH)).text
        assert "On a person&#39;s word" in shown or "On a person's word" in shown
        assert "Carla &lt;3&gt;" in shown
        assert "Eve" not in shown
        assert f'action="{PATH}/items/webhooks"' not in shown
        assert f'action="{PATH}/items/keys"' in shown
        assert f'action="{PATH}/items/events"' not in shown, "Mailkeep does it"
    assert "offboarding_item" in await house.audited()


async def test_what_went_past_a_look_is_shown_as_that(house: Any) -> None:
    """At the shell, with ``--anyway``: nobody takes it for something that was seen to be done."""
    running = house.running
    await _left(running)
    async with running.database.write() as tx:
        note = noted(Seen("3 webhooks were there"), "Carla")
        await running.leaving.done(tx, "one", "webhooks", by="uid:0", note=note)
        seen = noted(Seen(note="none seen"), "")
        await running.leaving.done(tx, "one", "users", by="uid:0", note=seen)
    async with await house.browser(Role.VIEWER) as browser:
        shown = (await browser.get(PATH)).text
    item = {
        name: re.findall(rf"<li(?:(?!<li).)*>{name}</span>.*?</li>", shown, re.S)[0]
        for name in ("webhooks", "users")
    }
    assert (
        "<strong>Against what was seen</strong>: 3 webhooks were there; Carla." in item["webhooks"]
    )
    assert "✓" not in item["webhooks"]
    assert "<strong>Looked at</strong>: none seen." in item["users"]
    assert "✓" in item["users"]


async def test_of_what_was_seen_and_said_nothing_is_cut_off_in_silence(house: Any) -> None:
    running = house.running
    await _left(running)
    path, word = f"{PATH}/items/webhooks", "Carla, in the minutes of the "
    async with await house.browser(Role.RESPONDER) as browser:
        long = await browser.post(path, data={"note": word.ljust(200, "x")})
        assert (long.status_code, 'aria-invalid="true"' in long.text) == (422, True)
        room = re.search(r"[Ss]ay it in (\d+) characters at most", long.text)
        assert room is not None
        assert word.ljust(200, "x") in long.text, "what was typed comes back"
        fits = word.ljust(int(room[1]), "x")
        assert (await browser.post(path, data={"note": fits})).status_code == 303
        shown = (await browser.get(PATH)).text
    assert "our account there is not read" in shown
    assert fits in shown
    async with running.database.write() as tx:
        with pytest.raises(Invalid):
            await running.leaving.done(tx, "one", "users", by="uid:0", note="x" * (LONGEST + 1))


async def test_it_is_kept_with_a_reason_while_its_word_counts(house: Any, clock: Any) -> None:
    running = house.running
    await _left(running)
    async with await house.browser(Role.RESPONDER) as browser:
        empty = await browser.post(f"{PATH}/stop", data={"reason": " "})
        assert (empty.status_code, 'aria-invalid="true"' in empty.text) == (422, True)
        assert (await browser.post(f"{PATH}/stop", data={"reason": "slow"})).status_code == 303
        assert await _list(running) is None
        await _left(running)
        clock.advance((LATE + DAY) / SECOND)
        assert await running.leaving.step()
    async with await house.browser(Role.RESPONDER) as browser:
        late = await browser.post(f"{PATH}/stop", data={"reason": "slow"})
        assert (late.status_code, "at the shell" in late.text) == (409, True)
        assert f'action="{PATH}/stop"' not in late.text
    assert "stop_offboarding" in await house.audited()


async def test_the_list_goes_to_its_end_also_when_the_settings_name_it_no_more(
    house: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = house.running
    await _left(running)
    clock.advance((LATE + DAY) / SECOND)
    assert await running.leaving.step()
    view = await _list(running)
    assert view is not None
    open_ = [one.name for one in view.items if one.done_at is None]
    async with running.database.write() as tx:
        for item in open_[:-1]:
            await running.leaving.done(tx, "one", item, by="uid:0")
    monkeypatch.delitem(running.providers, "one")
    async with await house.browser(Role.RESPONDER) as browser:
        assert "1 of " in (await browser.get(PATH)).text
        listed = (await browser.get("/console/providers")).text
        async with running.database.write() as tx:
            await running.leaving.done(tx, "one", open_[-1], by="uid:0")
        shown = (await browser.get(PATH)).text
        assert "one was left" in shown
        assert "It will always know" in shown
        assert "<form" not in shown.partition("<main")[2]
        begun = await browser.post(PATH, data={"hostile": "no"})
        assert begun.status_code == 404
    assert f'href="{PATH}"' in listed


async def test_one_that_came_back_is_left_by_a_new_list(house: Any) -> None:
    running = house.running
    await _cut_off(running)
    async with await house.browser(Role.RESPONDER) as browser:
        await browser.post(PATH, data={"hostile": "yes", "reason": "stolen", "sure": "yes"})
        view = await _list(running)
        assert view is not None
        async with running.database.write() as tx:
            for one in view.items:
                if one.done_at is None:
                    await running.leaving.done(tx, "one", one.name, by="uid:0")
        assert "It came back: leave it anew" in (await browser.get(PATH)).text
        form = {"hostile": "yes", "reason": "again", "sure": "yes"}
        assert (await browser.post(PATH, data=form)).status_code == 303
    new = await _list(running)
    assert new is not None
    assert (new.id != view.id, new.done_at) == (True, None)


async def test_another_site_and_a_viewer_leave_nobody(house: Any) -> None:
    running = house.running
    await _cut_off(running)
    form = {"hostile": "yes", "reason": "x", "note": "x"}
    async with await house.browser(Role.RESPONDER) as browser:
        for path in (PATH, f"{PATH}/items/keys", f"{PATH}/stop"):
            foreign = {"Origin": "https://evil.example"}
            answer = await browser.post(path, data=form, headers=foreign)
            assert answer.status_code == 403, path
    async with await house.browser(Role.VIEWER) as browser:
        for path in (PATH, f"{PATH}/items/keys", f"{PATH}/stop"):
            assert (await browser.post(path, data=form)).status_code == 403, path
        before = (await browser.get(PATH)).text
        assert "<form" not in before.partition("<main")[2]
        assert await _list(running) is None
        await running.database.retrying(lambda tx: _start(tx, running))
        shown = (await browser.get(PATH)).text
        assert "one is being left" in shown
        assert "<form" not in shown.partition("<main")[2]


async def _start(tx: Any, running: Any) -> None:
    known = await running.ticking.known(tx, "one")
    await running.leaving.start(tx, known, hostile=True, by="uid:0")

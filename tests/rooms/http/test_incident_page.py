"""The page of an incident begins with what a person needs who was woken for it."""

import re
from contextlib import aclosing

import pytest

from mailkeep.mail import services
from mailkeep.response import approval, todo
from mailkeep.response.types import ResponseSettings

from .test_all_by_api import hidden, house
from .test_approvals import House, sign_in

__all__ = ["house"]

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

PLACES = ("do", "who", "why", "tracks", "regulator", "line")


def _press(text: str) -> str:
    return text.split('<div class="press">')[1].split("</div>", maxsplit=1)[0]


async def test_the_first_screen_says_what_how_sure_who_and_the_next_press(house: House) -> None:
    incident = await house.incident()
    page = f"/console/incidents/{incident}"
    await house.ask(
        "ada", "POST", f"/v1/incidents/{incident}/actions/cut_provider", {"step": "preview"}
    )
    async with (
        aclosing(await sign_in(house, "ada")) as ada,
        aclosing(await sign_in(house, "bob")) as bob,
    ):
        text = (await ada.get(page)).text
        top = text.split('id="top"')[1].split("</nav>")[0]
        assert re.search(r"<h1[^>]*>.*probably.*\d\d%", top)
        assert " exposed</li>" in top
        assert "I see to it" in _press(text)
        assert f'href="{page}/actions/cut_provider">Next: ' in _press(text)
        # Actions before who, who before why, the timeline last; each place is led to from the top.
        ids = re.findall(r'<h2 id="(\w+)"', text)
        assert [one for one in ids if one in PLACES] == [
            *("do", "tracks", "regulator", "who", "why", "line")
        ]
        assert {f'href="#{one}"' for one in PLACES} <= set(re.findall(r'href="#\w+"', top))
        assert await ada.post(f"{page}/take") is not None
        assert "I see to it" not in (await bob.get(page)).text
        # What one person asked for is the next press of another, and not of their own.
        form = hidden((await ada.get(f"{page}/actions/cut_provider")).text) | {"step": "apply"}
        asked = await ada.post(f"{page}/actions/cut_provider", data=form | {"sure": "yes"})
        assert asked.status_code == 303
        assert "Approve or refuse: " in _press((await bob.get(page)).text)
        assert "Approve or refuse" not in _press((await ada.get(page)).text)


async def test_what_waits_is_counted_alike_wherever_it_is_said(house: House) -> None:
    incident = await house.incident()
    path = f"/v1/incidents/{incident}"
    async with aclosing(await sign_in(house, "ada")) as ada:
        for name in ("", "cut_provider"):
            if name:
                await house.ask("ada", "POST", f"{path}/actions/{name}", {"step": "preview"})
            told = (await house.ask("eve", "GET", path)).json()
            (listed,) = (await house.ask("eve", "GET", "/v1/incidents")).json()["incidents"]
            count = listed["to_decide"]
            assert told["to_decide"] == count
            page = (await ada.get(f"/console/incidents/{incident}")).text
            assert f"To decide ({count})" in page
            assert f"Still to do ({told['still_to_do']})" in page
            items = [*told["tracks"]["mail"], *told["tracks"]["security"]]
            items += told["regulator"]["items"] if told["regulator"] else []
            assert told["still_to_do"] == sum(one["done"] is False for one in items)
            overview = (await ada.get("/console")).text
            assert ("for a decision" in overview) is (count > 0)
            assert count == 0 or todo.say(count) in overview
            in_list = (await ada.get("/console/incidents")).text
            assert (f"{count} to decide" in in_list) is (count > 0)
            assert count == (1 if name else 0)


async def test_what_is_folded_says_how_much_is_in_it(house: House) -> None:
    incident = await house.incident()
    async with aclosing(await sign_in(house, "ada")) as ada:
        text = (await ada.get(f"/console/incidents/{incident}")).text
    for fold in re.findall(r"<details[^>]*>\s*<summary>(.*?)</summary>", text, re.DOTALL):
        said = re.sub(r"<[^>]+>", "", fold)
        if "Say from when" not in fold and "need not be" not in fold and "Severity" not in fold:
            assert re.search(r"\d|nothing is left|being counted", said), said
    assert re.search(r"\d+ actions that nobody proposed", text)
    assert re.search(r"Mail goes out</strong>: \d of \d still to do", text)


async def test_what_would_change_nothing_is_folded_below_what_waits(house: House) -> None:
    incident, running = await house.incident(), house.running
    async with running.database.write() as tx:
        await services.distrust(running.database, tx, "one", by="t", reason="x")
    for name in ("distrust_events", "cut_provider"):
        path = f"/v1/incidents/{incident}/actions/{name}"
        await house.ask("ada", "POST", path, {"step": "preview"})
    async with aclosing(await sign_in(house, "ada")) as ada:
        text = (await ada.get(f"/console/incidents/{incident}")).text
    first, _, rest = text.partition('id="idle-actions"')
    assert "To decide (1)" in first
    assert re.findall(r'id="offer-(\w+)"', first) == ["cut_provider"]
    folded = rest.partition("</details>")[0]
    assert "1 action that would change nothing now" in folded
    assert re.findall(r'id="offer-(\w+)"', folded) == ["distrust_events"]


async def test_two_people_are_spoken_of_where_two_are_wanted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"hypothesis": "provider_compromised", "subject": "two", "reason": "they telephoned"}
    opened = await house.ask("ada", "POST", "/v1/incidents", said)
    pages = ("/console/providers/two", f"/console/incidents/{opened.json()['id']}")
    async with aclosing(await sign_in(house, "ada")) as ada:
        for page in pages:
            assert "wants two people" in (await ada.get(page)).text
        monkeypatch.setattr(approval, "word_is_for_two", lambda _: False)
        for page in pages:
            assert "wants two people" not in (await ada.get(page)).text
    for named, two in ((None, True), (("cut_provider",), True), ((), False)):
        monkeypatch.undo()
        assert approval.word_is_for_two(ResponseSettings(two_people=named)) is two

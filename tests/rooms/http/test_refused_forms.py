"""A form of the console that is refused comes back with what was typed, the wrong field marked."""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.store.database import Database

from .test_all_by_api import house as with_three_providers
from .test_approvals import House as Approving
from .test_approvals import sign_in
from .test_console_pages import House, house

__all__ = ["house", "with_three_providers"]

once = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

TYPED = 'typed <"7"> & more'
_VOID = {"input", "br", "img", "meta", "link", "hr"}


class Control:
    """An input or select of a form; ``value``: what the page shows in it."""

    def __init__(self, given: Mapping[str, str | None], *, unfolded: bool) -> None:
        self.given, self.unfolded = given, unfolded
        self.value = given.get("value") or ""
        self.choices: list[str] = []

    @property
    def hidden(self) -> bool:
        return self.given.get("type") == "hidden"


class Page(HTMLParser):
    """The forms of a page, and what marks a wrong field."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[dict[str, str | None], dict[str, Control]]] = []
        self.focused: list[dict[str, str | None]] = []
        self.alerts: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self._inside: dict[str, Control] | None = None
        self._select: Control | None = None
        self._folded: list[bool] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.focused += [given] if "autofocus" in given else []
        self.alerts += [given] if given.get("role") == "alert" else []
        if tag == "details":
            self._folded.append("open" not in given)
        if tag == "form":
            self._inside = {}
            self.forms.append((given, self._inside))
        if tag in {"input", "select", "textarea"} and self._inside is not None:
            made = Control(given, unfolded=not any(self._folded))
            self._inside[str(given["name"])] = made
            self._select = made if tag == "select" else None
        if tag == "option" and self._select is not None:
            self._select.choices.append(given.get("value") or "")
            if "selected" in given:
                self._select.value = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._folded.pop()
        if tag == "form":
            self._inside = None
        if tag == "select":
            self._select = None

    def written(self) -> Iterator[tuple[str, dict[str, Control]]]:
        """The forms that are posted and have something to type or choose."""
        for given, controls in self.forms:
            if given.get("method") == "post" and any(not one.hidden for one in controls.values()):
                yield str(given["action"]), controls

    def form(self, action: str, hidden: Mapping[str, str]) -> dict[str, Control]:
        (found,) = [
            controls
            for to, controls in self.written()
            if to == action and all(controls[name].value == value for name, value in hidden.items())
        ]
        return found


def _came_back(answer: httpx.Response, action: str, sent: Mapping[str, str]) -> str:
    """Check that it did; the name of the field that is marked, "" for none."""
    where = (action, dict(sent), answer.status_code)
    assert answer.status_code in {400, 404, 409, 422, 429}, where
    page = Page(answer.text)
    assert len(page.ids) == len(set(page.ids)), where
    (alert,) = page.alerts
    assert (alert["id"], alert["tabindex"]) == ("error", "-1"), where
    assert "<title>Not done: " in answer.text, where
    before = {name: one for name, one in _fields(page, action, sent).items() if name in sent}
    assert {name: one.value for name, one in before.items()} == dict(sent), where
    assert all(one.unfolded for one in before.values()), where
    wrong = {name for name, one in before.items() if one.given.get("aria-invalid") == "true"}
    marked = [one for _, some in page.forms for one in some.values()]
    assert sum("aria-invalid" in one.given for one in marked) == len(wrong), where
    (focused,) = page.focused
    if not wrong:
        assert focused["id"] == "error", where
        return ""
    (name,) = wrong
    assert focused["name"] == name, where
    assert f"{focused['id']}-wrong" in str(focused["aria-describedby"]).split(), where
    assert f"{focused['id']}-wrong" in page.ids, where
    return name


def _fields(page: Page, action: str, sent: Mapping[str, str]) -> dict[str, Control]:
    told = {name for _, some in page.written() for name, one in some.items() if one.hidden}
    return page.form(action, {name: one for name, one in sent.items() if name in told})


def _filled(controls: Mapping[str, Control], text: str) -> dict[str, str]:
    return {
        name: one.value if one.hidden else one.choices[-1] if one.choices else text
        for name, one in controls.items()
    }


@once
async def test_no_form_that_refuses_loses_what_was_typed(house: House) -> None:
    """Every form of every page, filled with what cannot be, and with nothing."""
    refused: set[tuple[str, str]] = set()
    async with await house.browser() as browser:
        for path in house.shown():
            first = Page((await browser.get(path)).text)
            for place in range(len(list(first.written()))):
                for text in ("", TYPED):
                    now = list(Page((await browser.get(path)).text).written())
                    if place >= len(now):
                        continue
                    action, controls = now[place]
                    sent = _filled(controls, text)
                    answer = await browser.post(action, data=sent)
                    if answer.status_code < 400:
                        continue
                    marked = _came_back(answer, action, sent)
                    last = action.removeprefix("/console/").split("/")
                    refused.add((f"{last[0]}/{last[-1]}", marked))
    assert refused >= {
        ("incidents/window", "since"),
        ("incidents/window", "reason"),
        ("incidents/notes", "text"),
        ("incidents/open", "since"),
        ("incidents/open", "reason"),
        ("cutover/now", "to"),
        ("accounts/open", "who"),
        ("accounts/recoveries", "address"),
        ("recoveries/open", "reason"),
        ("claims/claims", "address"),
        ("messages/search", "address"),
    }, refused


@once
async def test_what_was_typed_beside_the_wrong_field_is_kept(
    with_three_providers: Approving,
) -> None:
    house = with_three_providers
    incident = await house.incident()
    page = f"/console/incidents/{incident}"
    right = {"since": "2023-11-01", "reason": "their <support> telephoned"}
    async with aclosing(await sign_in(house, "ada")) as ada:
        for path, sent, marked in (
            (f"{page}/window", right | {"since": "last tuesday"}, "since"),
            (f"{page}/window", right | {"reason": " "}, "reason"),
            (f"{page}/regulator", {"duty": "aware", "at": "", "reference": "seen"}, "at"),
            (f"{page}/regulator", {"duty": "told", "at": "3 o'clock", "reference": "D 7"}, "at"),
            (f"{page}/regulator", {"duty": "not_needed", "at": "", "reference": ""}, "reference"),
            (f"{page}/notes", {"text": "x" * 4001}, "text"),
            ("/console/providers/two/cut", {"reason": " "}, "reason"),
            ("/console/providers/two/leave", {"hostile": "yes", "reason": " "}, "reason"),
            ("/console/cutover/now", {"from": "one", "to": "two", "reason": " "}, "reason"),
            (
                "/console/incidents/open",
                {
                    "subject": "two",
                    "hypothesis": "provider_silent",
                    "since": "2023-11-01 10:00",
                    "until": "2023-11-01 09:00",
                    "reason": "x",
                },
                "until",
            ),
        ):
            answer = await ada.post(path, data=sent)
            assert answer.status_code == 422
            assert _came_back(answer, path, sent) == marked
        asked = await ada.post(f"{page}/close")
        assert (asked.status_code, Page(asked.text).alerts) == (200, [])
        sent = {"text": "", "sure": "yes"}
        answer = await ada.post(f"{page}/close", data=sent)
        assert _came_back(answer, f"{page}/close", sent) == "text"
        # A page that was not refused marks nothing, and shows what it always did.
        after = (await ada.get(page)).text
        assert "aria-invalid" not in after
        assert "autofocus" not in after
        assert "last tuesday" not in after
        # What is pressed in vain says so on its own page.
        assert (await ada.post(f"{page}/close", data=sent | {"text": "over"})).status_code == 303
        late = await ada.post(f"{page}/take")
        assert late.status_code == 409
        assert "This incident is closed already." in late.text
        assert "<h1>That did not work" not in late.text


@once
async def test_a_key_is_never_shown_again(
    database: Database, clock: ManualClock, house: House
) -> None:
    async with await house.browser("") as browser:
        answer = await browser.post("/console/sign-in", data={"key": "mk_secret_7"})
        assert answer.status_code == 401
        assert "mk_secret_7" not in answer.text


def test_every_field_of_the_console_goes_the_one_way() -> None:
    """A field that a template writes by itself would come back empty."""
    templates = Path(__file__).parents[3] / "src/mailkeep/http/templates/console"
    own = {"forms.html", "sign_in.html", "passkey.html", "openid.html"}
    for one in sorted(templates.glob("*.html")):
        if one.name in own:
            continue
        for form in one.read_text().split("<form")[1:]:
            text = form.split("</form>")[0]
            if 'method="post"' not in text.split(">")[0]:
                continue
            for tag in ("<select", "<textarea", "{{ field("):
                assert tag not in text, (one.name, tag)
            for put in text.split("<input")[1:]:
                assert 'type="hidden"' in put.split(">")[0], (one.name, put[:80])

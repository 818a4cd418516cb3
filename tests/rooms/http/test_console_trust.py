"""The console's pages of the chain of trust, in process: for operators only, by links alone."""

import re
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from mailkeep.base.clock import DAY, SECOND, ManualClock, iso
from mailkeep.posture import services
from mailkeep.posture.ready import Ready
from mailkeep.trust.types import Party, PartyKind

from .conftest import Api

Page = Callable[[str], Awaitable[str]]


async def signed_in(api: Api) -> Page:
    """Ask for a page as an operator who is signed in."""
    key = await api.new_key("operate", name="desk")
    entered = await api.client.post("/console/sign-in", data={"key": key})
    cookie = entered.headers["set-cookie"].partition(";")[0]

    async def ask(path: str) -> str:
        answer = await api.client.get(path, headers={"Cookie": cookie})
        assert answer.status_code == 200, answer.text
        return answer.text

    return ask


@pytest.fixture
async def page(api: Api) -> Page:
    return await signed_in(api)


async def test_who_is_not_signed_in_sees_no_map(api: Api) -> None:
    for path in ("", "/model", "/model.md", "/models", "/changes"):
        answer = await api.client.get(f"/console/trust{path}", headers={"Cookie": ""})
        assert answer.status_code == 303, path
        assert "party" not in answer.text


async def test_a_party_of_the_picture_leads_to_what_falls_with_it(page: Page) -> None:
    first = await page("/console/trust")
    assert 'aria-label="One (other): carries alert, bulk, recovery"' in first
    assert "Ranked" in first
    (link,) = set(re.findall(r'<a href="(\?party=one)" aria-label', first))
    fallen = await page(f"/console/trust{link}")
    assert "<h1>If One falls</h1>" in fallen
    assert "reads mail of recovery that goes through one" in fallen
    assert "mail of this stream goes through One" in fallen
    assert 'class="box chosen"' in fallen


async def test_names_of_parties_are_not_obeyed(page: Page, api: Api) -> None:
    answer = await page("/console/trust?party=key:desk")
    assert "If API key desk falls" in answer
    strange = await api.client.get("/console/trust?party=%3Cscript%3E")
    assert "<script>" not in strange.text


async def test_the_threat_model_is_a_page_and_a_file(page: Page) -> None:
    html = await page("/console/trust/model")
    assert "Threat model of" in html
    assert "Blind spots" in html
    assert (await page("/console/trust/model.md")).startswith("# Threat model of")
    assert "What each single change would buy" in await page("/console/trust/changes")


async def test_what_changed_between_two_days_is_a_page_and_an_answer(
    api: Api, clock: ManualClock
) -> None:
    """What the shell says of earlier models, console and API say as well."""
    running = api.running
    today = iso(clock.now())[:10]
    assert (await api.ask("GET", f"/v1/trust/model?day={today}")).status_code == 404
    await services.look(running.database, running.chain)
    more = {**running.chain.parties, "new": Party("new", kind=PartyKind.SMS, contact="call Ann")}
    later = msgspec.structs.replace(running.chain, parties=more)
    clock.advance(DAY / SECOND)
    tomorrow = iso(clock.now())[:10]
    await services.look(running.database, later)
    page = await signed_in(api)
    html = await page(f"/console/trust/models?before={today}&after={tomorrow}")
    assert "<h2>New: parties</h2>" in html
    assert "<li>new (sms)</li>" in html
    assert "<li>new: in an incident: call Ann</li>" in html
    assert f'href="/console/trust/model?day={tomorrow}"' in html
    assert "call Ann" in await page(f"/console/trust/model?day={tomorrow}")
    assert "call Ann" not in await page(f"/console/trust/model?day={today}")
    assert "call Ann" in await page(f"/console/trust/model.md?day={tomorrow}")
    kept = (await api.ask("GET", "/v1/trust/models")).json()["models"]
    assert [one["at"][:10] for one in kept] == [tomorrow, today]
    found = await api.ask("GET", f"/v1/trust/diff?before={today}&after={tomorrow}")
    assert found.json()["new"]["parties"] == ["new (sms)"]
    back = (await api.ask("GET", f"/v1/trust/diff?before={tomorrow}")).json()  # and now
    assert back["gone"]["parties"] == ["new (sms)"]
    then = (await api.ask("GET", f"/v1/trust/model?day={tomorrow}")).json()
    assert then["day"] == tomorrow
    assert (await api.ask("GET", "/v1/trust/diff?before=yesterday")).status_code == 422
    early = await api.ask("GET", "/v1/trust/diff?before=2001-01-01")
    assert early.status_code == 404
    assert "the first is of 20" in early.text
    narrow = await api.new_key("read", name="narrow", streams=("alert",))
    for path in ("models", f"diff?before={today}", f"model?day={today}"):
        assert (await api.ask("GET", f"/v1/trust/{path}", key=narrow)).status_code == 403


async def test_what_the_register_says_for_people_is_shown(page: Page, api: Api) -> None:
    known = api.running.chain.parties["one"]
    said = msgspec.structs.replace(
        known, contact="desk +1 555", terms="2026-14", holds=("logs",), carries=("resets",)
    )
    parties = {**api.running.chain.parties, "one": said}
    house = msgspec.structs.replace(api.running.chain, parties=parties)
    api.running.trust = Ready(api.running.database, house)
    html = await page("/console/trust?party=one")
    for text in ("desk +1 555", "2026-14", "logs", "resets"):
        assert f"<dd>{text}</dd>" in html
    assert "None was kept yet." in await page("/console/trust/models")
    model = await page("/console/trust/model")
    assert "in an incident: desk +1 555" in model
    for heading in ("Parties", "Boundaries", "Single points"):
        assert f">{heading}</h2>" in model
    fall = (await api.ask("GET", "/v1/trust/whatif?party=one")).json()
    assert fall["register"][0]["contact"] == "desk +1 555"


async def test_a_key_that_is_bound_to_streams_has_no_business_there(api: Api) -> None:
    bound = await api.new_key("read", name="narrow", streams=("alert",))
    assert (await api.ask("GET", "/v1/trust/parties", key=bound)).status_code == 403
    whole = await api.ask("GET", "/v1/trust/whatif?party=one")
    assert whole.status_code == 200
    assert whole.json()["parties"] == ["one"]
    ranked = await api.ask("GET", "/v1/trust/parties")
    assert ranked.json()["counted_at"] == whole.json()["counted_at"] != ""
    assert (await api.ask("GET", "/v1/trust/whatif?party=onee")).status_code == 404
    many = ",".join("abcdefghijk")
    assert (await api.ask("GET", f"/v1/trust/whatif?party={many}")).status_code == 422

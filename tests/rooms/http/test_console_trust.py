"""The console's pages of the chain of trust, in process: for operators only, by links alone."""

import re
from collections.abc import Awaitable, Callable

import pytest

from .conftest import Api

Page = Callable[[str], Awaitable[str]]


@pytest.fixture
async def page(api: Api) -> Page:
    """Ask for a page as an operator who is signed in."""
    key = await api.new_key("operate", name="desk")
    entered = await api.client.post("/console/sign-in", data={"key": key})
    cookie = entered.headers["set-cookie"].partition(";")[0]

    async def ask(path: str) -> str:
        answer = await api.client.get(path, headers={"Cookie": cookie})
        assert answer.status_code == 200, answer.text
        return answer.text

    return ask


async def test_who_is_not_signed_in_sees_no_map(api: Api) -> None:
    for path in ("", "/model", "/model.md", "/changes"):
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

"""The switch of languages in a real browser, and without scripts."""

import re

import pytest

from .conftest import Up
from .mailbox import CHROMIUM, browser
from .visitor import Visitor

SECRET = "0123456789ABCDEFGHJKMNPQRS"


async def test_the_switch_works_without_scripts(up: Up) -> None:
    async with Visitor(up.url) as ada:
        _, page = await ada.get("/recover")
        assert '<html lang="en">' in page
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="(\w*)"', page))
        assert await ada.post("/language", **fields, language="de") == (303, "/recover")
        _, page = await ada.get("/recover")
        assert "Passwort zurücksetzen" in page


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_what_a_link_brought_goes_along_into_another_language(up: Up) -> None:
    from playwright.async_api import expect

    async with browser() as chromium:
        context = await chromium.new_context(locale="de")
        page = await context.new_page()
        for path, field, said in (
            ("/deny", "#secret", "Aus dem Link übernommen"),
            ("/recover/proof", "#long", "Tippen Sie jetzt den kurzen Code ein"),
        ):
            await page.goto("about:blank")
            await page.goto(f"{up.url}{path}#{SECRET}")
            await expect(page.get_by_text(said)).to_be_visible()
            await page.get_by_role("button", name="Français").click()
            await expect(page.locator("html")).to_have_attribute("lang", "fr")
            await expect(page.locator(field)).to_have_value(SECRET)
            assert SECRET not in page.url
            await context.clear_cookies()

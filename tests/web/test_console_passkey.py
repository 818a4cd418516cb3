"""An operator signs in at the console with the key and a passkey, in a real browser."""

import shutil
import sqlite3

import pytest
from playwright.async_api import expect

from .conftest import Up
from .shop.site import cli
from .test_factors import ADDRESS, desk
from .visitor import Visitor

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_an_operator_shows_a_passkey_beside_the_key(up: Up) -> None:
    async with Visitor(up.url) as eyes, desk(up.url) as bob:
        page = bob.page
        await eyes.join(ADDRESS)
        await bob.plug_in()
        await bob.enter()
        await bob.show_again()
        await bob.press("Add a passkey")
        await expect(page.get_by_text("The passkey is added.")).to_be_visible()
        cli(up, "operators", "add", ADDRESS)
        database = sqlite3.connect(up.home / "mailkeep.db")
        with database:  # as if its hold were over
            database.execute("UPDATE factors SET held_by = NULL")
        database.close()
        for width, scheme in ((390, "dark"), (1280, "light")):
            await page.set_viewport_size({"width": width, "height": 760})
            await page.emulate_media(color_scheme=scheme)
            await page.context.clear_cookies()
            await page.goto(f"{up.url}/console")
            await page.get_by_label("API key").fill(up.key)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", name="Show your passkey")).to_be_visible()
            await bob.quiet()
            await bob.press("Show the passkey")
            await page.wait_for_url("**/console")
            await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
            await page.goto(f"{up.url}/console/nothing/here/at/all")
            await expect(page.get_by_role("heading", name="no such page")).to_be_visible()
            await bob.quiet()

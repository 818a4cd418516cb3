"""Second factors in a real browser with a virtual authenticator, and without scripts."""

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from .conftest import Up
from .visitor import PASSWORD, Visitor

CHROMIUM = shutil.which("chromium")
ADDRESS = "grace@example.net"
browsers = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")


class Desk:
    """A browser page with a security device of its own."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.devtools: Any = None
        self.device = ""

    async def plug_in(self, *, verifies: bool = True) -> None:
        """Plug a device in, as Chromium's WebAuthn domain lets a test do."""
        self.devtools = await self.page.context.new_cdp_session(self.page)
        await self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        made = await self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.device = made["authenticatorId"]

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def quiet(self) -> None:
        from axe_playwright_python.async_playwright import Axe

        found = await Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()

    async def enter(self) -> None:
        await self.page.goto(f"{self.url}/sign-in")
        await self.page.get_by_label("Mail address").fill(ADDRESS)
        await self.page.get_by_label("Password").fill(PASSWORD)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def show_again(self) -> None:
        """The password, before the first factor is added."""
        await self.page.goto(f"{self.url}/account/factors")
        await self.page.get_by_label("Current password").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await expect(self.page.get_by_role("heading", name="Add a passkey")).to_be_visible()


@asynccontextmanager
async def desk(url: str) -> AsyncIterator[Desk]:
    expect.set_options(timeout=30_000)  # slow hashes on a machine that does other things too
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await browser.new_page(viewport={"width": 390, "height": 760})
        yield Desk(page, url)
        await browser.close()


def settle(up: Up) -> None:
    """As if the holds of new factors were over."""
    with sqlite3.connect(next(up.home.rglob("mailkeep.db")), timeout=20) as database:
        database.execute("UPDATE factors SET held_by = NULL")
        database.execute("UPDATE account_changes SET state = 'done' WHERE what = 'factor'")


@browsers
async def test_a_passkey_from_its_making_to_a_life_without_a_password(up: Up) -> None:
    async with Visitor(up.url) as eyes, desk(up.url) as grace:
        page = grace.page
        await eyes.join(ADDRESS)
        await grace.plug_in()
        await grace.enter()
        await grace.show_again()
        await grace.quiet()
        await page.get_by_label("A name for it").fill("My phone")
        await grace.press("Add a passkey")
        await expect(page.get_by_text("The passkey is added.")).to_be_visible()
        await expect(page.get_by_text("My phone", exact=True)).to_be_visible()
        await grace.quiet()
        # Asked again, the same device says so itself.
        await grace.press("Add a passkey")
        await expect(page.get_by_text("on that device already")).to_be_visible()
        await grace.press("Make saved codes")
        codes = await page.locator(".codes code").all_inner_texts()
        assert len(codes) == 10
        await grace.quiet()
        # After the password, as a second factor.
        await page.context.clear_cookies()
        await grace.enter()
        await expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        await grace.quiet()
        await grace.press("Use your passkey")
        await expect(page.get_by_text("Where you are signed in")).to_be_visible()
        # Alone, without the password.
        await page.context.clear_cookies()
        await page.goto(f"{up.url}/sign-in")
        await grace.quiet()
        await grace.press("Use a passkey")
        await expect(page.get_by_text("Where you are signed in")).to_be_visible()
        # Everything once more is the password and the passkey.
        await page.goto(f"{up.url}/account/factors")
        await grace.quiet()
        await page.get_by_label("Current password").fill(PASSWORD)
        await grace.press("Go on with your passkey")
        await grace.press("Remove my password")
        await expect(page.get_by_text("add a second passkey")).to_be_visible()
        settle(up)  # what was bound just now is no way in to rely on yet
        await grace.press("Remove my password")
        await expect(page.get_by_text("The password is gone")).to_be_visible()
        await page.context.clear_cookies()
        await grace.enter()
        await expect(page.get_by_role("alert")).to_be_visible()
        await grace.press("Use a passkey")
        await expect(page.get_by_text("no reset can write a password")).to_be_visible()
        await grace.quiet()
        await page.goto(f"{up.url}/account/factors")
        await grace.press("Go on with your passkey")
        await expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
        await page.get_by_text("Remove", exact=True).first.click()
        await grace.quiet()


@browsers
async def test_without_a_device_the_page_says_so_and_a_code_will_do(up: Up) -> None:
    async with Visitor(up.url) as eyes, desk(up.url) as grace:
        page = grace.page
        await eyes.join(ADDRESS)
        await grace.plug_in()
        await grace.enter()
        await grace.show_again()
        await grace.press("Add a passkey")
        await grace.press("Make saved codes")
        code = await page.locator(".codes code").first.inner_text()
        await page.context.clear_cookies()
        await grace.devtools.send(
            "WebAuthn.removeVirtualAuthenticator", {"authenticatorId": grace.device}
        )
        await grace.plug_in()  # another one, which knows nothing
        await grace.enter()
        await grace.press("Use your passkey")
        await expect(page.get_by_text("Nothing was shown")).to_be_visible()
        await page.get_by_label("Saved code").fill(code.lower())
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("9 of 10 left")).to_be_visible()


async def test_saved_codes_without_scripts(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        assert (await grace.post("/account/factors/codes"))[0] == 403
        await grace.bind()
        status, page = await grace.post("/account/factors/codes")
        codes = re.findall(r"<code>([0-9A-Z-]{19})</code>", page)
        assert (status, len(codes)) == (200, 10)
        assert codes[0] not in (await grace.get("/account/factors"))[1]
        assert await thief.enter(ADDRESS) == (303, "/sign-in/factor")
        assert "or a saved code" in (await thief.get("/sign-in/factor"))[1]
        wrong = codes[0][:-1] + ("0" if codes[0][-1] != "0" else "1")
        assert (await thief.post("/sign-in/factor", code=wrong))[0] == 401
        assert await thief.post("/sign-in/factor", code=codes[1]) == (303, "/account")
        # Who is in has still to show everything before anything is changed.
        for path in ("codes", "revoke", "rename", "passkey", "passkey/ask", "no-password"):
            assert (await thief.post(f"/account/factors/{path}"))[0] == 403
        assert (await thief.post("/account/totp"))[0] == 403
        assert (await thief.post("/account/factors/confirm", current=PASSWORD))[0] == 401
        wrong = {"current": PASSWORD, "factor": codes[1]}
        assert (await thief.post("/account/factors/confirm", **wrong))[0] == 401
        right = {"current": PASSWORD, "factor": codes[2]}
        assert await thief.post("/account/factors/confirm", **right) == (303, "/account/factors")
        page = (await thief.get("/account/factors"))[1]
        factor = re.findall(r'name="factor" value="(\w+)"', page)[0]
        assert await thief.post("/account/factors/revoke", factor=factor) == (
            303,
            "/account/factors",
        )
        page = (await thief.get("/account/factors"))[1]
        assert "until then it is still asked" in page
        # Whoever it was: the owner is told, and keeps it with no more than a session.
        await grace.find(ADDRESS, r"(the last second factor is being removed)")
        assert await grace.post("/account/factors/keep", factor=factor) == (
            303,
            "/account/factors",
        )
        assert "The factor stays" in (await grace.get("/account/factors"))[1]
        assert await thief.post("/account/factors/others") == (303, "/account/factors")
        assert (await grace.get("/account"))[0] == 303


async def test_doors_of_the_factors_need_a_session(up: Up) -> None:
    async with Visitor(up.url) as stranger:
        for path in ("", "/confirm", "/ask", "/passkey", "/passkey/ask", "/codes", "/others"):
            assert await stranger.post(f"/account/factors{path}") != (200, "")
            assert (await stranger.post(f"/account/factors{path}"))[0] in {303, 405}
        assert (await stranger.get("/account/factors"))[0] == 303
        assert (await stranger.get("/sign-in/factor"))[0] == 303
        assert (await stranger.post("/sign-in/factor/ask"))[0] == 303
        assert (await stranger.post("/sign-in/passkey", assertion="{}"))[0] == 401
        away = {"Sec-Fetch-Site": "cross-site"}
        for path in ("/sign-in/passkey/ask", "/sign-in/passkey", "/account/factors/confirm"):
            assert (await stranger.post(path, headers=away))[0] == 403

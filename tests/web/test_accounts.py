"""Customers at the account pages of a real process, over HTTP and the mail that arrives."""

import asyncio
import re
import shutil
import time

import pyotp
import pytest

from .conftest import Up
from .visitor import PASSWORD, Visitor

CHROMIUM = shutil.which("chromium")
ADDRESS = "grace@example.net"
NEW = "a-lantern-for-the-quiet-moor"


@pytest.mark.check("63B 4.1.2.1", "63B 5.1", "ASVS 7.5.3", "ASVS 6.3.7", "ASVS 7.5.2")
async def test_sign_up_sign_in_and_out(up: Up) -> None:
    async with Visitor(up.url) as grace:
        assert (await grace.get("/account"))[0] == 303
        await grace.join(ADDRESS)
        assert "Your address is confirmed; sign in." in (await grace.get("/sign-in"))[1]
        assert "confirmed" not in (await grace.get("/sign-in"))[1]
        status, page = await grace.enter(ADDRESS, "not-the-password-at-all")
        assert (status, "is wrong" in page) == (401, True)
        assert await grace.enter(ADDRESS) == (303, "/account")
        status, page = await grace.get("/account")
        assert (status, ADDRESS in page, "Here only." in page) == (200, True, True)
        assert (await grace.post("/account/totp", current="not-the-password"))[0] == 401
        assert "15 characters or more; with a second factor, 8" in page
        app = await grace.bind()
        page = (await grace.get("/account/factors"))[1]
        assert "The authenticator app is added" in page
        assert "Sign out everywhere else" in page  # ASVS 7.4.3
        assert "app is added" not in (await grace.get("/account/factors"))[1]  # said once
        page = (await grace.get("/account"))[1]
        assert "8 characters or more, since you have a second factor; 15 without" in page
        assert await grace.post("/sign-out") == (303, "/sign-in")
        assert (await grace.get("/account"))[0] == 303
        assert await grace.enter(ADDRESS) == (303, "/sign-in/factor")
        assert (await grace.get("/account"))[0] == 303
        assert (await grace.post("/sign-in/factor", code="000000"))[0] == 401
        # The code that bound the app is used up, so this one is of the next step.
        code = app.at(int(time.time()) + 30)
        assert await grace.post("/sign-in/factor", code=code) == (303, "/account")
        await grace.find(ADDRESS, r"(A second factor was added)")


async def test_a_mistyped_code_keeps_the_enrolment(up: Up) -> None:
    """Who has scanned the picture must not have to scan another one."""
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        _, first = await grace.post("/account/totp", current=PASSWORD)
        shown = {
            name: re.findall(pattern, first)[0]
            for name, pattern in (
                ("secret", r'id="secret"[^>]*>([A-Z2-7]{32})<'),
                ("picture", r'src="(data:[^"]+)"'),
                ("factor", r'name="factor" value="(\w+)"'),
            )
        }
        groups = " ".join(re.findall("....", shown["secret"]))
        for wrong in ("000000", "no code"):
            status, page = await grace.post(
                "/account/totp/confirm", factor=shown["factor"], code=wrong
            )
            assert (status, "The code is wrong" in page) == (422, True)
            assert all(one in page for one in (*shown.values(), groups))
        # Nobody else is shown it, and what is bound is not shown again.
        await thief.join("mallory@example.net")
        await thief.enter("mallory@example.net")
        field = {"factor": shown["factor"], "code": "000000"}
        assert (await thief.post("/account/totp/confirm", **field))[0] == 403
        await thief.post("/account/factors/confirm", current=PASSWORD)
        assert (await thief.post("/account/totp/confirm", **field))[0] == 404
        right = field | {"code": pyotp.TOTP(shown["secret"]).now()}
        assert await grace.post("/account/totp/confirm", **right) == (303, "/account/factors")
        status, page = await grace.post("/account/totp/confirm", **field)
        assert (status, shown["secret"] in page) == (404, False)


async def test_only_the_field_at_fault_is_marked(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)

        async def marked(path: str, **fields: str) -> list[str]:
            """The ids of the fields that are marked, and of those that point at the error."""
            _, page = await grace.post(path, **fields)
            inputs = re.findall(r"<input[^>]*>", page)
            ids = [
                re.findall(r' id="([^"]+)"', one)[0]
                for one in inputs
                if 'aria-invalid="true"' in one or re.search(r'describedby="[^"]*error', one)
            ]
            assert all("aria-invalid" not in one or "error" in one for one in inputs)
            return ids

        assert await marked("/account/totp", current="wrong") == ["current"]
        changing = {"current": "wrong", "new": NEW}
        assert await marked("/account/password", **changing) == ["current"]
        short = {"current": PASSWORD, "new": "short"}
        assert await marked("/account/password", **short) == ["new"]


@pytest.mark.check("Reset: sign-in", "ASVS 6.3.7", "63B 4.2.3")
async def test_a_link_and_a_code_reset_the_password(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)
        assert await grace.enter(ADDRESS) == (303, "/account")
        assert await thief.post("/recover", address=ADDRESS) == (303, "/recover/proof")
        link, code = await thief.proofs(ADDRESS)
        # The reader of one carrier, in the browser that asked: half is nothing.
        assert await thief.post("/recover/proof", code=code) == (303, "/recover/proof")
        assert 'data-state="code"' in (await thief.get("/recover/proof"))[1]
        assert (await thief.post("/recover/finish", password=NEW))[0] == 409
        assert (await thief.post("/recover/proof", long="0" * 26))[0] == 409
        # The owner, in another browser, is not kept out.
        assert await grace.post("/recover", address=ADDRESS) == (303, "/recover/proof")
        link, code = await grace.proofs(ADDRESS, skip=1)
        assert await grace.post("/recover/proof", long=link, code=code) == (303, "/recover/proof")
        page = (await grace.get("/recover/proof"))[1]
        assert 'data-state="both"' in page
        assert "15 characters or more; with a second factor, 8" in page
        assert (await grace.post("/recover/finish", password="short"))[0] == 422
        assert await grace.post("/recover/finish", password=NEW) == (303, "/recover/done")
        assert (await grace.get("/account"))[0] == 303  # every session ended
        assert (await grace.enter(ADDRESS, PASSWORD))[0] == 401
        assert await grace.enter(ADDRESS, NEW) == (303, "/account")
        await grace.find(ADDRESS, r"^Subject: (Your password was changed)", skip=1)


async def test_a_denial_stops_a_reset_and_answers_the_same(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)
        await thief.post("/recover", address=ADDRESS)
        link, code = await grace.proofs(ADDRESS)
        denial = await grace.find(ADDRESS, r"/deny#([0-9A-Z]{26})")
        assert await thief.post("/recover/proof", long=link, code=code) == (303, "/recover/proof")
        right = await grace.post("/deny", secret=denial)
        wrong = await grace.post("/deny", secret="0" * 26)
        assert right == wrong
        assert right[0] == 200
        assert "the account is closed to everybody for an hour" in right[1]
        assert "You need not wait for that" in right[1]
        assert (await thief.post("/recover/finish", password=NEW))[0] == 409


async def test_a_strange_browser_waits_and_the_owner_stops_it(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)  # and was never signed in: nothing speaks for any browser
        await thief.post("/recover", address=ADDRESS)
        link, code = await grace.proofs(ADDRESS)
        assert await thief.post("/recover/proof", long=link, code=code) == (303, "/recover/proof")
        _, page = await thief.get("/recover/proof")
        assert 'data-state="held"' in page
        assert "A wait of an hour" in page
        assert "New password" not in page
        status, page = await thief.post("/recover/finish", password=NEW)
        assert (status, "this waits until" in page.lower()) == (409, True)
        await grace.find(ADDRESS, r"^Subject: (Your password is about to be reset)", skip=1)
        async with asyncio.timeout(20):
            while not re.search(r'data-held="20[^"]+Z"', page):  # the clock runs
                await asyncio.sleep(0.1)
                _, page = await thief.get("/recover/proof")
        assert re.search(r"from <strong><time[^>]*>20\d\d-[\d -:]+ UTC</time></strong> on", page)
        denial = await grace.find(ADDRESS, r"Stop it now: [^#]*/deny#([0-9A-Z]{26})")
        assert (await grace.post("/deny", secret=denial))[0] == 200
        _, page = await thief.get("/recover/proof")
        assert 'data-state="none"' in page
        assert "stopped from one of the account" in page
        assert (await thief.post("/recover/finish", password=NEW))[0] == 409
        assert await grace.enter(ADDRESS) == (303, "/account")


async def test_staff_start_a_reset_over_the_api(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        url = f"{up.url}/v1/recoveries"
        answers = []
        for address in (ADDRESS, "nobody@example.net"):
            async with up.session.post(
                url, json={"address": address}, headers=up.bearer()
            ) as reply:
                answers.append((reply.status, list(await reply.json())))
        assert answers == [(202, ["id"])] * 2
        link, code = await grace.proofs(ADDRESS)
        assert await grace.post("/recover/proof", long=link) == (303, "/recover/proof")
        assert await grace.post("/recover/proof", code=code) == (303, "/recover/proof")
        async with up.session.post(url, json={"address": "x"}, headers=up.bearer()) as reply:
            assert (reply.status, (await reply.json())["field"]) == (422, "address")


@pytest.mark.check("63B 5.1")
async def test_posts_from_other_sites_are_refused(up: Up) -> None:
    async with Visitor(up.url) as grace:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            status, page = await grace.post("/recover", headers=headers, address=ADDRESS)
            assert status == 403
            assert "another site" in page
        good = {"Sec-Fetch-Site": "same-origin", "Origin": up.url}
        assert (await grace.post("/recover", headers=good, address=ADDRESS))[0] == 303


@pytest.mark.check("ASVS 6.3.8")
async def test_unknown_addresses_get_the_same_answer_and_no_mail(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as stranger:
        await grace.join(ADDRESS)
        answers = []
        for visitor, address in ((grace, ADDRESS), (stranger, "nobody@example.net")):
            asked = await visitor.post("/recover", address=address)
            answers.append((asked, await visitor.get("/recover/proof")))
        assert answers[0] == answers[1]
        await grace.proofs(ADDRESS)
        assert not await grace.mails("nobody@example.net")
        assert (await grace.post("/recover", address="no address"))[0] == 422


@pytest.mark.check("ASVS 14.2.1")
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_the_pages_in_a_browser(up: Up) -> None:
    """A link fills the form and tells no server; opening it redeems nothing; axe is quiet."""
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import async_playwright, expect

    async with Visitor(up.url) as eyes, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await browser.new_page(viewport={"width": 390, "height": 760})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        async def quiet() -> None:
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()

        await page.goto(f"{up.url}/sign-up")
        await quiet()
        await page.get_by_label("Mail address").fill(ADDRESS)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_label("Code").fill(await eyes.find(ADDRESS, r"^Code: (\S{9})"))
        await page.keyboard.press("Enter")
        await page.get_by_label("Mail address").fill(ADDRESS)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Where you are signed in")).to_be_visible()
        await quiet()
        await page.get_by_role("link", name="Add a passkey or an app").click()
        await page.get_by_label("Current password").fill(PASSWORD)
        await quiet()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
        await quiet()
        await page.get_by_role("button", name="Add an authenticator app").click()
        await expect(page.get_by_role("heading", name="Add a second factor")).to_be_visible()
        await quiet()
        await page.goto(f"{up.url}/recover")
        await page.get_by_label("Mail address").fill(ADDRESS)
        await page.keyboard.press("Enter")
        link, code = await eyes.proofs(ADDRESS)
        # As a mail gateway's scanner does: open it in a full browser, scripts and all.
        scanner = await browser.new_page()
        await scanner.goto(f"{up.url}/recover/proof#{link}")
        await expect(scanner.get_by_text("The link is here")).to_be_visible()
        await scanner.close()
        # The link is opened in the tab that shows what was wrong with an earlier try.
        await page.get_by_label("Long code").fill("0" * 26)
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(page.get_by_label("Long code")).to_be_focused()
        await expect(page).to_have_title("Error: Reset the password")
        await page.goto(f"{up.url}/recover/proof#{link}")
        await expect(page.get_by_text("The link is here. Now type the short code.")).to_be_visible()
        await expect(page.get_by_text("The link: filled in below")).to_be_visible()
        await expect(page.get_by_label("Short code")).to_be_focused()
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert await page.locator("[aria-invalid], [aria-describedby~=error]").count() == 0
        assert link not in page.url
        await quiet()
        await page.get_by_label("Short code").fill(code)
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_label("New password").fill(NEW)
        await quiet()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="The password is set")).to_be_visible()
        assert asked
        assert not [url for url in asked if link in url.partition("#")[0]]
        await browser.close()


async def test_the_language_of_an_account_is_the_browsers_until_one_is_chosen(up: Up) -> None:
    said = {"Accept-Language": "ja, de-AT;q=0.8, en;q=0.5"}
    async with Visitor(up.url) as grace:
        fields = {"address": ADDRESS, "password": PASSWORD}
        assert await grace.post("/sign-up", said, **fields) == (303, "/sign-up/confirm")
        code = await grace.find(ADDRESS, r"^Code: (\S{9})")
        assert await grace.post("/sign-up/confirm", code=code) == (303, "/sign-in")
        await grace.enter(ADDRESS)
        assert '<option value="de" lang="de" selected>' in (await grace.get("/account"))[1]
        assert await grace.post("/account/language", language="fr") == (303, "/account")
        page = (await grace.get("/account"))[1]
        assert '<option value="fr" lang="fr" selected>' in page
        assert "Nous vous écrivons dans cette langue quand nous le pouvons : Français." in page
        assert "quand nous le pouvons" not in (await grace.get("/account"))[1], "it is said once"
        status, page = await grace.post("/account/language", language="tlh")
        assert (status, "Choisissez l&#39;une de celles-ci : English" in page) == (422, True)
        assert '<option value="fr" lang="fr" selected>' in page
    async with Visitor(up.url) as stranger:
        assert await stranger.post("/account/language", language="de") == (303, "/sign-in")

"""An incident as a real process tells it: opened by what happened, read over the API, acted on."""

import asyncio
import re
import shutil

import pytest
import warm

from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys
from mailkeep.store.database import Database

from .conftest import Up

CHROMIUM = shutil.which("chromium")


async def _get(up: Up, path: str) -> dict[str, object]:
    async with up.session.get(f"{up.url}{path}", headers=up.bearer()) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


async def _post(up: Up, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    async with up.session.post(f"{up.url}{path}", json=body, headers=up.bearer()) as reply:
        return reply.status, await reply.json(content_type=None)


async def opened(up: Up, hypothesis: str = "provider_silent") -> dict[str, object]:
    """Wait until an incident holds that hypothesis."""
    async with asyncio.timeout(30):
        while True:
            for one in (await _get(up, "/v1/incidents"))["incidents"]:
                if any(
                    view["open"] and view["hypothesis"] == hypothesis for view in one["opinions"]
                ):
                    return await _get(up, f"/v1/incidents/{one['id']}")
            await asyncio.sleep(0.1)


async def suspend(up: Up) -> dict[str, object]:
    """One provider that has had mail of ours suspends us; mail goes on over the other."""
    carried = ""
    while carried != "mandrill":
        sent = await up.send(to="earlier@example.net")
        carried = (await up.until(sent["id"], "delivered"))["attempts"][-1]["provider"]
    await up.fault("mandrill", suspend=True)
    for number in range(8):
        sent = await up.send(to=f"user{number}@example.net")
        await up.until(sent["id"], "delivered")
    return await opened(up)


async def test_a_suspension_opens_one_incident_that_explains_itself(up: Up) -> None:
    incident = await suspend(up)
    assert incident["subject"] == {"kind": "provider", "id": "mandrill"}
    assert (incident["state"], incident["contained_at"]) == ("open", None)
    assert incident["opened_at"] >= incident["since"]
    (silent,) = [one for one in incident["opinions"] if one["open"]]
    assert silent["log_odds"] >= 1
    (reason,) = [one for one in silent["reasons"] if one["detector"] == "provider_refusal"]
    assert "suspended" in reason["text"]
    assert reason["nats"] > 4
    assert reason["events"]
    assert incident["blast_radius"]["exposed"] >= 1
    assert [one["kind"] for one in incident["timeline"]][:3] == ["opened", "raised", "evidence"]
    assert "almost certainly" in incident["headline"] or "probably" in incident["headline"]
    mail = {one["text"]: one["done"] for one in incident["tracks"]["mail"]}
    assert mail["A provider stands that is not suspect"] is True
    assert (await _get(up, f"/v1/incidents/{incident['id']}"))["id"] == incident["id"]
    assert len((await _get(up, "/v1/incidents"))["incidents"]) == 1


async def test_a_stranger_in_our_mail_and_a_suspension_are_one_incident(up: Up) -> None:
    """As on 8 August 2022: first a foreign address in our mail, then the mail stops."""
    await up.fault("mandrill", foreign_sender=True)
    printed = ""
    async with asyncio.timeout(40):
        while "stranger_in_mail" not in printed:
            await asyncio.sleep(0.5)
            printed = await _run(up, "watch")
    incident = await suspend(up)
    assert incident["subject"] == {"kind": "provider", "id": "mandrill"}
    opinions = {one["hypothesis"]: one for one in incident["opinions"]}
    reasons = {one["detector"] for one in opinions["provider_compromised"]["reasons"]}
    assert {"stranger_in_mail", "provider_refusal"} <= reasons
    assert len((await _get(up, "/v1/incidents"))["incidents"]) == 1


async def test_a_cut_is_previewed_warned_about_and_applied(up: Up) -> None:
    incident = await suspend(up)
    path = f"/v1/incidents/{incident['id']}/actions/cut_provider"
    # Two providers: cutting one leaves one, and that must have been said.
    status, problem = await _post(up, path, {"step": "apply"})
    assert status == 409
    assert "fewer than two independent routes" in str(problem["detail"])
    status, action = await _post(up, path, {"step": "preview"})
    assert (status, action["state"]) == (200, "proposed")
    assert action["preview"]["needs_person"] is True
    status, action = await _post(up, path, {"step": "apply"})
    assert (status, action["state"]) == (200, "applied")
    assert isinstance(action["result"]["sent_again"], int)
    after = await _get(up, f"/v1/incidents/{incident['id']}")
    assert after["state"] == "contained"
    assert after["contained_at"] is not None
    sent = await up.send(to="after@example.net")
    life = await up.until(sent["id"], "delivered")
    assert [one["provider"] for one in life["attempts"]] == ["postmark"]
    status, action = await _post(up, path, {"step": "undo"})
    assert (status, action["state"]) == (200, "undone")


async def test_the_doors_of_the_api(up: Up) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer mk_guess"}, 401)):
        async with up.session.get(f"{up.url}/v1/incidents", headers=headers) as reply:
            assert reply.status == status
    nowhere = "/v1/incidents/inc_none"
    assert (await _post(up, f"{nowhere}/actions/cut_provider", {"step": "apply"}))[0] == 404
    assert (await _post(up, f"{nowhere}/notes", {"text": "x"}))[0] == 404
    assert (await _post(up, f"{nowhere}/close", {"text": "x"}))[0] == 404
    status, problem = await _post(up, "/v1/incidents/inc_none/actions/x", {"step": "explode"})
    assert (status, problem["field"]) == (422, "step")


class Operator:
    """A browser at the console, without scripts."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self._cookie = ""

    async def get(self, path: str) -> tuple[int, str]:
        async with self.up.session.get(
            f"{self.up.url}{path}", headers=self._headers(), allow_redirects=False
        ) as reply:
            return reply.status, reply.headers.get("Location") or await reply.text()

    async def post(
        self, path: str, headers: dict[str, str] | None = None, **fields: str
    ) -> tuple[int, str]:
        async with self.up.session.post(
            f"{self.up.url}{path}",
            data=fields or {"_": ""},
            headers=self._headers() | (headers or {}),
            allow_redirects=False,
        ) as reply:
            if path.endswith(("/sign-in", "/sign-out")) and reply.status == 303:
                self._cookie = reply.headers["Set-Cookie"]
            return reply.status, reply.headers.get("Location") or await reply.text()

    @property
    def cookie(self) -> str:
        return self._cookie

    def _headers(self) -> dict[str, str]:
        return {"Cookie": self._cookie.partition(";")[0]} if self._cookie else {}


async def _key(up: Up, *scopes: str) -> str:
    """A key for the running process, made as the command makes it."""
    database = Database(f"sqlite:///{up.home / 'mailkeep.db'}", SystemClock())
    async with database.write() as tx:
        key = await api_keys.create(
            tx, KeyRing(up.home), "night shift", scopes, owner="ada", by="test"
        )
    await database.close()
    return key


async def _revoke(up: Up) -> None:
    database = Database(f"sqlite:///{up.home / 'mailkeep.db'}", SystemClock())
    async with database.write() as tx:
        assert await api_keys.revoke(tx, "night shift", by="test") == 1
    await database.close()


async def test_who_may_come_to_the_console(up: Up) -> None:
    browser = Operator(up)
    assert await browser.get("/console") == (303, "/console/sign-in")
    assert await browser.get("/console/incidents/inc_x") == (303, "/console/sign-in")
    assert (await browser.post("/console/sign-in", key="mk_guess"))[0] == 401
    reader = await _key(up, "read")
    assert (await browser.post("/console/sign-in", key=reader))[0] == 403
    await _revoke(up)
    key = await _key(up, "operate")
    foreign = {"Origin": "https://evil.example"}
    assert (await browser.post("/console/sign-in", foreign, key=key))[0] == 403
    assert await browser.post("/console/sign-in", key=key) == (303, "/console")
    for word in ("__Host-operator=", "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word.lower() in browser.cookie.lower()
    assert key not in browser.cookie
    assert "night shift" in (await browser.get("/console"))[1]
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert (await browser.post("/console/incidents/inc_x/notes", cross, text="x"))[0] == 403
    assert (await browser.get("/console/incidents/inc_x"))[0] == 404
    await _revoke(up)
    assert await browser.get("/console") == (303, "/console/sign-in")
    browser._cookie = f"__Host-operator={'A' * 120}"
    assert await browser.get("/console") == (303, "/console/sign-in")


async def test_signing_out_ends_a_cookie_that_was_copied(up: Up) -> None:
    browser, thief, colleague = Operator(up), Operator(up), Operator(up)
    for one in (browser, colleague):
        assert await one.post("/console/sign-in", key=up.key) == (303, "/console")
    thief._cookie = browser.cookie
    assert (await thief.get("/console"))[0] == 200
    foreign = {"Origin": "https://evil.example"}
    assert (await browser.post("/console/sign-out", foreign))[0] == 403
    assert (await thief.get("/console"))[0] == 200
    assert await browser.post("/console/sign-out") == (303, "/console/sign-in")
    for path in ("/console", "/console/incidents/inc_x"):
        assert await thief.get(path) == (303, "/console/sign-in")
    assert await thief.post("/console/incidents/inc_x/notes", text="x") == (303, "/console/sign-in")
    assert (await colleague.get("/console"))[0] == 200
    # Signing out again, or with no cookie at all, is no error.
    assert await thief.post("/console/sign-out") == (303, "/console/sign-in")
    assert await Operator(up).post("/console/sign-out") == (303, "/console/sign-in")


async def test_a_person_cuts_at_the_console_and_a_get_does_nothing(up: Up) -> None:
    incident = await suspend(up)
    browser = Operator(up)
    await browser.post("/console/sign-in", key=up.key)
    page = f"/console/incidents/{incident['id']}"
    _, text = await browser.get(page)
    assert "says that our account there is suspended" in text
    assert "before any evidence" in text
    path = f"{page}/actions/cut_provider"
    before = await _get(up, f"/v1/incidents/{incident['id']}")
    status, text = await browser.get(path)
    assert status == 200
    assert "fewer than two independent routes" in text
    after = await _get(up, f"/v1/incidents/{incident['id']}")
    assert [one["name"] for one in after["actions"]] == [one["name"] for one in before["actions"]]
    seen = re.search(r'name="seen" value="(\w+)"', text)
    assert seen is not None
    # Dangerous: it is asked about once more, and nothing has happened yet.
    status, text = await browser.post(path, step="apply", seen=seen[1])
    assert (status, "Really do it" in text) == (200, True)
    assert (await _get(up, f"/v1/incidents/{incident['id']}"))["state"] == "open"
    status, text = await browser.post(path, step="apply", sure="yes", seen="not what was shown")
    assert (status, "look at the preview first" in text.lower()) == (409, True)
    assert await browser.post(path, step="apply", sure="yes", seen=seen[1]) == (303, page)
    assert (await _get(up, f"/v1/incidents/{incident['id']}"))["state"] == "contained"
    hostile = "<script>alert(1)</script>"
    assert await browser.post(f"{page}/notes", text=hostile) == (303, page)
    _, text = await browser.get(page)
    assert hostile not in text
    assert "&lt;script&gt;" in text
    assert await browser.post(path, step="undo", sure="yes") == (303, page)
    assert (await browser.post(f"{page}/close"))[0] == 200
    assert await browser.post(f"{page}/close", sure="yes", text="over") == (303, page)
    after = await _get(up, f"/v1/incidents/{incident['id']}")
    assert after["state"] == "closed"
    assert (await browser.post(f"{page}/close", sure="yes", text="over"))[0] == 409


async def test_the_commands_tell_the_same(up: Up) -> None:
    incident = await suspend(up)
    listed = await _run(up, "incidents")
    assert incident["id"] in listed
    assert "mandrill" in listed
    shown = await _run(up, "incidents", "show", incident["id"])
    assert incident["headline"] in shown
    assert "provider_refusal" in shown
    assert "Nothing waits that should have left" in shown


async def _run(up: Up, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        *(*words, "--home", str(up.home)),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300"},
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_the_page_is_live_and_nothing_is_inaccessible(up: Up) -> None:
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import async_playwright, expect

    incident = await suspend(up)
    case = f"/console/incidents/{incident['id']}"
    moved = ("cutover", "now", "mandrill", "postmark", "--reason", "it suspended us")
    assert "postmark carries" in await _run(up, *moved)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for width, scheme in ((390, "dark"), (1280, "light")):
            context = await browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            page = await context.new_page()
            await page.goto(f"{up.url}/console")
            await page.get_by_label("API key").fill(up.key)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/console")
            await page.locator(".cases a").first.click()
            await expect(
                page.get_by_text("Live: this page keeps itself up to date.")
            ).to_be_visible()
            path = f"/v1/incidents/{incident['id']}/notes"
            assert (await _post(up, path, {"text": f"seen at {width}"}))[0] == 201
            await expect(page.locator("#timeline")).to_contain_text(f"seen at {width}")
            await expect(page.get_by_role("status")).to_contain_text(f"seen at {width}")
            wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            for leaf in (case, f"{case}/actions/cut_provider", "/console/cutover"):
                await page.goto(f"{up.url}{leaf}")
                assert await page.evaluate(wide)
                await expect(page.locator(".places [aria-current]")).to_be_in_viewport(ratio=1)
                found = await Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
            await page.goto(f"{up.url}{case}/report")
            seen = "cell => cell.getBoundingClientRect().right <= innerWidth + 1"
            assert await page.evaluate(f"[...document.querySelectorAll('td')].every({seen})")
            await context.close()
        await browser.close()

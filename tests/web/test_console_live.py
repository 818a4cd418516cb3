"""The console in a real browser. The page of an incident while others act: what it shows is
current, and what a person types, has unfolded or has the focus on is left alone. And a provider is
left by keyboard."""

import asyncio
import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from playwright.async_api import Page, Request, expect

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import DAY
from mailkeep.events import log
from mailkeep.events.types import Recorded
from mailkeep.http import server
from mailkeep.incidents import queries as incidents
from mailkeep.mail import api_keys
from mailkeep.store.migrate import upgrade
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, provider_subject

from .mailbox import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")


NAMES = ("one", "two", "three")


class Live:
    """An incident, Ada's page of it, and what Bob does meanwhile."""

    def __init__(self, page: Page, incident: str, key: str) -> None:
        self.page, self.incident = page, incident
        self._sent = {"Authorization": f"Bearer {key}"}

    async def bob(self, what: str, body: object = None) -> None:
        path = f"/v1/incidents/{self.incident}/{what}"
        await self.page.context.request.post(path, headers=self._sent, data=body)

    async def focused(self) -> str:
        return str(await self.page.evaluate("document.activeElement.id"))


def _settings(url: str) -> app_settings.Settings:
    routes = [{"provider": name} for name in NAMES]
    return app_settings.parse(
        {
            "public_url": url,
            "party": [{"id": name} for name in NAMES],
            "provider": [
                {"name": name, "kind": "postmark", "party": name, "secret": "env:KEY"}
                for name in NAMES
            ],
            "stream": [
                {"name": name, "priority": at, "routes": routes, "secret": at < 2}
                for at, name in enumerate(("recovery", "confirmation", "security", "alert"))
            ],
            "recovery": {"sender": "us@example.com"},
        }
    )


async def _incident(running: Application) -> str:
    """Mail to a honey address that only ``one`` was given."""
    async with running.database.write() as tx:
        whole = {Hypothesis.PROVIDER_COMPROMISED: 9.0}
        signal = Signal(
            *("honey_hit", Family.BAIT, provider_subject("one"), whole, tx.now, "honey says so"),
            *((), True, Forger.NOBODY, 1800.0, tx.now + DAY),
        )
        await log.record(running.database, tx, SignalRaised(signal=signal))
    await log.Relay(running.database, "one").place()
    async with running.database.write() as tx:
        raised = SignalRaised(signal=signal)
        await running.incidents.on_signal(tx, Recorded("evt_x", 1, 0, 0, raised))
        (found,) = await incidents.live(tx)
    return found.id


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    config = uvicorn.Config(_nothing, host="127.0.0.1", port=0, log_level="error")
    listener = config.bind_socket()
    url = f"http://localhost:{listener.getsockname()[1]}"
    running = Application(_settings(url), tmp_path / "home", environ={"KEY": "x"})
    await upgrade(running.database)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    quiet = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(quiet)
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    async with running.database.write() as tx:
        ada, bob = [
            await api_keys.create(
                tx, running.keys, name, ["read", "operate"], owner=name, by="test"
            )
            for name in ("ada", "bob")
        ]
    incident = await _incident(running)
    async with browser() as launched:
        context = await launched.new_context(base_url=url, viewport={"width": 390, "height": 800})
        page = await context.new_page()
        await page.goto("/console/sign-in")
        await page.get_by_label("API key").fill(ada)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console")
        await page.goto(f"/console/incidents/{incident}")
        yield Live(page, incident, bob)
    serving.should_exit = True
    await task
    await running.database.close()


async def _nothing(*_: object) -> None:
    """Stands in until there is an application: its address is needed to make it."""


async def test_all_that_changes_comes_and_what_a_person_types_stays(live: Live) -> None:
    expect.set_options(timeout=30_000)  # on a machine that does other things too
    page = live.page
    await expect(page.get_by_role("status")).to_contain_text("Live")
    top, jumps = page.locator("#top"), page.locator("#jumps")
    await expect(jumps).to_contain_text("To decide (0)")
    await page.locator("#track-security > summary").click()
    note = page.get_by_label("Note", exact=True)
    await note.fill("half a sentence")
    await note.evaluate("one => one.setSelectionRange(2, 6)")
    asked: list[Request] = []

    def heard(one: Request) -> None:
        asked.append(one)

    page.on("request", heard)
    await live.bob("take")
    await expect(top).to_contain_text("bob sees to it")
    itself = [one for one in asked if one.url == page.url]
    assert itself
    assert {one.headers.get("mailkeep-live") for one in itself} == {"yes"}, "nobody asked for it"
    await live.bob("actions/cut_provider", {"step": "preview"})
    await expect(jumps).to_contain_text("To decide (1)")
    await expect(top.get_by_role("link", name="Next: ")).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("Next: ")
    await expect(page.locator("#offer-cut_provider")).to_contain_text("proposed")
    await live.bob("actions/cut_provider", {"step": "apply"})
    await expect(top).to_contain_text("Approve or refuse: ")
    assert await live.focused() == "text"
    assert await note.input_value() == "half a sentence"
    assert await note.evaluate("one => [one.selectionStart, one.selectionEnd]") == [2, 6]
    assert await page.locator("#track-security").evaluate("one => one.open")
    # It is closed under their hands: what they wrote is theirs, and comes back when it is refused.
    await live.bob("close", {"text": "over"})
    await expect(top).to_contain_text("Closed")
    await expect(page.get_by_role("button", name="Close this incident …")).to_have_count(0)
    assert await note.input_value() == "half a sentence"
    assert await live.focused() == "text"


async def test_what_had_the_focus_and_is_gone_gives_it_to_what_is_around(live: Live) -> None:
    expect.set_options(timeout=30_000)
    page = live.page
    await expect(page.get_by_role("status")).to_contain_text("Live")
    await page.get_by_role("button", name="I see to it").focus()
    await live.bob("take")
    await expect(page.get_by_role("button", name="I see to it")).to_have_count(0)
    await expect(page.locator("#top")).to_be_focused()


async def test_what_happened_while_the_stream_was_broken_comes_with_it(live: Live) -> None:
    """Between a page and its stream, and while there is none, nothing is missed."""
    expect.set_options(timeout=30_000)
    page = live.page
    await page.route("**/news", lambda route: route.abort())
    await page.reload()
    await expect(page.get_by_role("status")).to_contain_text(re.compile("Not connected|No longer"))
    await live.bob("take")
    await page.unroute("**/news")
    await expect(page.locator("#top")).to_contain_text("bob sees to it")


async def test_a_provider_is_left_by_keyboard_on_a_phone_and_at_a_desk(live: Live) -> None:
    expect.set_options(timeout=30_000)
    page = live.page
    path = "/console/providers/two/leave"

    async def fine() -> None:
        for width, scheme in ((390, "dark"), (1280, "light")):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.emulate_media(color_scheme=scheme)
            wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert await page.evaluate(wide)
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()

    await page.goto(path)
    await fine()
    await page.get_by_label("Why").focus()
    await page.keyboard.type("their own page says so")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Really leave two")
    await fine()
    await page.locator("main button.danger").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("two is being left")
    await expect(page.get_by_text("a second one is to confirm it")).to_be_visible()
    # What is seen not to be done is refused where it was said, with what was typed.
    for item in ("routes", "archives"):
        folded = page.locator("li", has=page.get_by_text(item, exact=True)).locator("summary")
        await folded.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Carla")
        await page.keyboard.press("Enter")
        if item == "routes":
            await expect(page.get_by_role("alert")).to_contain_text("give two a route")
            await expect(page.get_by_role("alert")).to_be_focused()
            await expect(page.locator("#note-routes")).to_have_value("Carla")
            await fine()
    await expect(page.get_by_text("On a person's word")).to_be_visible()
    await fine()

"""The picture of 300 parties in a real browser: readable, by click, by keyboard, in words."""

import asyncio
import importlib.util
import re
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest
import uvicorn
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from playwright.async_api import Page, expect

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.http import server
from mailkeep.mail import api_keys
from mailkeep.store.migrate import upgrade

from .mailbox import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")

PARTIES, TIES = 300, 3000
#: A small corner of it that is tied to nobody else, so that not everybody falls with everybody.
CORNER: list[dict[str, object]] = [
    {"id": "post", "name": "Corner Post", "kind": "mail", "administered_by": ["carol"]},
    {"id": "carol", "name": "Carol", "kind": "person"},
]
NAMES = ("main", "second")
#: Mailkeep's own: its process, database, key files and backups, two secrets and a key.
OURS = 7


def _crowd() -> ModuleType:
    where = Path(__file__).parents[1] / "unit" / "posture" / "crowd.py"
    spec = importlib.util.spec_from_file_location("crowd", where)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def _settings(url: str) -> app_settings.Settings:
    routes = [{"provider": name} for name in NAMES]
    return app_settings.parse(
        {
            "public_url": url,
            "party": [*_crowd().tables(PARTIES - len(CORNER), TIES), *CORNER],
            "provider": [
                {"name": name, "kind": kind, "party": party, "secret": "env:KEY"}
                for name, kind, party in (
                    ("main", "mandrill", "party-0"),
                    ("second", "postmark", "post"),
                )
            ],
            "stream": [
                {"name": name, "priority": at, "routes": routes, "secret": at < 2}
                for at, name in enumerate(("recovery", "confirmation", "security", "alert"))
            ],
            "recovery": {"sender": "us@example.com"},
        }
    )


@asynccontextmanager
async def _house(home: Path) -> AsyncIterator[tuple[str, str]]:
    """A house without its loops, in this process: (its address, a key for the console)."""
    config = uvicorn.Config(_nothing, host="127.0.0.1", port=0, log_level="error")
    listener = config.bind_socket()
    url = f"http://localhost:{listener.getsockname()[1]}"
    running = Application(_settings(url), home, environ={"KEY": "x"})
    await upgrade(running.database)
    async with running.database.write() as tx:
        key = await api_keys.create(tx, running.keys, "desk", ["operate"], by="test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    serving = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    try:
        yield url, key
    finally:
        serving.should_exit = True
        await task
        await running.database.close()


async def _nothing(*_: object) -> None:
    """Stands in until there is an application: its address is needed to make it."""


Open = Callable[..., Awaitable[Page]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the first page of the chain of trust for who is signed in, with options of a browser's
    context."""
    async with _house(tmp_path / "home") as (url, key), browser() as launched:

        async def open_(**options: object) -> Page:
            context = await launched.new_context(base_url=url, **options)
            page = await context.new_page()
            await page.goto("/console/sign-in")
            await page.get_by_label("API key").fill(key)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/console")
            await page.goto("/console/trust")
            await expect(page.locator("svg a")).to_have_count(PARTIES + OURS)
            return page

        yield open_


async def _quiet(page: Page) -> None:
    from axe_playwright_python.async_playwright import Axe

    found = await Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


#: Boxes that lie upon another one, words that are wider than their box, boxes outside the picture.
UNREADABLE = """() => {
  const svg = document.querySelector("#canvas svg");
  const whole = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll(".box")].map((box) => ({
    name: box.querySelector("title").textContent,
    at: box.querySelector("rect").getBoundingClientRect(),
    text: box.querySelector("text").getBoundingClientRect(),
  }));
  const found = [];
  boxes.forEach(({name, at, text}, one) => {
    if (text.left < at.left || text.right > at.right) found.push(`too wide: ${name}`);
    if (at.left < whole.left || at.right > whole.right + 1 || at.bottom > whole.bottom + 1)
      found.push(`outside: ${name}`);
    for (const other of boxes.slice(one + 1)) {
      const apart = other.at.left >= at.right || other.at.right <= at.left
        || other.at.top >= at.bottom || other.at.bottom <= at.top;
      if (!apart) found.push(`upon each other: ${name}, ${other.name}`);
    }
  });
  return found;
}"""


async def test_300_parties_can_be_read(opened: Open) -> None:
    for width, scheme in ((390, "dark"), (1280, "light")):
        page = await opened(viewport={"width": width, "height": 820}, color_scheme=scheme)
        assert await page.evaluate(UNREADABLE) == []
        across = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(across) <= 0  # the picture scrolls, the page does not
        canvas, svg = page.locator("#canvas"), page.locator("#canvas svg")
        inside = await canvas.evaluate("one => one.clientWidth")
        first = (await svg.bounding_box() or {})["width"]
        assert first > inside
        await page.get_by_role("button", name="All of it").click()
        assert (await svg.bounding_box() or {})["width"] <= inside
        for _ in range(12):
            await page.get_by_role("button", name="Larger").click()
        assert (await svg.bounding_box() or {})["width"] >= first
        assert await page.evaluate(UNREADABLE) == []
        await _quiet(page)
        await page.goto("/console/trust?party=carol")
        await _quiet(page)
        assert await page.evaluate(across) <= 0


async def test_what_falls_is_asked_by_click_by_keyboard_and_without_scripts(opened: Open) -> None:
    await _by_click(await opened())
    await _by_keyboard(await opened())
    await _without_scripts(await opened(java_script_enabled=False))


async def _by_click(page: Page) -> None:
    """And what the picture shows stands beside it in words."""
    box = page.get_by_role("link", name="Corner Post (mail): administered by Carol", exact=False)
    await box.focus()  # as under the pointer
    await expect(page.locator(".tie.near")).to_have_count(1 + 4)  # Carol, and its streams
    await expect(page.locator(".box.near")).to_have_count(1 + 1 + 4)
    await box.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("If Corner Post falls")
    # In the picture.
    fallen = page.get_by_role("link", name=re.compile("^Falls: "))
    await expect(fallen).to_have_count(1)
    await expect(fallen).to_have_attribute("aria-current", "true")
    red = page.locator(".box.stream.falls title")
    streams = [one.partition(" ")[0] for one in await red.all_text_contents()]
    assert sorted(streams) == ["alert", "confirmation", "recovery", "security"]
    # Beside it, for who does not see the picture.
    mail = page.get_by_role("region", name="Mail and recovery")
    for stream in streams:
        await expect(mail).to_contain_text(f"{stream} is still carried by main")
    ties = page.get_by_role("region", name="Ties")
    await expect(ties).to_contain_text("Corner Post is administered by Carol.")
    could = page.get_by_role("region", name="What it could do")
    path = could.get_by_text("reads mail of recovery that goes through second")
    await path.click()
    await expect(could).to_contain_text("mail of this stream goes through Corner Post")
    await ties.get_by_role("link", name="Carol").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("If Carol falls")
    await expect(page.get_by_role("region", name="Ties")).to_contain_text(
        "Carol is tied to nobody. It stands behind Corner Post."
    )
    await expect(fallen).to_have_count(2)  # she, and whom she administers


async def _by_keyboard(page: Page) -> None:
    focused = "document.activeElement.getAttribute('aria-label')"
    inside = "document.activeElement.closest('svg a') !== null"
    await page.locator("#canvas").focus()
    await page.keyboard.press("Tab")
    assert await page.evaluate(inside)
    start = await page.evaluate(focused)
    await page.keyboard.press("ArrowDown")
    below = await page.evaluate(focused)
    assert below != start
    await page.keyboard.press("ArrowUp")
    assert await page.evaluate(focused) == start
    await page.keyboard.press("ArrowRight")
    beside = await page.evaluate(focused)
    assert beside not in {start, below}
    shown = "getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth"
    assert await page.evaluate(shown) == "4px"
    await page.keyboard.press("Tab")  # one stop, not 300: the next one is past the picture
    assert not await page.evaluate(inside)
    await page.keyboard.press("Shift+Tab")
    assert await page.evaluate(focused) == beside
    await page.keyboard.press("Enter")
    name = beside.partition(" (")[0]
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"If {name} falls")
    await page.get_by_label("Party", exact=True).focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("post,party-0")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile("If .*Corner Post.* fall$")
    )
    await page.get_by_role("link", name="Past the picture").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#text")).to_be_focused()


async def _without_scripts(page: Page) -> None:
    await expect(page.locator("#zoom")).to_be_hidden()
    await expect(page.locator("svg a[tabindex]")).to_have_count(0)
    await page.get_by_label("Party", exact=True).fill("carol")
    await page.get_by_role("button", name="What falls?").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("If Carol falls")

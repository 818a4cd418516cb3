"""Take the pictures of the console that the documents show, of a house in which much has happened.

Usage: ``python scripts/console_pictures.py`` writes ``docs/pictures/console-*.png``. With
``--all DIR`` it writes every page, wide and narrow, light and dark, and says what axe finds.
Needs Debian's chromium.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import re
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import ModuleType

import uvicorn
from axe_playwright_python.async_playwright import Axe
from litestar import Litestar
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from playwright.async_api import Page, async_playwright
from sqlalchemy import insert

from mailkeep.accounts import opening
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.base.ids import new_id
from mailkeep.cutover import tables as cutover
from mailkeep.cutover.checklist import How, checklist
from mailkeep.events import log
from mailkeep.http import server
from mailkeep.http.console.operator import NEEDS
from mailkeep.incidents.answers import Answers
from mailkeep.incidents.types import IncidentSettings
from mailkeep.mail import api_keys, bodies
from mailkeep.store.migrate import upgrade
from mailkeep.watch import tables
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.received import once
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, provider_subject

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SHOWN = ("overview", "incident", "provider", "factors", "trust-fall")  #: in the documents
PROVIDERS = ["mandrill", "postmark"]
PARTIES = [
    {"id": "mandrill", "known": "mailchimp-transactional", "administered_by": ["alice"]},
    {"id": "postmark"},
    {"id": "alice", "name": "Alice", "kind": "person"},
    {"id": "gmail", "known": "google-workspace", "serves": ["gmail.com"]},
    {"id": "cloudflare", "serves": ["example.com"]},
    {"id": "namecheap", "serves": ["example.com"], "administered_by": ["alice"]},
    {"id": "mailkeep", "runs_on": ["aws"]},
]
NOTES = {
    "keys": "postmark says that it refuses our key; of others nothing is seen; Carla",
    "dns.1": "a person's word: its name is not known, or another provider needs it too; Carla",
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def _crowd() -> ModuleType:
    where = ROOT / "tests" / "rooms" / "http" / "crowd.py"
    spec = importlib.util.spec_from_file_location("crowd", where)
    if spec is None or spec.loader is None:
        raise ImportError(str(where))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def _settings(url: str) -> app_settings.Settings:
    routes = [{"provider": name} for name in PROVIDERS]
    names = ("recovery", "confirmation", "security", "alert", "bulk")
    return app_settings.parse(
        {
            "public_url": url,
            "party": PARTIES,
            "provider": [
                {"name": name, "kind": name, "party": name, "secret": "env:KEY"}
                for name in PROVIDERS
            ],
            "stream": [
                {"name": name, "priority": at, "routes": routes, "secret": at < 2}
                for at, name in enumerate(names)
            ],
            "recovery": {"sender": "us@example.com"},
        }
    )


@contextlib.asynccontextmanager
async def house() -> AsyncIterator[tuple[str, str, dict[str, str]]]:
    """(its address, an API key, the path of each page by name)"""
    with tempfile.TemporaryDirectory() as home:
        config = uvicorn.Config(_nothing, host="127.0.0.1", port=0, log_level="error")
        listener = config.bind_socket()
        url = f"http://localhost:{listener.getsockname()[1]}"
        running = Application(_settings(url), Path(home), environ={"KEY": "x"})
        await upgrade(running.database)
        crowd = await _crowd().fill(
            running.database, running.keys, PROVIDERS, messages=2000, recoveries=400, incidents_=8
        )
        await _signs(running)
        await leave(running)
        await Answers(running.database, running.incidents.house, IncidentSettings()).step()
        async with running.database.write() as tx:
            key = await api_keys.create(
                tx, running.keys, "Ada, night shift", ["operate"], owner="ada", by="x"
            )
            who = (await api_keys.listing(tx))[0].id
            for what, of in (
                (opening.ACCOUNT, crowd.account),
                (opening.RECOVERY, crowd.recovery),
            ):
                await opening.open_(tx, what, of, by=who, reason="ticket 4711")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LitestarDeprecationWarning)
            config.loaded_app = config.app = app = server.create(running)
        if missed := forgotten(app, _paths(crowd).values()):
            raise LookupError(f"no path to {', '.join(missed)}")
        quiet = uvicorn.Config(
            config.app, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        serving = uvicorn.Server(quiet)
        task = asyncio.create_task(serving.serve(sockets=[listener]))
        yield url, key, _paths(crowd)
        serving.should_exit = True
        await task
        await running.database.close()


async def _signs(running: Application) -> None:
    """Signs that open nothing, what others told, and what an open incident makes of a provider."""
    async with running.database.write() as tx:
        await bodies.doubt(tx, PROVIDERS[:1])
        about = provider_subject("postmark")
        whole = {Hypothesis.PROVIDER_COMPROMISED: 6.5}
        words = "mail of others came to 1 address(es) that only postmark was given"
        facts = (new_id("evt", tx.now - HOUR),)
        more = (True, Forger.NOBODY, 86_400.0, tx.now + DAY)
        signal = Signal("honey_hit", Family.BAIT, about, whole, tx.now, words, facts, *more)
        await log.record(running.database, tx, SignalRaised(signal=signal))
        days = {"begins": tx.now // SECOND - 90_000, "ends": tx.now // SECOND - 3_600}
        whose = {"reporter": "google.com", "believed": True, "domain": "example.com"}
        await once(tx, id="x", kind="dmarc", **whose, **days, total=8121, failed=14)
        name = {"name": "examp1e.com", "domain": "example.com", "way": "homoglyph", "place": 0}
        seen = {
            "mx": True,
            "address": False,
            "fresh": True,
            "checked_at": tx.now,
            "seen_at": tx.now,
        }
        await tx.run(insert(tables.lookalikes).values(**name, **seen))


async def leave(running: Application) -> None:
    """One that is being left for ten days, and on whose list two are ticked off."""
    name, by = PROVIDERS[1], "uid:0"
    async with running.database.write() as tx:
        began = tx.now - 10 * DAY
        known = await running.ticking.known(tx, name)
        row = {"id": new_id("off", began), "provider": name, "hostile": False, "by": by}
        await tx.run(insert(cutover.offboardings).values(**row, started_at=began))
        for place, one in enumerate(checklist(known, began, hostile=False)):
            done = (
                tx.now - DAY if one.how is not How.HAND or one.name in {"keys", "dns.1"} else None
            )
            item = {"offboarding_id": row["id"], "name": one.name, "how": one.how.value}
            item |= {"place": place, "text": one.text, "due_at": one.due_at, "done_at": done}
            item |= {"done_by": by, "note": NOTES.get(one.name, "")}
            await tx.run(insert(cutover.offboarding_items).values(**item))


async def _nothing(*_: object) -> None:
    """Stands in until there is an application: its address is needed to make it."""


def _paths(crowd: object) -> dict[str, str]:
    of = {name: getattr(crowd, name) for name in ("incident", "message", "account", "recovery")}
    return {
        "overview": "",
        "incidents": "/incidents",
        "incident": f"/incidents/{of['incident']}",
        "action": f"/incidents/{of['incident']}/actions/cut_provider",
        "report": f"/incidents/{of['incident']}/report",
        "timeline": f"/incidents/{of['incident']}/timeline",
        "exposed": f"/incidents/{of['incident']}/exposed",
        "notices": f"/incidents/{of['incident']}/notices",
        "touched": f"/incidents/{of['incident']}/accounts",
        "suspicions": "/suspicions",
        "reports": "/reports",
        "messages": "/messages",
        "message": f"/messages/{of['message']}",
        "providers": "/providers",
        "provider": f"/providers/{PROVIDERS[0]}",
        "cut": f"/providers/{PROVIDERS[0]}/cut",
        "leave": f"/providers/{PROVIDERS[0]}/leave",
        "left": f"/providers/{PROVIDERS[1]}/leave",
        "cutover": "/cutover",
        "trust": "/trust",
        "trust-fall": "/trust?party=alice",
        "trust-changes": "/trust/changes",
        "trust-model": "/trust/model",
        "trust-model.md": "/trust/model.md",
        "trust-models": "/trust/models",
        "recoveries": "/recoveries",
        "recovery": f"/recoveries/{of['recovery']}",
        "accounts": "/accounts",
        "account": f"/accounts/{of['account']}",
        "claims": "/claims",
        "factors": "/factors",
        "audit": "/audit?check=yes",
        "settings": "/settings",
    }


def forgotten(app: Litestar, paths: Iterable[str]) -> list[str]:
    """The pages of the console that none of these paths leads to, as their routes say them."""
    pages = {
        path: re.compile(re.sub(r"\{\w+:str\}", "[^/]+", path))
        for path, methods in app.route_handler_method_map.items()
        if path.startswith("/console") and "GET" in methods
        if NEEDS in methods["GET"].opt and not path.endswith("/news")
    }
    left = set(pages)
    for one in paths:
        whole = f"/console{one}".partition("?")[0]
        fits = [path for path, pattern in pages.items() if pattern.fullmatch(whole)]
        left.discard(min(fits, key=lambda path: path.count("{"), default=""))
    return sorted(left)


async def _take(page: Page, url: str, path: str, file: Path, *, whole: bool) -> None:
    await page.goto(f"{url}/console{path}")
    await page.screenshot(path=file, full_page=whole)


async def main(everything: Path | None, only: list[str]) -> int:
    """Take them; returns how many violations axe found."""
    chromium = shutil.which("chromium")
    found = 0
    async with house() as (url, key, paths), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        looks = [(1280, "light")]
        if everything is not None:
            looks = [(wide, scheme) for wide in (1280, 390) for scheme in ("light", "dark")]
        for wide, scheme in looks:
            context = await browser.new_context(
                viewport={"width": wide, "height": 820},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await context.new_page()
            await page.goto(f"{url}/console/sign-in")
            await page.get_by_label("API key").fill(key)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/console")
            for name, path in paths.items():
                chosen = not only or name in only
                if everything is None and name in SHOWN and chosen:
                    await _take(page, url, path, PICTURES / f"console-{name}.png", whole=False)
                if everything is None or not chosen or path.endswith(".md"):
                    continue
                file = everything / f"{name}-{wide}-{scheme}.png"
                await _take(page, url, path, file, whole=True)
                across = "document.documentElement.scrollWidth"
                if await page.evaluate(f"{across} > document.documentElement.clientWidth"):
                    print(f"{name} {wide}: wider than the window")
                for one in (await Axe().run(page)).response["violations"]:
                    found += 1
                    nodes = [node["html"][:160] for node in one["nodes"][:3]]
                    print(f"{name} {wide} {scheme}: {one['id']}: {one['help']}: {nodes}")
            await context.close()
        await browser.close()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", type=Path, help="every page, into this directory")
    parser.add_argument("--only", action="append", default=[], help="these pages alone")
    given = parser.parse_args()
    if given.all is not None:
        given.all.mkdir(parents=True, exist_ok=True)
    raise SystemExit(1 if asyncio.run(main(given.all, given.only)) else 0)

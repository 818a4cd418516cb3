"""Attacks of the matrix outside of account pages: webhooks, the API, a stolen database, an
operator's key."""

import re
import sqlite3
from pathlib import Path

import aiohttp

from mailkeep_drill.browser import Browser
from mailkeep_drill.systems.base import System
from mailkeep_drill.systems.delegated import Delegated
from mailkeep_drill.systems.mailkeep import Mailkeep

from .thief import Thief
from .victims import Victim
from .words import Can

_USERS = 20  #: names of users that are tried: a site counts them up from 1
_ENOUGH = 150  #: stored texts that are tried as cookies, links and codes
_TOKEN = re.compile(r"[0-9A-Za-z_.:$/+=-]{16,200}")


async def work(
    can: frozenset[Can], system: System, home: Path, victim: Victim, thief: Thief
) -> str:
    """Use what is in ``can`` of these; what a door shows goes into what the thief tries.

    Returns:
        how it took the account, where a door alone did; "" otherwise.
    """
    if Can.WEBHOOKS in can:
        await _forge(system, victim)
    if Can.SENDS_A in can:
        await _send(system, victim)
    if isinstance(system, Mailkeep):
        await _keys(can, system, victim, thief)
    elif isinstance(system, Delegated) and Can.API_KEY in can:
        await _register(system, thief)
    elif isinstance(system, Delegated) and Can.OPERATOR in can:
        await _operate(system.mailkeep)
    if Can.DATABASE not in can:
        return ""
    # The dump is Mailkeep's: what a site keeps in its own is the site's to guard.
    theirs = home / "site" if isinstance(system, Delegated) else None
    return await _try_dump(dump(home, without=theirs), victim, thief)


async def _keys(can: frozenset[Can], system: Mailkeep, victim: Victim, thief: Thief) -> None:
    if Can.API_KEY in can:
        await _ask_api(system, victim, thief, ("send", "read"))
    if Can.OPERATOR in can:
        await _ask_api(system, victim, thief, ("send", "read", "operate"))
        await _operate(system)


async def _register(system: Delegated, thief: Thief) -> None:
    """Put an address of theirs in the place of the owner's: the key may, and it is held."""
    headers = {"Authorization": f"Bearer {system.key_of_application}"}
    body = {"addresses": [thief.mailbox], "factor": "none"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for subject in range(1, _USERS + 1):
            url = f"{system.mailkeep.url}/v1/subjects/{subject}"
            async with http.get(url) as reply:
                theirs = reply.status == 200 and thief.victim.address in await reply.text()
            if theirs:
                async with http.put(url, json=body) as reply:
                    thief.planted = reply.status < 300


async def _forge(system: System, victim: Victim) -> None:
    """Say of the owner's mail that it bounced, was complained of and unsubscribed, truly signed."""
    events: list[dict[str, object]] = [
        {"event": event, "recipient": victim.address, "id": f"forged-{event}"}
        for event in ("bounced", "complained", "unsubscribed", "rejected")
    ]
    await system.providers["A"].tell(events)


async def _send(system: System, victim: Victim) -> None:
    """Write to the owner from inside the provider, as us."""
    await system.providers["A"].inject(
        sender="no-reply@shop.example",
        to=victim.address,
        subject="Reset your password",
        text="Type your code at http://127.0.0.1:9/recover/proof",
    )


async def _ask_api(system: Mailkeep, victim: Victim, thief: Thief, scopes: tuple[str, ...]) -> None:
    """Read all that a key may read; start what it may start; scan every answer for secrets."""
    key = await system.new_key(*scopes)
    loot = await thief.eyes.look(*victim.addresses)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        mail = {
            "stream": "recovery",
            "from": "no-reply@shop.example",
            "to": victim.address,
            "subject": "x",
            "text": "x",
        }
        for method, path, body in (
            ("POST", "/v1/messages", mail),
            ("POST", "/v1/recoveries", {"address": victim.address}),
            ("GET", f"/v1/messages?to={victim.address}", None),
        ):
            async with http.request(method, f"{system.url}{path}", json=body) as reply:
                text = await reply.text()
                loot.scan(text)
                for one in re.findall(r'"id":"(msg_\w+)"', text):
                    async with http.get(f"{system.url}/v1/messages/{one}") as whole:
                        loot.scan(await whole.text())


async def _operate(system: Mailkeep) -> None:
    """Apply every action that any incident offers, as one person: a second one is no thief."""
    for incident in await system.incidents():
        for action in incident["actions"]:
            await system.act(incident["id"], action["name"], alone=True)


async def _try_dump(texts: list[str], victim: Victim, thief: Thief) -> str:
    """Try what stands in the database as a session and as the secret of a link."""
    loot = await thief.eyes.look(*victim.addresses)
    for text in texts[-_ENOUGH:]:
        browser = Browser(thief.url, thief.source)
        browser.cookies.update(dict.fromkeys(("__Host-session", "sessionid"), text))
        if await thief.inside(browser):
            return "a session stands in the database as the browser shows it"
        loot.links += [(path, text) for path in thief.proofs]
    return ""


def dump(home: Path, *, without: Path | None = None) -> list[str]:
    """Every text in a copy of the database that might be a secret, oldest first.

    Args:
        without: a directory below it that is left out.
    """
    found: dict[str, None] = {}
    for file in sorted([*home.rglob("*.db"), *home.rglob("*.sqlite3")]):
        if without is not None and file.is_relative_to(without):
            continue
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in tables.fetchall():
                for row in database.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
                    for cell in row:
                        text = cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)
                        found.update((one, None) for one in _TOKEN.findall(text))
    return list(found)

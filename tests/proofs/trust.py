"""The rules of the chain of trust against an attacker who knows none, and the time that they take;
the console's page over very many accounts.

``python tests/proofs/trust.py [ACCOUNTS]`` prints its report; ``make prove`` keeps it. No service
is started, and what is timed is the processor's time of this process.
"""

import asyncio
import gc
import importlib
import random
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORLDS = 1000
PARTIES, TIES = 300, 3000
GOAL_SECONDS = 2.0
ACCOUNTS = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1_000_000
PAGE_SECONDS = 0.2
DOMAINS = ("gmail.com", "outlook.com", "corner.example", "x.test", "y.test")


def main() -> int:
    sys.path.insert(0, str(ROOT))
    test = importlib.import_module("tests.unit.trust.test_reach")
    crowd = importlib.import_module("tests.unit.posture.crowd")
    reach = importlib.import_module("mailkeep.trust.reach")
    rules = importlib.import_module("mailkeep.trust.rules")
    began = time.process_time()
    wrong = []
    for seed in range(WORLDS):
        try:
            test.check(test.random_world(random.Random(seed)), random.Random(seed))
        except AssertionError as error:
            wrong.append(f"system {seed}: {error}")
    tried = time.process_time() - began
    world = crowd.large(PARTIES, TIES)
    began = time.process_time()
    engine = reach.Engine(rules.ground(world))
    words = 0
    for party in world.parties:
        words += len(engine.reach([party]))
    every = time.process_time() - began
    falls, found = _falls(crowd.tables(PARTIES, TIES))
    sizes, engine, world = (len(engine.rules), words), None, None
    # A process that serves does as much when it starts (``cli.serve``): else the pages pay for what
    # the first half of this has left.
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as home:
        counting, first, later = asyncio.run(_pages(Path(home), crowd.tables(PARTIES, TIES)))
    print("# The chain of trust")
    print()
    print("| what | came to | goal |")
    print("|---|---|---|")
    print(f"| random systems in which rules and attacker differ | {len(wrong)} of {WORLDS} | 0 |")
    print(f"| processor time of it | {tried:.0f} s | - |")
    print(
        f"| what follows from each of {PARTIES} parties with {TIES} ties, {sizes[0]} rules,"
        f" {sizes[1]} capabilities | {every:.2f} s | - |"
    )
    print(
        f"| what falls with each of them, in full: {len(found.world.groups)} groups of accounts,"
        f" {len(found.world.pairs)} pair of routes, {len(found.rules)} rules, every path in words"
        f" | {falls:.2f} s | {GOAL_SECONDS:.0f} s |"
    )
    print(f"| {ACCOUNTS} accounts and what they were sent, counted | {counting:.1f} s | - |")
    print(f"| the first page after that, {PARTIES} parties | {first * 1000:.0f} ms | - |")
    print(
        f"| each further page, the dearest of them | {later * 1000:.0f} ms"
        f" | {PAGE_SECONDS * 1000:.0f} ms |"
    )
    for one in wrong[:5]:
        print(f"\n- {one}")
    return 1 if wrong or falls > GOAL_SECONDS or later > PAGE_SECONDS else 0


def _falls(parties: list[dict[str, object]]) -> tuple[float, Any]:
    """Processor seconds of every party's fall as a page and the shell tell it: in a house with
    accounts of every kind, and two proofs that go over two independent routes."""
    from mailkeep.app import settings as app_settings
    from mailkeep.app import wiring_trust
    from mailkeep.posture import scene
    from mailkeep.posture.types import Live
    from mailkeep.posture.whatif import Model
    from mailkeep.trust.world import Group

    apart: list[dict[str, object]] = [{"id": one, "kind": "mail"} for one in ("apart-1", "apart-2")]
    routes = dict(zip(("party-0", "party-1"), ("apart-1", "apart-2"), strict=True))
    settings = _settings([*parties, *apart])
    for one in settings["provider"]:
        one["party"] = routes[one["party"]]
    house = wiring_trust.house(app_settings.parse(settings))
    groups = tuple(
        Group(name, factor, domain, *scene.held(house, name), accounts=1)
        for name in house.classes.names
        for factor in ("none", "totp", "passkey")
        for domain in (*DOMAINS, "*")
    )
    standing = frozenset(one.name for one in house.providers)
    live = Live("2026-11-28", standing, groups, given=(("main", "", 1),))
    began = time.process_time()
    found = Model(house, live, scene.world(house, live))
    for party in found.world.parties:
        found.fall([party])
    taken = time.process_time() - began
    if not found.world.pairs:
        raise AssertionError("no two routes are independent")
    return taken, found


async def _pages(home: Path, parties: list[dict[str, object]]) -> tuple[float, float, float]:
    """Processor seconds of counting, of the first page, and of the dearest of further ones."""
    import httpx
    from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

    from mailkeep.app import settings as app_settings
    from mailkeep.app.application import Application
    from mailkeep.http import server
    from mailkeep.mail import api_keys
    from mailkeep.posture import counts
    from mailkeep.store.migrate import upgrade

    running = Application(app_settings.parse(_settings(parties)), home, environ={"KEY": "x"})
    await upgrade(running.database)
    await asyncio.to_thread(_fill, home / "mailkeep.db")
    began = time.process_time()
    made = await counts.take(running.database, running.chain)
    counting = time.process_time() - began
    if sum(one.accounts for one in made.accounts) < ACCOUNTS:
        raise AssertionError("accounts were left out")
    async with running.database.write() as tx:
        key = await api_keys.create(tx, running.keys, "desk", ("operate",), by="proof")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    times = []
    async with httpx.AsyncClient(transport=transport, base_url="http://proof.test") as client:
        entered = await client.post("/console/sign-in", data={"key": key})
        cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
        for some in ("", "", "party-3", "party-3", "party-3,party-9", "party-8"):
            began = time.process_time()
            answer = await client.get(f"/console/trust?party={some}", headers=cookie)
            times.append(time.process_time() - began)
            answer.raise_for_status()
    await running.database.close()
    return counting, times[0], max(times[1:])


def _settings(parties: list[dict[str, object]]) -> dict[str, Any]:
    routes = [{"provider": "main"}, {"provider": "second"}]
    return {
        "party": parties,
        "provider": [
            {"name": name, "kind": kind, "party": party, "secret": "env:KEY"}
            for name, kind, party in (
                ("main", "mandrill", "party-0"),
                ("second", "postmark", "party-1"),
            )
        ],
        "stream": [
            {"name": name, "priority": at, "routes": routes, "secret": at < 2}
            for at, name in enumerate(("recovery", "confirmation", "security", "alert"))
        ],
        "recovery": {"sender": "us@example.com"},
    }


def _fill(file: Path) -> None:
    """Accounts, an address each, a factor for every third, and what two providers were given."""
    numbers = range(ACCOUNTS)

    def exposed() -> Iterator[tuple[str, str]]:
        for one in numbers:
            yield f"adr_{one:09}", "main"
            if one % 4 == 0:
                yield f"adr_{one:09}", "second"

    with sqlite3.connect(file) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.executemany(
            "INSERT INTO accounts (id, class, created_at) VALUES (?, 'customer', 1)",
            ((f"acc_{one:09}",) for one in numbers),
        )
        database.executemany(
            "INSERT INTO contact_points (id, account_id, address_key, address, created_at,"
            " confirmed_at) VALUES (?, ?, ?, ?, 1, 1)",
            (
                (f"cp_{one}", f"acc_{one:09}", f"adr_{one:09}", f"{one}@{DOMAINS[one % 5]}")
                for one in numbers
            ),
        )
        database.executemany(
            "INSERT INTO factors (id, account_id, kind, name, bound_at, browser, network)"
            " VALUES (?, ?, 'totp', 'x', 1, 'b', 'n')",
            ((f"fac_{one}", f"acc_{one:09}") for one in numbers if one % 3 == 0),
        )
        database.executemany(
            "INSERT INTO exposures (address_id, provider, stream, day, first_at, last_at, count)"
            " VALUES (?, ?, 'recovery', 1, 1, 1, 1)",
            exposed(),
        )
    database.close()


if __name__ == "__main__":
    sys.exit(main())

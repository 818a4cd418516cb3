"""What is said at the start, before anybody needs it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from mailkeep.accounts import tables
from mailkeep.app import housekeeping, retention
from mailkeep.app.application import Application
from mailkeep.app.settings import parse
from mailkeep.base.clock import DAY

ACCOUNTS = {
    "provider": [{"name": name, "kind": "smtp", "party": name} for name in "ab"],
    "party": [{"id": name} for name in "ab"],
    "stream": [
        {
            "name": name,
            "priority": 0,
            "secret": name != "security",
            "routes": [{"provider": "a"}, {"provider": "b"}],
        }
        for name in ("recovery", "confirmation", "security")
    ],
    "recovery": {"sender": "us@example.com"},
}


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"public_url": "https://mail.example.com"}, True),
        ({"public_url": "https://mail.example.com", "trusted_proxies": ["10.0.0.1"]}, False),
        ({"public_url": "http://localhost:8025"}, False),
        ({"public_url": "https://mail.example.com", "recovery": None}, False),
    ],
)
async def test_a_proxy_that_nobody_named_is_missed(
    more: dict[str, object], warned: bool, tmp_path: Path
) -> None:
    raw = {name: value for name, value in (ACCOUNTS | more).items() if value is not None}
    with capture_logs() as logs:
        async with Application(parse(raw), tmp_path, environ={}):
            pass
    assert ("trusted_proxies.missing" in [one["event"] for one in logs]) == warned
    assert "recovery.no_two_routes" not in [one["event"] for one in logs]


async def test_bounces_that_nobody_takes_in_are_missed(tmp_path: Path) -> None:
    provider = {"name": "a", "kind": "smtp", "party": "a"}
    bounces = {"options": {"return_path_domain": "Bounce.example.com"}}
    said = {}
    for name, more in (("none", {}), ("unread", bounces)):
        raw = ACCOUNTS | {"provider": [provider | more, provider | {"name": "b", "party": "b"}]}
        with capture_logs() as logs:
            async with Application(parse(raw), tmp_path / name, environ={}):
                pass
        said[name] = [one["domains"] for one in logs if one["event"] == "bounces.unread"]
    assert said == {"none": [], "unread": [["bounce.example.com"]]}


async def test_the_sweep_forgets_what_strangers_left_and_goes_on_while_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(housekeeping, "SWEEP_SECONDS", 0.05)
    async with Application(parse(ACCOUNTS), tmp_path, environ={}) as running:
        old = running.clock.now() - 3 * DAY
        async with running.database.write() as tx:
            for number in range(7):
                row = {"of": str(number), "lane": "x", "since": old, "count": 1}
                await tx.run(tables.tries.insert().values(row))
        async with asyncio.timeout(10):
            while True:
                async with running.database.read() as tx:
                    if not await tx.value(select(func.count()).select_from(tables.tries)):
                        break
                await asyncio.sleep(0.05)

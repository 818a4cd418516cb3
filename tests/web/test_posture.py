"""A thief in our account at a provider makes himself a key and has events sent to himself."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import warm

from .conftest import Up

INTERVAL = 10.0  #: of development mode
SLACK = 10.0  #: for the reading itself, on a machine that others use too
WAIT = 60.0


async def _run(home: Path, *words: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        *(*words, "--json", "--home", str(home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, problem = await process.communicate()
    assert process.returncode == 0, problem.decode()
    found: dict[str, Any] = json.loads(printed)
    return found


async def _posture(up: Up, name: str) -> dict[str, Any]:
    url = f"{up.url}/v1/providers/{name}/posture"
    async with up.session.get(url, headers=up.bearer()) as reply:
        assert reply.status == 200
        found: dict[str, Any] = await reply.json()
    return found


async def _until_read(up: Up, *names: str) -> None:
    async with asyncio.timeout(WAIT):
        for name in names:
            found = await _posture(up, name)
            while found["read_at"] is None:
                await asyncio.sleep(0.1)
                found = await _posture(up, name)


async def _opinion(up: Up, detector: str, words: str) -> tuple[dict[str, Any], str]:
    """What is thought of a compromise, and why by that detector; waits for the detector."""
    async with asyncio.timeout(WAIT):
        while True:
            for one in (await _run(up.home, "watch"))["opinions"]:
                reasons = [term["reason"] for term in one["terms"] if term["detector"] == detector]
                if one["hypothesis"] == "provider_compromised" and reasons:
                    return one, reasons[0]
            await asyncio.sleep(0.3)


async def _as_thief(up: Up, name: str, entry: dict[str, Any], of: str) -> None:
    async with up.session.post(
        f"{up.controls[name]}/account", json={"list": of, "entry": entry}
    ) as reply:
        assert reply.status == 200


async def test_a_key_and_a_webhook_of_a_thief_are_noticed_within_one_reading(up: Up) -> None:
    await _until_read(up, "mandrill", "postmark")
    began = datetime.now(UTC)
    await _as_thief(up, "postmark", {"Url": "https://arxxwalls.com/in"}, "webhooks")
    await _as_thief(up, "postmark", {}, "tokens")
    opinion, reason = await _opinion(up, "account_drift", "key added")
    assert "webhook added, arxxwalls.com which it never named before" in reason
    assert opinion["subject"]["id"] == "postmark"
    assert opinion["open"]
    assert not opinion["may_cut_automatically"]
    shown = await _posture(up, "postmark")
    assert [one["state"] for one in shown["changes"]] == ["open", "open"]
    for one in shown["changes"]:
        delay = datetime.fromisoformat(one["at"]) - began
        assert 0 <= delay.total_seconds() <= INTERVAL * 1.1 + SLACK
    assert [one["kind"] for one in (await _posture(up, "mandrill"))["changes"]] in ([], ["sender"])


async def test_an_announced_key_is_quiet_and_an_accepted_export_is_taken_back(up: Up) -> None:
    await _until_read(up, "mandrill", "postmark")
    words = ("providers", "expect", "postmark", "--kind", "key", "--reason", "rotation")
    assert (await _run(up.home, *words, "--for", "10m"))["left"] == 1
    await _as_thief(up, "postmark", {}, "tokens")
    await _as_thief(up, "mandrill", {"type": "activity"}, "exports")
    opinion, _ = await _opinion(up, "export_seen", "1 export")
    assert opinion["subject"]["id"] == "mandrill"
    async with asyncio.timeout(WAIT):
        changes = (await _posture(up, "postmark"))["changes"]
        while not changes:
            await asyncio.sleep(0.2)
            changes = (await _posture(up, "postmark"))["changes"]
    assert [one["state"] for one in changes] == ["expected"]
    accepted = await _run(up.home, "providers", "accept", "mandrill", "--reason", "we made it")
    assert 1 <= len(accepted["accepted"]) <= 2  # the domain of the first canary may be new there
    shown = await _run(up.home, "providers", "posture", "mandrill")
    states = {one["kind"]: one["state"] for one in shown["changes"]}
    assert states["export"] == "accepted"
    async with asyncio.timeout(WAIT):
        thought = json.dumps(await _run(up.home, "watch"))
        while "export_seen" in thought:
            await asyncio.sleep(0.3)
            thought = json.dumps(await _run(up.home, "watch"))


_WRONG: list[tuple[str, dict[str, Any]]] = [
    ("expected", {"kind": "keys", "seconds": 60, "reason": "x"}),
    ("expected", {"kind": "key", "seconds": 1e9, "reason": "x"}),
    ("expected", {"kind": "key", "seconds": 60, "reason": "x", "changes": 0}),
    ("accepted", {"reason": ""}),
    ("accepted", {"reason": "x", "changes": ["chg_of_nobody"]}),
]


async def test_what_is_said_of_an_account_is_checked(up: Up) -> None:
    url = f"{up.url}/v1/providers/mandrill/posture"
    for path, body in _WRONG:
        async with up.session.post(f"{url}/{path}", headers=up.bearer(), json=body) as reply:
            assert reply.status in {400, 404, 422}, (path, body)
    unknown = f"{up.url}/v1/providers/nobody/posture"
    for there in (url, unknown):
        async with aiohttp.ClientSession() as stranger, stranger.get(there) as reply:
            assert reply.status == 401
    async with up.session.get(unknown, headers=up.bearer()) as reply:
        assert reply.status == 404

"""The suppression list by the API of the running command, with keys that are bound and not."""

import os
import re
import subprocess
from typing import Any

import pytest

from .conftest import COLD, Up


def _run(up: Up, *words: str) -> str:
    command = [COLD, *words, "--home", str(up.home)]
    done = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    return done.stdout.decode()


async def _ask(up: Up, method: str, path: str, key: str, body: object) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with up.session.request(
        method, f"{up.url}/v1/suppressions{path}", json=body, headers=headers
    ) as reply:
        return reply.status, await reply.json()


@pytest.mark.parametrize("path", ["", "/remove", "/search"])
async def test_nothing_is_done_without_a_key(up: Up, path: str) -> None:
    method = "POST" if path else "PUT"
    assert (await _ask(up, method, path, "mk_nobody", {}))[0] == 401


async def test_addresses_are_put_on_looked_for_and_taken_off(up: Up) -> None:
    one = {"address": "Ada@example.net", "reason": "unsubscribed", "stream": "bulk"}
    status, said = await _ask(up, "PUT", "", up.key, {"suppressions": [one]})
    assert (status, said) == (200, {"new": 1, "known": 0, "over": 0})
    who = {"address": "ada@example.net"}
    status, said = await _ask(up, "POST", "/search", up.key, who)
    (found,) = said["suppressions"]
    assert (status, found["reason"], found["stream"]) == (200, "unsubscribed", "bulk")
    assert "example.net" not in str(said)

    bad = {"suppressions": [one | {"address": "bob@example.net"}, one | {"address": "x"}]}
    status, said = await _ask(up, "PUT", "", up.key, bad)
    assert (status, said["field"]) == (422, "suppressions[1].address")
    _, said = await _ask(up, "POST", "/search", up.key, {"address": "bob@example.net"})
    assert said == {"suppressions": []}  # none of them was stored

    assert await _ask(up, "POST", "/remove", up.key, who) == (200, {"removed": 1})
    assert await _ask(up, "POST", "/remove", up.key, who) == (200, {"removed": 0})
    acts = re.findall(r'"act":"(\w*suppress)"', _run(up, "audit", "list", "--json"))
    assert acts == ["unsuppress", "suppress"]


async def test_a_key_that_is_bound_to_streams_reaches_no_other_entry(up: Up) -> None:
    words = ["--scope", "send", "--scope", "read", "--stream", "bulk"]
    bound = _run(up, "keys", "create", "shop", *words).split()[-1]
    for stream in (None, "alert"):
        one = {"address": "ada@example.net", "stream": stream}
        body = {"suppressions": [one]}
        assert (await _ask(up, "PUT", "", bound, body))[0] == 403
        assert (await _ask(up, "PUT", "", up.key, body))[0] == 200
    body = {"suppressions": [{"address": "ada@example.net", "stream": "bulk"}]}
    assert (await _ask(up, "PUT", "", bound, body))[0] == 200
    who = {"address": "ada@example.net"}
    assert (await _ask(up, "POST", "/search", bound, who | {"stream": "alert"}))[0] == 403
    _, said = await _ask(up, "POST", "/search", bound, who)
    assert {one["stream"] for one in said["suppressions"]} == {None, "bulk"}
    assert await _ask(up, "POST", "/remove", bound, who) == (200, {"removed": 1})
    _, said = await _ask(up, "POST", "/search", up.key, who)
    assert {one["stream"] for one in said["suppressions"]} == {None, "alert"}

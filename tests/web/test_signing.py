"""The key set of a running Mailkeep, and its keys replaced from the command line."""

import json

from joserfc.jwk import KeySet

from mailkeep.base.clock import SystemClock
from mailkeep.base.signing import SigningKeys

from .conftest import Up
from .test_cli import run


async def key_set(up: Up) -> dict[str, list[dict[str, str]]]:
    async with up.session.get(f"{up.url}/.well-known/jwks.json") as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/jwk-set+json"
        assert reply.headers["Cache-Control"] == "public, max-age=3600"
        found = await reply.json(content_type=None)
    assert all("d" not in one for one in found["keys"])
    KeySet.import_key_set(found)
    return found


async def test_a_replaced_key_leaves_the_set_of_a_process_that_runs(up: Up) -> None:
    (first,) = (await key_set(up))["keys"]
    said = await run("signing", "list", "--json", "--home", str(up.home))
    assert [(one["id"], one["state"]) for one in json.loads(said.out)] == [
        (first["kid"], "signing")
    ]
    made = (await run("signing", "replace", "--json", "--home", str(up.home))).document()["id"]
    (second,) = (await key_set(up))["keys"]
    assert second["kid"] == made != first["kid"]
    # What the running process would sign with next is the new one.
    assert SigningKeys(up.home).states(SystemClock().now())[0].id == made
    assert (await run("audit", "verify", "--home", str(up.home))).code == 0


async def test_where_there_is_no_key_there_is_none_to_replace(up: Up) -> None:
    up.process.terminate()
    await up.process.wait()
    assert not list((up.home / "keys" / "signing").glob("*"))  # nobody has asked for one
    said = await run("signing", "replace", "--home", str(up.home))
    assert said.code == 2
    assert "no key to replace" in said.err

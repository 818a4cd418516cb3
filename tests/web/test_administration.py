"""Operators over the API of a running Mailkeep."""

import json

from .conftest import Up
from .visitor import Visitor

ADDRESS = "grace@example.net"
WHO = {"address": ADDRESS, "reason": "she calls"}


async def call(up: Up, method: str, path: str, body: object = None) -> tuple[int, dict]:
    data = None if body is None else json.dumps(body)
    headers = up.bearer() | {"Content-Type": "application/json"}
    async with up.session.request(method, f"{up.url}{path}", data=data, headers=headers) as reply:
        return reply.status, await reply.json(content_type=None)


async def test_an_operator_finds_an_account_and_signs_it_out(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        status, found = await call(up, "POST", "/v1/accounts/search", WHO)
        assert (status, found["class"], found["addresses"]) == (200, "customer", 1)
        account = found["id"]
        path = f"/v1/accounts/{account}"
        assert (await call(up, "GET", path))[1] == found
        status, live = await call(up, "GET", f"{path}/sessions")
        assert (status, len(live["sessions"])) == (200, 1)
        one = live["sessions"][0]["id"]
        assert (await call(up, "POST", f"{path}/sessions/end", {"session": "ses_no"}))[0] == 404
        ended = await call(up, "POST", f"{path}/sessions/end", {"session": one})
        assert ended == (200, {"ended": 1})
        assert (await grace.get("/account"))[0] == 303
        assert (await call(up, "PUT", f"{path}/class", {"class": "staff"}))[1]["class"] == "staff"
        assert (await call(up, "PUT", f"{path}/class", {"class": "stuff"}))[0] == 422
        assert (await call(up, "PUT", f"{path}/class", {"class": "operator"}))[0] == 403
        assert (await call(up, "GET", "/v1/accounts/acc_none"))[0] == 404
        nobody = WHO | {"address": "nobody@example.net"}
        assert (await call(up, "POST", "/v1/accounts/search", nobody))[0] == 404

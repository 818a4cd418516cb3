"""The database goes while it commits: the answer has what it takes to ask what became of it."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from mailkeep.store.database import Tx
from mailkeep.store.errors import Unsettled
from mailkeep.store.shared import SharedCommit

from .conftest import GOOD, Api

Each = Callable[..., Any]


class Undone(Exception):
    """The commit did not happen."""


@pytest.fixture(params=["landed", "undone"])
def doubt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Nobody is told what became of a commit; whether it was done."""
    landed = request.param == "landed"
    each = SharedCommit.each

    async def unsettled(
        shared: SharedCommit, many: Each, item: Any, *args: Any, **more: Any
    ) -> Any:
        async def work(tx: Tx, items: Any) -> Any:
            found = await many(tx, items)
            if not landed:
                raise Undone
            return found

        with contextlib.suppress(Undone):
            await each(shared, work, item, *args, **more)
        raise Unsettled("nobody knows")

    monkeypatch.setattr(SharedCommit, "each", unsettled)
    return landed


async def test_a_mail_without_a_key_can_be_asked_for(api: Api, doubt: bool) -> None:
    answer = await api.ask("POST", "/v1/messages", GOOD)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (503, "/problems/in-doubt")
    assert answer.headers["retry-after"] == "5"
    assert "stored or not" in problem["detail"]
    found = await api.ask("GET", f"/v1/messages/{problem['message_id']}")
    assert found.status_code == (200 if doubt else 404)
    assert await api.count() == (2 if doubt else 0)


async def test_each_mail_of_a_batch_can(api: Api, doubt: bool) -> None:
    batch = [GOOD, GOOD | {"stream": "bulk"}, GOOD | {"to": "grace@example.net"}]
    answer = await api.ask("POST", "/v1/messages", {"messages": batch})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    ids = [one["problem"]["message_id"] for one in answer.json()["results"]]
    for wanted, name in zip(batch, ids, strict=True):
        found = await api.ask("GET", f"/v1/messages/{name}")
        assert found.status_code == (200 if doubt else 404)
        assert not doubt or found.json()["stream"] == wanted["stream"]


async def test_of_all_or_none_one_tells_for_all(api: Api, doubt: bool) -> None:
    batch = {"messages": [GOOD, GOOD | {"to": "grace@example.net"}], "all_or_none": True}
    answer = await api.ask("POST", "/v1/messages", batch)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (503, "/problems/in-doubt")
    found = await api.ask("GET", f"/v1/messages/{problem['message_id']}")
    assert found.status_code == (200 if doubt else 404)
    assert await api.count() == (4 if doubt else 0)


async def test_a_mail_with_a_key_is_sent_again(
    api: Api, doubt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first one may have come long before, under an id that this request has not drawn."""
    answer = await api.ask("POST", "/v1/messages", GOOD, Idempotency_Key="a")
    assert answer.status_code == 503
    assert "message_id" not in answer.json()
    monkeypatch.undo()
    again = await api.ask("POST", "/v1/messages", GOOD, Idempotency_Key="a")
    assert again.status_code == 202
    assert again.json().get("repeated", False) is doubt
    assert await api.count() == 2

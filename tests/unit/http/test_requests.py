"""Around a request: its id, its count, and one line when it failed, without what was asked for."""

import time
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from mailkeep.http.requests import BURST, Requests

SCOPE = {"type": "http", "method": "GET", "path": "/x/mk_secret", "query_string": b"key=1"}


async def _ask(
    status: int | None, **scope: object
) -> tuple[list[dict[str, Any]], list[Any], list[Any]]:
    """(what was logged, what was counted, what was sent)."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        structlog.get_logger("x").info("inside", **structlog.contextvars.get_contextvars())
        if status is not None:
            await send({"type": "http.response.start", "status": status, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    around = Requests(app, lambda *one: seen.append(one))
    with capture_logs() as logs:
        await around(SCOPE | scope, None, send)
    assert structlog.contextvars.get_contextvars() == {}
    return list(map(dict, logs)), seen, sent


async def test_a_request_that_went_well_is_counted_and_not_logged() -> None:
    logs, seen, sent = await _ask(202, path_template="/v1/messages")
    assert [one["event"] for one in logs] == ["inside"]
    assert seen == [("/v1/messages", "GET", 202)]
    [(name, request)] = sent[0]["headers"]
    assert name == b"x-request-id"
    assert logs[0]["request"] == request.decode()


async def test_one_that_failed_is_one_line_without_what_was_asked_for() -> None:
    logs, seen, _ = await _ask(404)
    [_, line] = logs
    assert (line["event"], line["log_level"], line["status"]) == ("request.failed", "info", 404)
    assert (line["route"], line["method"]) == ("none", "GET")
    assert seen == [("none", "GET", 404)]
    assert "mk_secret" not in str(line)
    assert "key=1" not in str(line)


@pytest.mark.parametrize(
    ("status", "fault", "level"), [(500, ValueError("x"), "error"), (503, None, "warning")]
)
async def test_our_own_faults_are_louder(status: int, fault: Exception | None, level: str) -> None:
    state = {"why": "unavailable", "fault": fault}
    logs, _, _ = await _ask(status, state=state, path_template="/v1/messages")
    assert (logs[1]["log_level"], logs[1]["why"]) == (level, "unavailable")
    assert logs[1]["exc_info"] is fault


async def test_whoever_went_away_got_no_answer_and_is_not_counted() -> None:
    logs, seen, _ = await _ask(None)
    assert seen == []
    assert len(logs) == 1


async def test_whoever_hangs_up_before_the_end_is_no_fault_of_ours() -> None:
    """The framework answers it as one: any stranger could wake whoever is called for those."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise RuntimeError("half a body")

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    around = Requests(app, lambda *one: seen.append(one))
    with capture_logs() as logs:
        await around(dict(SCOPE), receive, send)
    assert (seen, sent, logs) == ([], [], [])


async def test_two_requests_have_two_ids() -> None:
    around = Requests(None, lambda *_: None)
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        sent.append(dict(message["headers"])[b"x-request-id"])

    around._app = app
    for _ in range(2):
        await around(SCOPE, None, send)
    assert len(set(sent)) == 2


async def test_what_nobody_answered_is_answered_with_the_headers_of_every_answer() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("mk_secret")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    around = Requests(app, lambda *_: None, {"X-Content-Type-Options": "nosniff"})
    with capture_logs() as logs:
        await around(dict(SCOPE), None, send)
    assert sent[0]["status"] == 500
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    assert b"mk_secret" not in sent[1]["body"]
    assert [one["event"] for one in logs] == ["request.failed"]


async def test_an_answer_keeps_the_headers_that_it_has() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"cache-control", b"public")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Requests(app, lambda *_: None, {"Cache-Control": "no-store"})(SCOPE, None, send)
    assert [one for one in sent[0]["headers"] if one[0] == b"cache-control"] == [
        (b"cache-control", b"public")
    ]


async def test_a_flood_of_refusals_is_a_few_lines_and_each_is_counted() -> None:
    """Whoever knocks at a door that is not there could fill the disk with lines of the log."""
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/fault":
            raise ValueError("ours")
        await send({"type": "http.response.start", "status": scope["status"], "headers": []})

    async def send(_message: Any) -> None:
        return

    around = Requests(app, lambda *one: seen.append(one))
    began = time.monotonic()
    with capture_logs() as logs:
        for number in range(500):
            await around(SCOPE | {"path": f"/{number}", "status": 404}, None, send)
        await around(SCOPE | {"status": 401, "path_template": "/v1/messages"}, None, send)
        for _ in range(40):
            await around(SCOPE | {"path": "/fault"}, None, send)
    said = [one for one in logs if one["event"] == "request.failed"]
    strange = [one for one in said if one["status"] == 404]
    assert BURST <= len(strange) <= BURST + time.monotonic() - began + 1
    assert sum(one["times"] for one in strange) <= 500
    assert [one["route"] for one in said if one["status"] == 401] == ["/v1/messages"]
    assert len([one for one in said if one["status"] == 500]) == 40
    assert len(seen) == 541

"""The short way to the intake answers as the framework's own way does, which a slash leads to."""

import pytest

from mailkeep.mail.taking import Taking

from .conftest import GOOD, Api

OURS = {"x-request-id", "content-length"}


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ({"raw": b"{"}, 422),
        ({"body": GOOD | {"to": "nobody"}}, 422),
        ({"body": GOOD | {"stream": "nowhere"}}, 422),
        ({"body": GOOD, "key": "mk_unknown"}, 401),
        ({"body": GOOD, "Content_Encoding": "gzip"}, 415),
        ({"raw": b"{}", "Content_Length": str(60 * 2**20)}, 413),
        ({"raw": b"{}", "Content_Length": "many"}, 400),
        ({"body": {"messages": [GOOD | {"to": "nobody"}]}}, 422),
        ({"body": {"messages": [GOOD | {"to": "nobody"}, GOOD]}}, 202),
        ({"body": GOOD, "Idempotency_Key": "a"}, 202),
    ],
)
async def test_both_ways_answer_alike(api: Api, case: dict[str, object], status: int) -> None:
    first = await api.ask("POST", "/v1/messages", **case)  # type: ignore[arg-type]
    other = await api.ask("POST", "/v1/messages/", **case)  # type: ignore[arg-type]
    assert first.status_code == other.status_code == status
    theirs = {one for one in other.headers.items() if one[0] not in OURS}
    assert theirs <= set(first.headers.items())
    assert int(first.headers["content-length"]) == len(first.content)
    assert first.headers["x-request-id"] != other.headers["x-request-id"]
    if status >= 400:
        assert first.content == other.content


async def test_a_fault_of_ours_is_told_alike(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fault(*_: object) -> object:
        raise RuntimeError("the inside")

    monkeypatch.setattr(Taking, "take", fault)
    answers = [await api.ask("POST", path, GOOD) for path in ("/v1/messages", "/v1/messages/")]
    assert [one.status_code for one in answers] == [500, 500]
    assert answers[0].content == answers[1].content
    assert b"inside" not in answers[0].content


async def test_other_methods_go_the_usual_way(api: Api) -> None:
    assert (await api.ask("GET", "/v1/messages")).status_code == 200
    answer = await api.ask("PUT", "/v1/messages", GOOD)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]

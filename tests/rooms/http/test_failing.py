"""Whatever is answered, and whoever answers it, protects the browser that shows it; a person gets a
page, a program a problem document."""

import pytest

from mailkeep.http import forms
from mailkeep.http.server import HEADERS

from .conftest import Api

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
BIG = {"key": "x" * 70_000}


ASKED = [
    ("GET", "/nothing", 404),
    ("GET", "/x%00", 404),
    ("GET", "/static/none.css", 404),
    ("GET", "/console/nothing/at/all", 404),
    ("PUT", "/console/sign-in", 405),
    ("DELETE", "/healthz", 405),
    ("POST", "/console/sign-in", 413),
    ("POST", "/console/sign-out", 500),
    ("GET", "/metrics", 401),
    ("GET", "/v1/nothing", 404),
    ("PUT", "/v1/messages", 405),
    ("POST", "/v1/messages", 401),
    ("POST", "/hooks/nobody", 404),
    ("GET", "/hooks/one", 405),
    ("GET", "/healthz", 200),
    ("GET", "/static/style.css", 200),
    ("GET", "/console/sign-in", 200),
    ("GET", "/console", 303),
    ("GET", "/deny%23" + "A" * 26, 303),
]


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/json"])
async def test_every_answer_has_the_headers_and_the_right_kind(
    api: Api, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    for method, path, status in ASKED:
        with monkeypatch.context() as broken:
            if status == 500:
                broken.setattr(forms, "check_origin", _raise)
            await _holds(api, method, path, status, accept)


async def _holds(api: Api, method: str, path: str, status: int, accept: str) -> None:
    asked = f"{method} {path}"
    more = {"data": BIG} if status == 413 else {}
    answer = await api.client.request(method, path, headers={"Accept": accept}, **more)
    assert answer.status_code == status, asked
    for name in HEADERS:
        assert len(answer.headers.get_list(name)) == 1, (asked, name)
    assert answer.headers["X-Request-Id"], asked
    if status < 400:
        return
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert "inside" not in answer.text, asked
    if accept == BROWSER and not path.startswith(("/v1/", "/hooks/")):
        assert kind == "text/html", asked
        assert "<h1>" in answer.text, asked
        assert "/static/style.css" in answer.text, asked
        varies = "Accept" if path.startswith("/console") else "Accept, Accept-Language, Cookie"
        assert answer.headers["Vary"] == varies, asked
    else:
        assert kind == "application/problem+json", asked
        assert answer.json()["status"] == status, asked


def _raise(*_: object) -> None:
    raise RuntimeError("the inside of the house")

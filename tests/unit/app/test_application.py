"""What is said at the start, before anybody needs it."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mailkeep.app.application import Application
from mailkeep.app.settings import parse

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

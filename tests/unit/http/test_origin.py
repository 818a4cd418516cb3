"""Which POSTs come from a page of ours."""

import pytest

from mailkeep.base.errors import NotAllowed
from mailkeep.http import origin

PUBLIC = "https://mail.example.com"
DEVELOPMENT = "http://localhost:8025"


@pytest.mark.parametrize(
    ("headers", "public_url"),
    [
        ({}, PUBLIC),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, PUBLIC),
        ({"sec-fetch-site": "none"}, PUBLIC),
        ({"origin": "https://mail.example.com", "host": "mail.example.com"}, PUBLIC),
        # A proxy that names another host to us, and ports that need not be said.
        ({"origin": "https://mail.example.com", "host": "10.0.0.7:8025"}, PUBLIC),
        ({"origin": "https://mail.example.com:443"}, PUBLIC),
        ({"origin": "https://mail.example.com"}, "https://Mail.Example.com:443/"),
        ({"origin": "https://other.example.com", "host": "other.example.com"}, PUBLIC),
        ({"origin": "http://localhost:8025", "host": "localhost:8025"}, DEVELOPMENT),
        ({"origin": "http://127.0.0.1:8025", "host": "127.0.0.1:8025"}, DEVELOPMENT),
    ],
)
def test_ours(headers: dict[str, str], public_url: str) -> None:
    origin.check(headers, public_url)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-site", "origin": PUBLIC},
        {"sec-fetch-site": "cross-site", "origin": PUBLIC},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://mail.example.com"},  # a page that whoever holds the line can write
        {"origin": "https://mail.example.com:8443"},
        {"origin": "https://mail.example.com@evil.example"},
        {"origin": "http://[::1"},
        {"origin": "https://mail.example.com:99999"},
        {"origin": "https://mail.example.com:x"},
        {"origin": "file://"},
    ],
)
def test_foreign(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed):
        origin.check({"host": "mail.example.com"} | headers, PUBLIC)


@pytest.mark.parametrize("host", ["", "[::1", "evil.example@", "mail.example.com:x"])
def test_a_host_that_is_none_makes_nothing_ours(host: str) -> None:
    with pytest.raises(NotAllowed):
        origin.check({"origin": "https://evil.example", "host": host}, PUBLIC)

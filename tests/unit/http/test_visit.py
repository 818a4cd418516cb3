"""A visit's network: what limits are counted by."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from litestar import Request

from mailkeep.base.keys import KeyRing
from mailkeep.http import client
from mailkeep.http.pages.visit import Visit


def _network(keys: KeyRing, peer: str, forwarded: str, *proxies: str) -> str:
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/recover",
        "query_string": b"",
        "headers": [(b"x-forwarded-for", forwarded.encode())],
        "client": (peer, 4711),
    }
    house: Any = SimpleNamespace(keys=keys, trusted_proxies=client.networks(proxies))
    return Visit(Request(scope), house, {}).network


def test_behind_a_proxy_visitors_are_counted_apart(tmp_path: Path) -> None:
    """Else one stranger uses up the limits of everyone."""
    keys = KeyRing(tmp_path)
    one = _network(keys, "10.0.0.1", "198.51.100.7", "10.0.0.1")
    other = _network(keys, "10.0.0.1", "203.0.113.7", "10.0.0.1")
    assert one != other
    assert one == _network(keys, "198.51.100.9", "")


def test_a_stranger_cannot_choose_a_network(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    own = _network(keys, "203.0.113.7", "")
    assert _network(keys, "203.0.113.7", "198.51.100.7", "10.0.0.1") == own
    assert _network(keys, "10.0.0.1", "198.51.100.7, 203.0.113.7", "10.0.0.1") == own

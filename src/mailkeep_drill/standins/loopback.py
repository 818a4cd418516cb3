"""Addresses that a stand-in may talk to: this machine's own.

Security: this program forges mail and webhooks. It must not be able to send them to anyone, however
it is configured, so every target goes through here.
"""

import ipaddress
from typing import NamedTuple

from yarl import URL


class Target(NamedTuple):
    """Where a TCP connection goes."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether a literal address, or ``localhost``, is on this machine. Resolves nothing."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def target(text: str) -> Target:
    """Read ``host:port``.

    Raises:
        ValueError: it is not one, or not on loopback.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"not host:port: {text!r}")
    if not is_loopback(host):
        raise ValueError(f"not on loopback: {text!r}")
    return Target(host, int(port))


def web_address(text: str) -> str:
    """Check the address that webhooks go to; credentials in it are allowed, as Postmark has it.

    Raises:
        ValueError: not an http(s) URL on loopback.
    """
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host or not is_loopback(url.host):
        raise ValueError("the webhook URL must be http(s) and on loopback")
    return text

"""Finds the client's IP address: the peer or, behind our own proxies, whom they name (pure).

Rate limits count by network. Behind a proxy every peer is the proxy, and a stranger could use up
everybody's share; if the header were believed from anyone, a stranger would have as many networks
as they care to name. So the header is read from its right end, where our own proxies write, and
only as far as they vouch for it.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from mailkeep.base.errors import Invalid
from mailkeep.base.networks import around, network, read

__all__ = ["Network", "address", "around", "network", "networks"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_HOPS = 16  #: entries of the header that are looked at, from the right


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks of proxies, in CIDR notation or as single addresses.

    Raises:
        Invalid: one is no network, or is everyone's.
    """
    out = []
    for text in texts:
        try:
            found = ipaddress.ip_network(text)
        except ValueError as error:
            raise Invalid(f"{text!r} is not a network") from error
        if found.prefixlen == 0:
            raise Invalid(f"{text} is everyone: no proxy's word would be worth anything")
        out.append(found)
    return tuple(out)


def address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of whoever sent the request.

    Args:
        peer: the other end of the connection.
        forwarded: the values of the ``X-Forwarded-For`` headers, in order.
        trusted: networks of our own proxies; what they append is true.

    Returns the right-most address that is no trusted proxy's; where an entry cannot be read, the
    proxy that handed it on; ``unknown`` when the peer itself is none.
    """
    found = read(peer)
    if found is None:
        return "unknown"
    for hop in _hops(forwarded):
        if not any(found in network for network in trusted):
            break
        before = read(hop)
        if before is None:
            break
        found = before
    return str(found)


def country(value: str, peer: str, trusted: Sequence[Network]) -> str | None:
    """The country that a proxy of ours names (ISO 3166-1 alpha-2); None from anybody else.

    Args:
        value: of the header that the settings name.
        peer: the other end of the connection.
    """
    found = read(peer)
    if found is None or not any(found in network for network in trusted):
        return None
    code = value.strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() and code != "XX" else None


#: What tells families apart, the telling ones first: most call themselves by others' names.
_FAMILIES = (
    *(("Edg", "edge"), ("OPR/", "opera"), ("SamsungBrowser/", "samsung"), ("Firefox/", "firefox")),
    *(("FxiOS/", "firefox"), ("CriOS/", "chrome"), ("Chrome/", "chrome"), ("Safari/", "safari")),
)
_SYSTEMS = (
    *(("iPhone", "ios"), ("iPad", "ios"), ("Android", "android"), ("Windows", "windows")),
    *(("Mac OS X", "mac"), ("CrOS", "chromeos"), ("Linux", "linux")),
)


def agent(header: str) -> str:
    """The family of a browser and its system, as ``firefox linux``; "" when it says nothing.

    Coarse on purpose: a version changes every month, and the rest would name a person.
    """
    if not header:
        return ""
    of = [
        next((name for mark, name in table if mark in header[:512]), OTHER)
        for table in (_FAMILIES, _SYSTEMS)
    ]
    return " ".join(of)


OTHER = "other"
#: Each family that ``agent`` tells from others, as its maker calls it.
FAMILIES = {
    "edge": "Edge",
    "opera": "Opera",
    "samsung": "Samsung Internet",
    "firefox": "Firefox",
    "chrome": "Chrome",
    "safari": "Safari",
}


def contains(networks: Iterable[Network], host: str) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    found = read(host)
    return found is not None and any(found in one for one in networks)


def _hops(forwarded: Sequence[str]) -> list[str]:
    """The last entries, the last one first."""
    out: list[str] = []
    for value in reversed(forwarded):
        out += reversed(value.rsplit(",", MOST_HOPS)[-MOST_HOPS:])
        if len(out) >= MOST_HOPS:
            break
    return out[:MOST_HOPS]

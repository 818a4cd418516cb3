"""IP addresses, and the networks by which they are rate-limited (pure)."""

import ipaddress
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: This machine, as URLs name it: nothing crosses a network.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_LONGEST = 64  #: characters of one entry


def read(text: str) -> Address | None:
    """An address, with or without a port and brackets (some proxies write them)."""
    text = text.strip()
    return None if len(text) > _LONGEST or "%" in text else _parsed(text)


@lru_cache(maxsize=4096)  # most requests come from a few machines
def _parsed(text: str) -> Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack listener sees IPv4 as mapped IPv6 addresses, which all share one /48.
    return getattr(found, "ipv4_mapped", None) or found


def network(host: str) -> str:
    """The network of an address, as it is counted: its /24, or its /48."""
    found = read(host)
    if found is None:
        return host
    return _within(found, 24 if found.version == 4 else 48)


def around(host: str) -> tuple[str, str, str, str]:
    """The networks that an address lies in, the widest first; the third is that of ``network``.

    Of IPv4 a /16, a /20, the /24 and itself. Of IPv6 the /32 that a provider is given (RIPE-738
    section 5.1), a /40, the /48 of a site and the /56 of a household (RFC 6177, RIPE-690 section
    4.2): whoever has a network has each narrower one in it, and each is one neighbour among those
    beside it.
    """
    found = read(host)
    if found is None:
        return (host, host, host, host)
    one, two, three, four = (16, 20, 24, 32) if found.version == 4 else (32, 40, 48, 56)
    return _within(found, one), _within(found, two), _within(found, three), _within(found, four)


def _within(found: Address, size: int) -> str:
    return str(ipaddress.ip_network((found, size), strict=False))


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(found: Address) -> bool:
    """Whether an address is publicly routable (RFC 6890), also when it is embedded in another one:
    not loopback, private, link-local or multicast."""
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if found.teredo is not None or found.is_site_local:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved)

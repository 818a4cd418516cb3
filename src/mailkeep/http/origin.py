"""CSRF protection: whether a POST comes from one of our own pages (pure).

Browsers send cookies along with a POST that another site triggers. They also say where a request
comes from (Fetch Metadata, and Origin before it), and no page can change that. A client that sends
neither is no browser, and carries nobody's cookies.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from mailkeep.base.errors import NotAllowed

Origin = tuple[str, str, int]  # scheme, host, port

_PORTS = {"http": 80, "https": 443}


def check(headers: Mapping[str, str], public_url: str) -> None:
    """Raises ``NotAllowed`` when a browser says that another site sends this.

    Args:
        headers: of the request, by name in lower case.
        public_url: where people reach us. The host that the request itself names will do as well,
            under the same scheme: development answers to two names.
    """
    site = headers.get("sec-fetch-site")
    said = headers.get("origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    elif said is not None:
        scheme = public_url.partition(":")[0]
        ours = {parse(public_url), parse(f"{scheme}://{headers.get('host', '')}")} - {None}
        foreign = parse(said) not in ours
    else:
        foreign = False
    if foreign:
        raise NotAllowed("this was sent from another site; open the page here and try again")


def parse(url: str) -> Origin | None:
    """The origin of a URL (RFC 6454 section 4); None for what has none, or is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port

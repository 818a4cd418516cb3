"""Whether a POST comes from one of our own pages (pure).

Cookies go along with what another site makes a browser post. Browsers say where a request comes
from (Fetch Metadata, and Origin before it), and no page can change what they say. Who sends
neither is no browser, and carries nobody's cookies.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from mailkeep.base.errors import NotAllowed


def check(headers: Mapping[str, str]) -> None:
    """Raises ``NotAllowed`` when a browser says that another site sends this.

    Args:
        headers: of the request, by name in lower case.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign:
        raise NotAllowed("this was sent from another site; open the page here and try again")

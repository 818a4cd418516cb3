"""A simple HTTP client that acts as one browser: its own source address, its own cookies.

A server that limits by network sees every customer and the thief where they are: each browser binds
a source of its own within 127.0.0.0/8, which Linux routes to this machine as it stands.
"""

import html
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; redirects are not followed unless asked for.

    Attributes:
        location: where a redirect leads, "" when it is none.
    """

    status: int
    url: str
    text: str
    location: str = ""

    @property
    def path(self) -> str:
        """The path that a redirect leads to, else the page's own."""
        return urlsplit(self.location or self.url).path

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden inputs of the page, by name."""
        return hidden(self.text)


class Browser:
    """One person's browser on one site.

    Cookies are sent back whatever their attributes say: the sites are plain HTTP on loopback, where
    real browsers make that exception too.

    Args:
        base: the site, such as ``http://127.0.0.1:8025``.
        source: the address that connections come from.
    """

    def __init__(self, base: str, source: str) -> None:
        self.base = base
        self.source = source
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> Page:
        """GET a page."""
        return await self._request("GET", path, None)

    async def post(self, path: str, form: dict[str, str]) -> Page:
        """POST a form."""
        return await self._request("POST", path, form)

    async def follow(self, page: Page) -> Page:
        """Follow redirects, at most ten."""
        for _ in range(10):
            if not page.location:
                break
            page = await self.get(page.location)
        return page

    async def _request(self, method: str, path: str, form: dict[str, str] | None) -> Page:
        url = urljoin(self.base, path.partition("#")[0])
        headers = {"Referer": url}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        # A connection each time: hundreds of browsers would hold a descriptor each.
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(local_addr=(self.source, 0)),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
            ) as http,
            http.request(method, url, data=form, headers=headers, allow_redirects=False) as reply,
        ):
            self._keep(reply.cookies)
            location = reply.headers.get("Location", "")
            return Page(
                reply.status,
                url,
                await reply.text(errors="replace"),
                urljoin(url, location) if location else "",
            )

    def _keep(self, cookies: SimpleCookie) -> None:
        for name, morsel in cookies.items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def hidden(text: str) -> dict[str, str]:
    """The hidden inputs of a page, by name; where a name stands twice, the first."""
    found: dict[str, str] = {}
    for tag in _INPUT.findall(text):
        attributes = {
            name.lower(): html.unescape(double or single or bare)
            for name, double, single, bare in _ATTRIBUTE.findall(tag)
        }
        if attributes.get("type", "").lower() == "hidden" and attributes.get("name"):
            found.setdefault(attributes["name"], attributes.get("value", ""))
    return found

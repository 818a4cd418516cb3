"""What opens links before people do redeems nothing, and the customer still gets through."""

import shutil

import aiohttp
import pytest

from .conftest import Up
from .visitor import PASSWORD, Visitor

ADDRESS = "grace@example.net"
NEW = "quiet-anvil-borrows-lanterns"
CHROMIUM = shutil.which("chromium")
AGENTS = ("GET", "HEAD", "OPTIONS")


async def _scan(up: Up, *links: str) -> None:
    """Open links as gateways do: with each method, the fragment kept, dropped, and in the path."""
    async with aiohttp.ClientSession() as http:
        for link in links:
            plain, _, secret = link.partition("#")
            for url in (plain, f"{plain}%23{secret}", f"{plain}?{secret}", f"{plain}/{secret}"):
                for method in AGENTS:
                    async with http.request(method, url, allow_redirects=True) as reply:
                        assert reply.status < 500


async def _stands(up: Up, grace: Visitor, link: str, code: str) -> None:
    """Both proofs are still good, the old password too, until the customer uses them."""
    async with Visitor(up.url) as other:
        assert (await other.enter(ADDRESS))[0] == 303
    assert (await grace.post("/recover/proof", long=link, code=code))[0] == 303
    assert (await grace.post("/recover/finish", password=NEW))[0] == 303
    async with Visitor(up.url) as other:
        assert (await other.enter(ADDRESS, NEW))[0] == 303


async def test_scanners_that_fetch_every_link_redeem_and_deny_nothing(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS, PASSWORD)
        await grace.post("/recover", address=ADDRESS)
        link, code = await grace.proofs(ADDRESS)
        denials = {await grace.find(ADDRESS, r"/deny#([0-9A-Z]{26})", skip) for skip in range(2)}
        await _scan(
            up,
            f"{up.url}/recover/proof#{link}",
            *(f"{up.url}/deny#{secret}" for secret in denials),
        )
        await _stands(up, grace, link, code)


async def test_a_gateway_that_hides_the_fragment_in_the_path_leads_to_the_page_all_the_same(
    up: Up,
) -> None:
    async with aiohttp.ClientSession() as http:
        secret = "0123456789ABCDEFGHJKMNPQRS"
        for path in ("/recover/proof", "/deny"):
            async with http.get(f"{up.url}{path}%23{secret}", allow_redirects=False) as reply:
                assert (reply.status, reply.headers["Location"]) == (303, f"{path}#{secret}")
            async with http.post(f"{up.url}{path}%23{secret}", allow_redirects=False) as reply:
                assert reply.status == 404
        # It leads to pages of this host only.
        url = f"{up.url}//elsewhere.example/a%23{secret}"
        async with http.get(url, allow_redirects=False) as reply:
            assert reply.status == 404


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_a_scanner_with_a_whole_browser_presses_nothing(up: Up) -> None:
    from playwright.async_api import async_playwright, expect

    async with Visitor(up.url) as grace, async_playwright() as playwright:
        await grace.join(ADDRESS, PASSWORD)
        await grace.post("/recover", address=ADDRESS)
        link, code = await grace.proofs(ADDRESS)
        denial = await grace.find(ADDRESS, r"/deny#([0-9A-Z]{26})")
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await browser.new_page()
        for path, secret, said in (
            ("/recover/proof", link, "The link is here"),
            ("/deny", denial, "Taken from the link"),
        ):
            for mark in ("#", "%23"):
                await page.goto("about:blank")
                await page.goto(f"{up.url}{path}{mark}{secret}")
                await expect(page.get_by_text(said)).to_be_visible()
                assert secret not in page.url
        await browser.close()
        await _stands(up, grace, link, code)

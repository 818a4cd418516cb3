"""What a browser is told to keep and to send along, and whose name stands in the mails."""

import aiohttp
import pytest

from .conftest import Up
from .visitor import PASSWORD, Visitor

ADDRESS = "grace@example.net"


@pytest.mark.check("63B 5.1.1", "ASVS 7.2.4", "Reset: referrer")
async def test_cookies_are_this_hosts_alone_and_pages_send_nothing_along(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        fields = {"address": ADDRESS, "password": PASSWORD}
        secrets = []
        for _ in range(2):
            async with grace._session.post(
                f"{up.url}/sign-in", data=fields, allow_redirects=False
            ) as reply:
                (made,) = [
                    one
                    for one in reply.headers.getall("Set-Cookie")
                    if one.startswith("__Host-session=") and "Max-Age=0" not in one
                ]
            value, *words = [one.strip() for one in made.split(";")]
            assert {"HttpOnly", "Secure", "Path=/"} <= set(words)
            assert any(one.lower() in {"samesite=lax", "samesite=strict"} for one in words)
            assert not any(one.lower().startswith("domain") for one in words)
            secrets.append(value.partition("=")[2])
        assert secrets[0] != secrets[1]
        assert all(len(one) == 26 and one.isalnum() for one in secrets)  # 130 bits, and no word
        for path in ("/sign-in", "/sign-up", "/recover", "/recover/proof", "/deny", "/account"):
            async with grace._session.get(f"{up.url}{path}", allow_redirects=False) as reply:
                assert reply.headers["Referrer-Policy"] == "no-referrer", path
                assert "script-src 'self'" in reply.headers["Content-Security-Policy"], path


@pytest.mark.check("Reset: host")
async def test_links_are_ours_whatever_a_request_calls_us(up: Up) -> None:
    """A thief asks for a reset under a name of their own and waits for the owner's click."""
    async with Visitor(up.url) as grace, aiohttp.ClientSession() as thief:
        await grace.join(ADDRESS)
        forged = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-For": "192.0.2.1",
            "Forwarded": "host=evil.example",
            "X-Original-Host": "evil.example",
        }
        async with thief.post(
            f"{up.url}/recover", data={"address": ADDRESS}, headers=forged, allow_redirects=False
        ) as reply:
            assert reply.status == 303
            assert "evil" not in reply.headers["Location"]
        async with thief.post(
            f"{up.url}/recover", data={"address": ADDRESS}, headers={"Host": "evil.example"}
        ) as reply:
            assert reply.status >= 400
        await grace.proofs(ADDRESS)
        for mail in await grace.mails(ADDRESS):
            assert "evil" not in mail
        assert await grace.find(ADDRESS, rf"({up.url}/recover/proof)#")

"""What stock clients and browsers do at the sign-in of an application, beyond the straight way."""

import asyncio
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from playwright.async_api import expect

from .conftest import Up
from .mailbox import CHROMIUM, browser
from .test_signing_in import ADDRESS, BACK, VERIFIER, Shop, add, sent
from .visitor import PASSWORD, Visitor


async def take(shop: Shop, location: str, **other: str) -> tuple[int, dict[str, object]]:
    """Exchange the code with which a browser came back."""
    body = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(location).query)["code"][0],
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        "client_id": shop.id,
        "client_secret": shop.secret,
    } | other
    async with shop.up.session.post(f"{shop.up.url}/oauth/token", data=body) as reply:
        return reply.status, await reply.json()


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
async def test_who_is_to_sign_in_anew_does_not_go_round_it(up: Up, asked: dict[str, str]) -> None:
    """An application asks for a fresh sign-in before something that matters. Whoever
    sat at a browser that was left signed in opened the account page, and went on from there."""
    shop = await add(up)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        await asyncio.sleep(0.01)
        assert await sent(grace, shop.begin(shop.client(), **asked)[0]) == "/sign-in"
        onward = (await grace.get("/account"))[1].split('href="/oauth/authorize?', 1)[1]
        path = "/oauth/authorize?" + onward.split('"', 1)[0].replace("&amp;", "&")
        assert await sent(grace, path) == "/sign-in"
        assert await sent(grace, path) == "/sign-in"
        status, onward = await grace.enter(ADDRESS)
        assert status == 303
        assert (await sent(grace, onward)).startswith(f"{BACK}?code=")
        # Nor does a time that somebody made up keep anybody going round and round.
        path = shop.begin(shop.client(), signed_in_since="9" * 20)[0]
        assert (await sent(grace, path)).startswith(f"{BACK}?code=")


async def test_what_is_asked_of_the_page_is_heeded(up: Up) -> None:
    shop = await add(up)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        path = shop.begin(shop.client(), prompt="select_account")[0]
        assert await sent(grace, path) == "/sign-in"
        back = await sent(grace, shop.begin(shop.client(), prompt="none login")[0])
        assert parse_qs(urlsplit(back).query)["error"] == ["invalid_request"]


async def test_an_application_may_have_the_browser_post(up: Up) -> None:
    """OpenID Connect Core section 3.1.2.1. It was refused as another site's."""
    shop = await add(up)
    path, state = shop.begin(shop.client())
    form = dict(parse_qsl(urlsplit(path).query)) | {"other": "x"}
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example.com"}
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        status, location = await grace.post("/oauth/authorize", headers=foreign, **form)
        assert (status, urlsplit(location).path) == (303, "/oauth/authorize")
        got = dict(parse_qsl(urlsplit(location).query))
        assert got == {name: value for name, value in form.items() if name != "other"}
        back = await sent(grace, location)
        assert parse_qs(urlsplit(back).query)["state"] == [state]
        # Everywhere else another site's form is refused as before, and too much of it here.
        assert (await grace.post("/sign-out", headers=foreign))[0] == 403
        long = form | {"state": "x" * 2000}
        assert (await grace.post("/oauth/authorize", headers=foreign, **long))[0] == 422


async def test_what_is_empty_is_left_out_and_a_token_may_be_posted(up: Up) -> None:
    """RFC 6749 section 3.2, RFC 6750 section 2.2."""
    shop = await add(up)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        path, _ = shop.begin(shop.client())
        back = await sent(grace, path)
        assert (await take(shop, back, grant_type=""))[1]["error"] == "invalid_request"
        assert (await take(shop, back, grant_type="password"))[1]["error"] == (
            "unsupported_grant_type"
        )
        status, got = await take(shop, back, scope="", audience="")
        assert status == 200, got
        url = f"{up.url}/oauth/userinfo"
        async with up.session.post(url, data={"access_token": got["access_token"]}) as reply:
            assert (reply.status, (await reply.json())["email"]) == (200, ADDRESS)
            assert "no-store" in reply.headers["Cache-Control"]
        for body in ({"access_token": "mku_nothing"}, {"access_token": ""}, {"other": "x"}):
            async with up.session.post(url, data=body) as reply:
                assert (reply.status, (await reply.json())["error"]) == (401, "invalid_token")
        # A header that is wrong is not made good by what is posted.
        wrong = {"Authorization": "Bearer mku_nothing"}
        data = {"access_token": got["access_token"]}
        async with up.session.post(url, data=data, headers=wrong) as reply:
            assert reply.status == 401
        async with up.session.post(url, json=data) as reply:
            assert reply.status == 401


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_an_application_sends_its_user_on_to_another_host(up: Up) -> None:
    """What a form's policy allows holds for every step of the way that it begins, so
    an application that goes on from its callback to another origin lost its user there."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        body = b"<title>the shop</title>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
        if "/back?" in line:
            port = writer.get_extra_info("sockname")[1]
            body = b""
            head = f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/in\r\n"
            head += "Content-Length: 0\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    back = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/back"
    shop = await add(up, back)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
    path, _ = shop.begin(shop.client(back))
    async with server, browser() as launched:
        page = await (await launched.new_context()).new_page()
        await page.goto(f"{up.url}{path}")
        await page.get_by_label("Mail address").fill(ADDRESS)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_title("the shop")

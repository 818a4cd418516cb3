"""An application whose users are kept here, with a stock client, over HTTP and in a browser."""

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session
from playwright.async_api import expect

from .conftest import Up
from .mailbox import CHROMIUM, browser
from .relying import claims_of
from .shop.site import cli
from .visitor import PASSWORD, Visitor

ADDRESS = "grace@example.net"
BACK = "http://127.0.0.1:9/back"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"


@dataclass
class Shop:
    """An application as its own code sees Mailkeep."""

    up: Up
    id: str
    secret: str

    def client(self, back: str = BACK) -> OAuth2Session:
        return OAuth2Session(
            self.id,
            self.secret,
            scope="openid email",
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic",
        )

    def begin(self, client: OAuth2Session, **more: str) -> tuple[str, str]:
        """(path and query, state)."""
        url, state = client.create_authorization_url(
            f"{self.up.url}/oauth/authorize", nonce="the nonce", code_verifier=VERIFIER, **more
        )
        return url.removeprefix(self.up.url), state

    async def userinfo(self, token: str) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.up.session.get(f"{self.up.url}/oauth/userinfo", headers=headers) as reply:
            return reply.status, await reply.json()


async def add(up: Up, back: str = BACK) -> Shop:
    made = cli(up, "applications", "add", "Shop", "--sign-in", "--redirect", back)
    return Shop(up, str(made["client_id"]), str(made["client_secret"]))


async def sent(visitor: Visitor, path: str) -> str:
    """Where a GET sends the browser."""
    async with visitor._session.get(f"{visitor.url}{path}", allow_redirects=False) as reply:
        assert reply.status == 303, await reply.text()
        return reply.headers["Location"]


async def test_a_stock_client_signs_a_user_in_and_sees_them_leave(up: Up) -> None:
    shop = await add(up)
    async with up.session.get(f"{up.url}/.well-known/openid-configuration") as reply:
        found = await reply.json()
    client = shop.client()
    path, state = shop.begin(client)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        assert await sent(grace, path) == "/sign-in"
        assert "Then you go on to Shop." in (await grace.get("/sign-in"))[1]
        status, onward = await grace.enter(ADDRESS)
        assert status == 303
        assert onward.startswith("/oauth/authorize?")
        location = await sent(grace, onward)
        got = client.fetch_token(
            found["token_endpoint"],
            authorization_response=location,
            state=state,
            code_verifier=VERIFIER,
        )
        claims = await claims_of(up, shop.id, got["id_token"], found["jwks_uri"])
        assert (claims["email"], claims["email_verified"]) == (ADDRESS, True)
        assert set(claims) <= set(found["claims_supported"])
        assert found["userinfo_endpoint"] == f"{up.url}/oauth/userinfo"
        status, told = await shop.userinfo(got["access_token"])
        assert (status, told["sub"], told["email"]) == (200, claims["sub"], ADDRESS)
        # Who is signed in goes straight through, and is asked again where the application wants it.
        again = await sent(grace, shop.begin(client, prompt="none")[0])
        assert again.startswith(f"{BACK}?code=")
        assert await sent(grace, shop.begin(client, prompt="login")[0]) == "/sign-in"
        assert (await grace.get("/sign-in"))[0] == 200
        assert await grace.post("/sign-out") == (303, "/sign-in")
        status, told = await shop.userinfo(got["access_token"])
        assert (status, told["error"]) == (401, "invalid_token")
    assert (await shop.userinfo("mku_nothing"))[0] == 401


async def test_who_is_not_signed_in_is_told_of_in_silence(up: Up) -> None:
    shop = await add(up)
    path, state = shop.begin(shop.client(), prompt="none")
    async with Visitor(up.url) as stranger:
        back = parse_qs(urlsplit(await sent(stranger, path)).query)
    assert (back["error"], back["state"]) == (["login_required"], [state])


async def test_nobody_is_sent_where_the_application_has_not_registered(up: Up) -> None:
    shop = await add(up)
    path, _ = shop.begin(shop.client("https://thief.example.org/back"))
    async with Visitor(up.url) as stranger:
        status, page = await stranger.get(path)
        assert status >= 400
        assert "thief.example.org" not in page
        # Nor by a cookie of the browser's own making.
        stranger._session.cookie_jar.update_cookies({"__Host-sent": "@thief.example.org/x=1"})
        await stranger.join(ADDRESS)
        status, onward = await stranger.enter(ADDRESS)
        assert onward.startswith("/oauth/authorize?")
        assert (await stranger.get(onward))[0] >= 400


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_a_browser_comes_back_to_the_application(up: Up) -> None:
    """The policy of the page lets its form lead there."""
    came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        if "/back?" in line and not came.done():
            came.set_result(line)
        body = b"<title>the shop</title>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    back = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/back"
    shop = await add(up, back)
    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
    path, state = shop.begin(shop.client(back))
    async with server, browser() as launched:
        page = await (await launched.new_context()).new_page()
        await page.goto(f"{up.url}{path}")
        await expect(page.get_by_text("Then you go on to Shop.")).to_be_visible()
        await page.get_by_label("Mail address").fill(ADDRESS)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_title("the shop")
        assert f"state={state}" in await came

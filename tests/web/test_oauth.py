"""The whole way of an application that keeps its own accounts, over HTTP, with a stock client."""

import base64
import json
import re
import shutil
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session

from .conftest import Up
from .relying import claims_of
from .shop.site import cli
from .visitor import Visitor

CHROMIUM = shutil.which("chromium")
ADDRESS = "grace@example.net"
BACK = "http://127.0.0.1:9/back"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"


@dataclass
class Shop:
    """An application of a company, as its own code sees Mailkeep."""

    up: Up
    id: str
    secret: str
    key: str

    async def call(self, method: str, path: str, body: object = None, key: str = "") -> object:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        async with self.up.session.request(
            method, f"{self.up.url}{path}", json=body, headers=headers
        ) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if text else None

    async def register(self, name: str, *addresses: str, **fields: str) -> object:
        body = {"addresses": addresses, "factor": "none"} | fields
        return await self.call("PUT", f"/v1/subjects/{name}", body)

    def client(self, method: str = "client_secret_basic") -> OAuth2Session:
        return OAuth2Session(
            self.id,
            self.secret,
            scope="openid",
            redirect_uri=BACK,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
        )

    async def token(self, **fields: str) -> tuple[int, dict[str, object], object]:
        body = {
            "grant_type": "authorization_code",
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            "client_id": self.id,
            "client_secret": self.secret,
        } | fields
        body = {name: value for name, value in body.items() if value}
        async with self.up.session.post(f"{self.up.url}/oauth/token", data=body) as reply:
            return reply.status, await reply.json(), reply.headers


@pytest.fixture
async def shop(up: Up) -> Shop:
    made = cli(up, "applications", "add", "Shop", "--redirect", BACK)
    key = cli(up, "keys", "create", "shop", "--scope", "recover", "--application", "Shop")
    return Shop(up, str(made["client_id"]), str(made["client_secret"]), str(key["key"]))


async def asked(visitor: Visitor, url: str, address: str = ADDRESS) -> None:
    """Follow an application's redirect, and press the button of the form."""
    status, page = await visitor.get(url.removeprefix(visitor.url))
    assert status == 200, page
    carried = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    carried = {name: value.replace("&amp;", "&") for name, value in carried.items()}
    got = await visitor.post("/oauth/authorize", address=address, **carried)
    assert got == (303, "/recover/proof")


async def come_back(visitor: Visitor, address: str = ADDRESS, skip: int = 0) -> str:
    """Show both proofs; where the browser is sent."""
    link, code = await visitor.proofs(address, skip)
    assert await visitor.post("/recover/proof", long=link, code=code) == (303, "/recover/proof")
    page = (await visitor.get("/recover/proof"))[1]
    assert "Go back to Shop" in page
    status, location = await visitor.post("/recover/finish")
    assert status == 303, location
    return location


async def test_a_stock_client_gets_a_verdict(shop: Shop) -> None:
    """Authlib, with what it reads from the discovery document."""
    up = shop.up
    async with up.session.get(f"{up.url}/.well-known/openid-configuration") as reply:
        found = await reply.json()
    assert found["issuer"] == up.url
    async with up.session.get(f"{up.url}/.well-known/oauth-authorization-server") as reply:
        assert await reply.json() == found
    status, told = await shop.register("41", ADDRESS, locale="en")
    assert (status, told["held"], told["class"]) == (200, None, "customer")
    for method in ("client_secret_basic", "client_secret_post"):
        client = shop.client(method)
        url, state = client.create_authorization_url(
            found["authorization_endpoint"], nonce="the nonce", code_verifier=VERIFIER
        )
        async with Visitor(up.url) as grace:
            await asked(grace, url)
            skip = ["client_secret_basic", "client_secret_post"].index(method)
            location = await come_back(grace, skip=skip)
        back = {key: value for key, (value,) in parse_qs(urlsplit(location).query).items()}
        assert location.startswith(f"{BACK}?")
        assert back.keys() == {"code", "state", "iss"}
        assert back["iss"] == up.url
        got = client.fetch_token(
            found["token_endpoint"],
            authorization_response=location,
            state=state,
            code_verifier=VERIFIER,
        )
        claims = await claims_of(up, shop.id, got["id_token"], found["jwks_uri"])
        assert claims["sub"] == "41"
        assert claims["locale"] == "en"
        assert set(claims) <= set(found["claims_supported"])
        jti, token = claims["jti"], got["access_token"]
        assert (await shop.call("GET", f"/v1/verdicts/{jti}"))[1]["state"] == "handed_over"
        path = f"/v1/verdicts/{jti}/acknowledge"
        assert (await shop.call("POST", path, key=shop.key))[0] == 401  # an API key is none
        status, view = await shop.call("POST", path, key=token)
        assert (status, view["state"], view["subject"]) == (200, "secured", "41")
        assert (await shop.call("POST", path, key=token))[0] == 409
        async with Visitor(up.url) as grace:
            await grace.find(ADDRESS, r"(your account at Shop may be set anew)")


def authorize(shop: Shop, **fields: str) -> str:
    given = {
        "response_type": "code",
        "client_id": shop.id,
        "redirect_uri": BACK,
        "scope": "openid",
        "state": "a state & more",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    } | fields
    return f"/oauth/authorize?{urlencode({k: v for k, v in given.items() if v})}"


async def test_what_is_refused_goes_back_only_to_where_it_may(shop: Shop) -> None:
    async with Visitor(shop.up.url) as grace:
        for uri in (
            f"{BACK}/",
            f"{BACK}?x=1",
            f"{BACK}#x",
            BACK.upper(),
            BACK.replace("127.0.0.1", "localhost"),
            BACK.replace("/back", "/back/../evil"),
            "https://evil.example/",
            "",
        ):
            assert (await grace.get(authorize(shop, redirect_uri=uri)))[0] == 422, uri
        assert (await grace.get(authorize(shop, client_id="app_none")))[0] == 422
        twice = authorize(shop) + "&redirect_uri=https%3A%2F%2Fevil.example"
        assert (await grace.get(twice))[0] == 422
        assert (await grace.get(authorize(shop, state="x" * 2000)))[0] == 422
        for error, fields in (
            ("invalid_request", {"code_challenge": ""}),
            ("invalid_request", {"code_challenge_method": "plain"}),
            ("invalid_request", {"code_challenge_method": ""}),
            ("invalid_request", {"response_mode": "fragment"}),
            ("unsupported_response_type", {"response_type": "token"}),
            ("unsupported_response_type", {"response_type": "code id_token"}),
            ("invalid_scope", {"scope": "profile"}),
            ("interaction_required", {"prompt": "none"}),
            ("request_not_supported", {"request": "e30."}),
            ("request_uri_not_supported", {"request_uri": "https://evil.example"}),
        ):
            async with shop.up.session.get(
                f"{shop.up.url}{authorize(shop, **fields)}", allow_redirects=False
            ) as reply:
                assert reply.status == 303, fields
                assert "no-store" in reply.headers["Cache-Control"]
                location = reply.headers["Location"]
            said = dict(parse_qsl(urlsplit(location).query))
            assert location.startswith(f"{BACK}?")
            assert (said["error"], said["iss"]) == (error, shop.up.url)
            assert said["state"] == "a state & more"
            assert "code" not in said
        # The same once more when the button is pressed: the form is a stranger's to write.
        carried = dict(parse_qsl(urlsplit(authorize(shop)).query))
        wrong = carried | {"redirect_uri": "https://evil.example/"}
        assert (await grace.post("/oauth/authorize", address=ADDRESS, **wrong))[0] == 422
        none = {k: v for k, v in carried.items() if not k.startswith("code_challenge")}
        status, location = await grace.post("/oauth/authorize", address=ADDRESS, **none)
        assert (status, "error=invalid_request" in location) == (303, True)
        foreign = {"Origin": "https://evil.example"}
        assert (await grace.post("/oauth/authorize", foreign, address=ADDRESS, **carried))[0] == 403


async def test_opening_begins_nothing_and_a_hint_is_only_written_into_the_form(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    async with Visitor(shop.up.url) as grace:
        status, page = await grace.get(authorize(shop, login_hint=ADDRESS))
        assert status == 200
        assert f'value="{ADDRESS}"' in page
        assert "<script" not in (await grace.get(authorize(shop, login_hint='@"><script>')))[1]
        assert await grace.mails(ADDRESS) == []


async def test_known_and_unknown_addresses_get_the_same_answer(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    pages = []
    async with Visitor(shop.up.url) as grace:
        for address in (ADDRESS, "nobody@example.net"):
            await asked(grace, authorize(shop), address)
            pages.append((await grace.get("/recover/proof"))[1])
        assert pages[0] == pages[1]
        assert "your password at Shop" in pages[0]
        await grace.find(ADDRESS, r"(/recover/proof#)")
        assert await grace.mails("nobody@example.net") == []
        # Nor do our own pages know the shop's users.
        assert await grace.post("/recover", address=ADDRESS) == (303, "/recover/proof")


async def test_the_token_endpoint_knows_its_clients(shop: Shop) -> None:
    url = f"{shop.up.url}/oauth/token"
    for fields, status, error in (
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "app_none"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
        ({"code": "mkc_none", "code_verifier": ""}, 400, "invalid_request"),
        ({"code": "mkc_none"}, 400, "invalid_grant"),
    ):
        got, body, headers = await shop.token(**fields)
        assert (got, body["error"]) == (status, error), fields
        assert headers["Cache-Control"] == "no-store"
        assert ("WWW-Authenticate" in headers) == (status == 401)
    told = base64.b64encode(f"{shop.id}:{shop.secret}".encode()).decode()
    both = {"Authorization": f"Basic {told}"}
    form = {"grant_type": "authorization_code", "client_secret": shop.secret}
    async with shop.up.session.post(url, data=form, headers=both) as reply:
        assert (await reply.json())["error"] == "invalid_request"
    odd = base64.b64encode(b"no colon").decode()
    for header in (f"Basic {odd}", "Basic !", "Bearer x", "Basic"):
        async with shop.up.session.post(
            url, data={"grant_type": "x"}, headers={"Authorization": header}
        ) as reply:
            assert reply.status == 401, header
    async with shop.up.session.post(url, json={"grant_type": "authorization_code"}) as reply:
        assert (reply.status, (await reply.json())["error"]) == (400, "invalid_request")
    twice = [("code", "a"), ("code", "b"), ("grant_type", "authorization_code")]
    async with shop.up.session.post(url, data=twice, headers=both) as reply:
        assert (await reply.json())["error"] == "invalid_request"
    async with shop.up.session.get(url) as reply:
        assert reply.status == 405


async def test_users_are_registered_changed_and_forgotten_over_http(shop: Shop) -> None:
    assert (await shop.register("41", ADDRESS))[0] == 200
    status, told = await shop.register("41", "new@example.net", factor="kept_there")
    assert (status, told["addresses"]) == (202, [ADDRESS])
    assert told["held"]["addresses"] == ["new@example.net"]
    assert told["held"]["factor"] == "kept_there"
    assert told["held"]["agreed"] is None
    # Announced where the owner was reached so far, over both routes.
    async with Visitor(shop.up.url) as grace:
        stop = await grace.find(ADDRESS, r"/change#([0-9A-Z]{26})", skip=1)
        assert await grace.mails("new@example.net") == []
        page = f"/v1/subjects/41/held/{told['held']['id']}/vouch"
        for who, status in ((f"{shop.id}:{shop.secret}x", 401), (f"{shop.id}:{shop.secret}", 202)):
            basic = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
            async with shop.up.session.post(f"{shop.up.url}{page}", headers=basic) as reply:
                assert reply.status == status, who
                told = await reply.json()
        assert told["held"]["agreed"] == "application"
        # Opening it does nothing, and one half of a yes stops nothing either.
        assert (await grace.get("/change"))[0] == 200
        assert (await grace.post("/change", secret=stop, answer="mine"))[0] == 200
        assert (await shop.call("GET", "/v1/subjects/41"))[1]["held"] is not None
        assert (await grace.post("/change", secret=stop, answer="stop"))[0] == 200
    assert (await shop.call("GET", "/v1/subjects/41"))[1]["held"] is None
    body = {
        "subjects": [
            {"subject": "1", "addresses": ["one@example.net"], "factor": "none"},
            {"subject": "2", "addresses": ["no address"], "factor": "none"},
            {"subject": "1", "addresses": ["uno@example.net"], "factor": "none"},
            {"subject": "3", "addresses": [ADDRESS], "factor": "none"},
            {"subject": "41", "addresses": [ADDRESS, "b@example.net"], "factor": "none"},
        ]
    }
    status, told = await shop.call("PUT", "/v1/subjects", body)
    assert status == 200
    assert [one["status"] for one in told["results"]] == [
        *("registered", "refused", "refused", "refused", "held")
    ]
    fields = [one.get("problem", {}).get("field") for one in told["results"]]
    assert fields[1:4] == ["subjects[1].addresses[0]", "subjects[2].subject", "addresses"]
    assert (await shop.call("DELETE", "/v1/subjects/1"))[0] == 202
    assert (await shop.call("DELETE", "/v1/subjects/none"))[0] == 404
    for body, field in (
        ({"addresses": [], "factor": "none"}, "addresses"),
        ({"addresses": [ADDRESS], "factor": "maybe"}, "factor"),
        ({"addresses": [ADDRESS], "factor": "none", "class": "operator"}, "class"),
        ({"addresses": [ADDRESS]}, "factor"),
        ({"addresses": [ADDRESS], "factor": "none", "admin": True}, "admin"),
    ):
        status, told = await shop.call("PUT", "/v1/subjects/9", body)
        assert (status, told["field"]) == (422, field)
    other = cli(shop.up, "keys", "create", "loose", "--scope", "recover")
    assert (await shop.call("GET", "/v1/subjects/41", key=str(other["key"])))[0] == 403
    assert (await shop.call("GET", "/v1/subjects/41", key=shop.up.key))[0] == 403
    cli(shop.up, "applications", "add", "Forum", "--redirect", BACK)
    forum = cli(shop.up, "keys", "create", "f", "--scope", "recover", "--application", "Forum")
    assert (await shop.call("GET", "/v1/subjects/41", key=str(forum["key"])))[0] == 404
    cli(shop.up, "applications", "revoke", "Shop")
    assert (await shop.register("42", "x@example.net"))[0] == 403

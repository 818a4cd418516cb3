"""A real OpenID provider on loopback: Authlib's, with its code flow, PKCE and client secrets."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from aiohttp import web
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    OAuth2Payload,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, UserInfo
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "mailkeep", "of-the-console-alone"


class Client(ClientMixin):
    """The console, as the provider knows it."""

    client_id = CLIENT

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Code(AuthorizationCodeMixin, msgspec.Struct):
    """A code that waits to be exchanged."""

    code: str
    user: str
    redirect_uri: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    scope: str = "openid"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Payload(OAuth2Payload):
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    @property
    def data(self) -> dict[str, str]:
        return dict(self._pairs)

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        found = defaultdict(list)
        for name, value in self._pairs:
            found[name].append(value)
        return found


class House:
    """The provider. What it says may be bent: ``claims`` is called on the claims of each token.

    Attributes:
        issuer: its name.
        people: by subject, what it tells of each.
        key: signs its tokens.
    """

    def __init__(self, issuer: str, redirect_uri: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.people: dict[str, dict[str, Any]] = {}
        self.now: Callable[[], int] = lambda: int(time.time())
        self.claims: Callable[[dict[str, Any]], None] = lambda claims: None
        self.token: Callable[[str], str] = lambda token: token
        self.told: dict[str, Any] = {}
        self.asked: list[str] = []
        self.codes: dict[str, Code] = {}
        self._server = _server(self, Client(redirect_uri))

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        } | self.told

    def authorize(self, url: str, person: str) -> dict[str, str]:
        """``person`` signs in there; what the browser is sent back with."""
        request = Asked("GET", url, parse_qsl(urlsplit(url).query), {})
        grant = self._server.get_consent_grant(request)
        answer = self._server.create_authorization_response(
            request=request, grant_user=person, grant=grant
        )
        location = dict(answer[2])["Location"]
        back, _, query = location.partition("?")
        assert back == dict(parse_qsl(urlsplit(url).query))["redirect_uri"]
        return dict(parse_qsl(query)) | {"iss": self.issuer}

    def sign(self, claims: Mapping[str, Any], key: RSAKey | None = None, **header: str) -> str:
        """A token of any claims, under the provider's name for its key."""
        return jwt.encode({"alg": "RS256", "kid": "one"} | header, dict(claims), key or self.key)

    def app(self) -> web.Application:
        """What it answers over HTTP."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append("metadata")
        return web.json_response(self.metadata())

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [self.key.as_dict(private=False) | {"use": "sig"}]})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        pairs = parse_qsl(await request.text())
        asked = Asked("POST", str(request.url), pairs, dict(request.headers))
        status, body, _ = self._server.create_token_response(asked)
        if "id_token" in body:
            body["id_token"] = self.token(body["id_token"])
        return web.json_response(body, status=status)


class Asked(OAuth2Request):
    """A request to the provider, with its words."""

    def __init__(self, method: str, url: str, pairs: list[tuple[str, str]], headers: Any) -> None:
        super().__init__(method, url, headers=headers)
        self.payload = Payload(pairs)

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)

    form = args


def _server(house: House, client: Client) -> AuthorizationServer:
    class Server(AuthorizationServer):
        def query_client(self, client_id: str) -> Client | None:
            return client if client_id == CLIENT else None

        def save_token(self, token: Any, request: Any) -> None:
            pass

        def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
            pass

        def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
            return request

        def handle_response(self, status: int, body: Any, headers: Any) -> Any:
            return status, body, headers

    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            house.codes[code] = Code(
                code,
                request.user,
                data["redirect_uri"],
                data["nonce"],
                data["code_challenge"],
                data["code_challenge_method"],
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return house.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del house.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    class Identity(OpenIDCode):
        def resolve_client_private_key(self, client: Client) -> RSAKey:
            return house.key

        def get_encode_header(self, client: Client) -> dict[str, str]:
            return {"alg": "RS256", "kid": "one", "typ": "JWT"}

        def get_client_algorithm(self, client: Client) -> str:
            return "RS256"

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            return {"iss": house.issuer}

        def get_compatible_claims(self, request: Any) -> dict[str, Any]:
            now = house.now()
            return {"iss": house.issuer, "aud": [CLIENT], "iat": now, "exp": now + 300}

        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def generate_user_info(self, user: str, scope: str) -> UserInfo:
            claims = {"sub": user} | house.people[user]
            house.claims(claims)
            return UserInfo(claims)

    server = Server()
    server.register_token_generator("default", BearerTokenGenerator(lambda *_, **__: "x" * 40))
    server.register_grant(Grant, [Identity(), CodeChallenge(required=True)])
    return server

"""Stand-in for Amazon SES's account API v2: identities and exports.

Requests must be signed (Signature Version 4), worked out here for itself: a stand-in that shared it
with who signs would share its mistakes.

Formats: https://docs.aws.amazon.com/ses/latest/APIReference-V2/ and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

import hashlib
import hmac
import re
from urllib.parse import quote, unquote

from aiohttp import web

from .web import Handler, Listener, json_of, member, text

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/ses/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_PAGE = 100


class SesAccount:
    """One account in one region. Its attributes are what an intruder changes.

    Args:
        key_id, secret: of the IAM user that reads.
    """

    def __init__(self, key_id: str, secret: str, region: str = "eu-central-1") -> None:
        self._key_id, self._secret, self._region = key_id, secret, region
        self.account: dict[str, object] = {
            "EnforcementStatus": "HEALTHY",
            "SendingEnabled": True,
            "ProductionAccessEnabled": True,
            "DedicatedIpAutoWarmupEnabled": False,
        }
        self.identities: list[dict[str, object]] = []
        self.policies: dict[str, dict[str, str]] = {}
        self.destinations: dict[str, list[dict[str, object]]] = {}
        self.templates: list[dict[str, object]] = []
        self.jobs: list[dict[str, object]] = []
        app = web.Application(middlewares=[self._check])
        app.router.add_get("/v2/email/account", self._account)
        app.router.add_get("/v2/email/identities", self._identities)
        app.router.add_get("/v2/email/identities/{name}/policies", self._policies)
        app.router.add_get("/v2/email/configuration-sets", self._sets)
        app.router.add_get(
            "/v2/email/configuration-sets/{name}/event-destinations", self._destinations
        )
        app.router.add_get("/v2/email/templates", self._templates)
        app.router.add_post("/v2/email/list-export-jobs", self._jobs)
        self._listener = Listener(app)

    async def start(self) -> str:
        """Listen at loopback; the API's base."""
        return await self._listener.start(0)

    async def stop(self) -> None:
        """End."""
        await self._listener.stop()

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if found is None or (found[1], found[3]) != (self._key_id, self._region):
            return _error("UnrecognizedClientException", 403)
        if not hmac.compare_digest(await self._signature(request, found[2], found[4]), found[5]):
            return _error("InvalidSignatureException", 403)
        return await handler(request)

    async def _signature(self, request: web.Request, day: str, names: str) -> str:
        """Written after the page's steps 1 to 4."""
        path = "/".join(quote(part, safe="") for part in request.rel_url.raw_path.split("/"))
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in sorted(request.query.items())
        )
        lines = [request.method, path, query]
        lines += [f"{name}:{request.headers.get(name, '').strip()}" for name in names.split(";")]
        lines += ["", names, hashlib.sha256(await request.read()).hexdigest()]
        scope = f"{day}/{self._region}/ses/aws4_request"
        told = [
            "AWS4-HMAC-SHA256",
            request.headers.get("X-Amz-Date", ""),
            scope,
            hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        ]
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, "\n".join(told).encode(), hashlib.sha256).hexdigest()

    async def _account(self, _request: web.Request) -> web.Response:
        return web.json_response(self.account)

    async def _identities(self, request: web.Request) -> web.Response:
        return _page(request.query.get("NextToken"), "EmailIdentities", self.identities)

    async def _policies(self, request: web.Request) -> web.Response:
        name = unquote(request.match_info["name"])
        return web.json_response({"Policies": self.policies.get(name, {})})

    async def _sets(self, request: web.Request) -> web.Response:
        return _page(request.query.get("NextToken"), "ConfigurationSets", list(self.destinations))

    async def _destinations(self, request: web.Request) -> web.Response:
        name = unquote(request.match_info["name"])
        if name not in self.destinations:
            return _error("NotFoundException", 404)
        return web.json_response({"EventDestinations": self.destinations[name]})

    async def _templates(self, request: web.Request) -> web.Response:
        return _page(request.query.get("NextToken"), "TemplatesMetadata", self.templates)

    async def _jobs(self, request: web.Request) -> web.Response:
        token = text(member(json_of(await request.read()), "NextToken"))
        return _page(token, "ExportJobs", self.jobs)


def _page(
    token: str | None, name: str, entries: list[dict[str, object]] | list[str]
) -> web.Response:
    start = int(token) if token and token.isdigit() else 0
    answer: dict[str, object] = {name: entries[start : start + _PAGE]}
    if start + _PAGE < len(entries):
        answer["NextToken"] = str(start + _PAGE)
    return web.json_response(answer)


def _error(name: str, status: int) -> web.Response:
    return web.json_response({"message": name}, status=status, headers={"x-amzn-ErrorType": name})

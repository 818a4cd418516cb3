"""Stand-in for SendGrid's account API v3: keys, people and webhooks.

Nothing is sent through it. A key's scopes decide what it may do, as there: read, make keys that may
do no more than it, revoke them.

Formats: https://www.twilio.com/docs/sendgrid/api-reference (api keys, teammates, event webhooks,
domain and sender authentication, settings, templates).
"""

import secrets
from collections.abc import Mapping

from aiohttp import web

from .web import Listener, number

#: What a list's path wants of a key, and under which word its answer stands ("": bare).
_LISTS: Mapping[str, tuple[str, str, str]] = {
    "/v3/api_keys": ("keys", "api_keys.read", "result"),
    "/v3/teammates": ("teammates", "teammates.read", "result"),
    "/v3/teammates/pending": ("invited", "teammates.read", "result"),
    "/v3/subusers": ("subusers", "subusers.read", ""),
    "/v3/whitelabel/domains": ("domains", "whitelabel.read", ""),
    "/v3/verified_senders": ("senders", "sender_verification_eligible", "results"),
    "/v3/user/webhooks/event/settings/all": (
        "webhooks",
        "user.webhooks.event.settings.read",
        "webhooks",
    ),
    "/v3/user/webhooks/parse/settings": ("parse", "user.webhooks.parse.settings.read", "result"),
    "/v3/access_settings/whitelist": ("allowed", "access_settings.whitelist.read", "result"),
    "/v3/mail_settings": ("mail_settings", "mail_settings.read", "result"),
    "/v3/tracking_settings": ("tracking", "tracking_settings.read", "result"),
    "/v3/templates": ("templates", "templates.read", "result"),
    "/v3/marketing/contacts/exports": ("exports", "marketing.read", "result"),
}
_SINGLE: Mapping[str, tuple[str, str]] = {
    "/v3/mail_settings/forward_bounce": ("forward_bounce", "mail_settings.read"),
    "/v3/mail_settings/forward_spam": ("forward_spam", "mail_settings.read"),
    "/v3/user/email": ("email", "user.email.read"),
}
#: What is deleted below a path: its list, what names an entry, and what a key must be allowed.
_DELETED: Mapping[str, tuple[str, str, str]] = {
    "/v3/user/webhooks/event/settings": ("webhooks", "id", "user.webhooks.event.settings.delete"),
    "/v3/user/webhooks/parse/settings": (
        "parse",
        "hostname",
        "user.webhooks.parse.settings.delete",
    ),
    "/v3/templates": ("templates", "id", "templates.delete"),
    "/v3/verified_senders": ("senders", "id", "sender_verification.delete"),
    "/v3/whitelabel/domains": ("domains", "id", "whitelabel.delete"),
}
DELETING = tuple(sorted({one[2] for one in _DELETED.values()}))
READING = tuple(sorted({one[1] for one in (*_LISTS.values(), *_SINGLE.values())}))
_OFFSET = frozenset({"teammates", "subusers", "domains"})


class SendGridAccount:
    """One account. ``lists`` and ``single`` are what an intruder changes.

    Args:
        key: that reads.
        scopes: what it may do.
    """

    def __init__(self, key: str, scopes: tuple[str, ...] = READING) -> None:
        self._key = key
        self.scopes = scopes
        self.lists: dict[str, list[dict[str, object]]] = {
            name: [] for name, _, _ in _LISTS.values()
        }
        self.single: dict[str, dict[str, object]] = {
            "forward_bounce": {"email": "", "enabled": False},
            "forward_spam": {"email": "", "enabled": False},
            "email": {"email": "owner@example.com"},
        }
        names = ("address_whitelist", "bcc", "footer", "forward_bounce", "forward_spam", "template")
        self.lists["mail_settings"] = [
            {"name": name, "title": name, "description": "", "enabled": False} for name in names
        ]
        self.lists["tracking"] = [
            {"name": name, "title": name, "description": "", "enabled": False}
            for name in ("open", "click", "subscription", "google_analytics")
        ]
        app = web.Application()
        #: Of the keys that were made by its API: the key, its id, and what it may do.
        self.made: dict[str, tuple[str, tuple[str, ...]]] = {}
        app.router.add_get("/{path:.*}", self._answer)
        app.router.add_post("/v3/api_keys", self._make)
        app.router.add_delete("/v3/api_keys/{id}", self._revoke)
        app.router.add_delete("/{path:.*}", self._delete)
        self._listener = Listener(app)

    async def start(self) -> str:
        """Listen at loopback; the API's base."""
        return await self._listener.start(0)

    async def stop(self) -> None:
        """End."""
        await self._listener.stop()

    def make_key(self, name: str, *scopes: str) -> str:
        """Make an API key; its id. The key itself is shown once, there as here, and not kept."""
        made = secrets.token_urlsafe(16)
        self.lists["keys"].append({"name": name, "api_key_id": made, "scopes": list(scopes)})
        return made

    def issue(self, name: str, *scopes: str) -> str:
        """A key that works; as its API makes one."""
        made = self.make_key(name, *scopes)
        key = f"SG.{made}.{secrets.token_urlsafe(32)}"
        self.made[key] = (made, scopes)
        return key

    def _scopes(self, request: web.Request) -> tuple[str, ...] | None:
        """What the key that was shown may do; None: it is none."""
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if shown == self._key:
            return self.scopes
        return self.made[shown][1] if shown in self.made else None

    async def _make(self, request: web.Request) -> web.Response:
        has = self._scopes(request)
        if has is None:
            return _unknown()
        try:
            asked = await request.json()
            name, scopes = str(asked["name"]), tuple(map(str, asked["scopes"]))
        except (ValueError, KeyError, TypeError):
            return _error(400, "bad request")
        if "api_keys.create" not in has or not set(scopes) <= set(has):
            return _error(403, "access forbidden")
        key = self.issue(name, *scopes)
        told = {"api_key": key, "api_key_id": self.made[key][0], "name": name}
        return web.json_response({**told, "scopes": list(scopes)}, status=201)

    async def _revoke(self, request: web.Request) -> web.Response:
        has, wanted = self._scopes(request), request.match_info["id"]
        if has is None:
            return _unknown()
        if "api_keys.delete" not in has:
            return _error(403, "access forbidden")
        left = [one for one in self.lists["keys"] if one["api_key_id"] != wanted]
        if len(left) == len(self.lists["keys"]):
            return _error(404, "unable to find API Key")
        self.lists["keys"] = left
        self.made = {key: one for key, one in self.made.items() if one[0] != wanted}
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        """Delete an entry of a list, by its path below the list's."""
        has = self._scopes(request)
        if has is None:
            return _unknown()
        under, _, wanted = request.path.rpartition("/")
        if under not in _DELETED:
            return _error(404, "resource not found")
        name, key, scope = _DELETED[under]
        if scope not in has:
            return _error(403, "access forbidden")
        left = [one for one in self.lists[name] if str(one[key]) != wanted]
        if len(left) == len(self.lists[name]):
            return _error(404, "not found")
        self.lists[name] = left
        return web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.Response:
        has = self._scopes(request)
        if has is None:
            return _unknown()
        path = request.path
        if path == "/v3/scopes":
            return web.json_response({"scopes": list(has)})
        if path.startswith("/v3/api_keys/"):
            return self._one_key(path.rpartition("/")[2], has)
        if path in _SINGLE:
            name, scope = _SINGLE[path]
            return _allowed(scope, has) or web.json_response(self.single[name])
        if path not in _LISTS:
            return _error(404, "resource not found")
        name, scope, under = _LISTS[path]
        entries = self.lists[name]
        if name == "keys":
            entries = [{key: one[key] for key in ("name", "api_key_id")} for one in entries]
        if name in _OFFSET:
            offset = int(number(request.query.get("offset"), 0, 0, 1e6))
            entries = entries[offset : offset + int(number(request.query.get("limit"), 50, 1, 500))]
        answer: object = {under: entries} if under else entries
        if name == "templates":
            answer = self._templates(request)
        return _allowed(scope, has) or web.json_response(answer)

    def _templates(self, request: web.Request) -> dict[str, object]:
        size = int(number(request.query.get("page_size"), 10, 1, 200))
        start = int(number(request.query.get("page_token"), 0, 0, 1e6))
        page = self.lists["templates"][start : start + size]
        told: dict[str, object] = {"count": len(self.lists["templates"])}
        if start + size < len(self.lists["templates"]):
            url = request.url.origin().with_path("/v3/templates")
            told["next"] = f"{url}?page_size={size}&page_token={start + size}"
        return {"result": page, "_metadata": told}

    def _one_key(self, wanted: str, has: tuple[str, ...]) -> web.Response:
        found = next((one for one in self.lists["keys"] if one["api_key_id"] == wanted), None)
        refused = _allowed("api_keys.read", has)
        if refused is not None or found is not None:
            return refused or web.json_response(found)
        return _error(404, "unable to find API Key")


def _allowed(scope: str, has: tuple[str, ...]) -> web.Response | None:
    return None if scope in has else _error(403, "access forbidden")


def _unknown() -> web.Response:
    return _error(401, "The provided authorization grant is invalid, expired, or revoked")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"errors": [{"field": None, "message": message}]}, status=status)

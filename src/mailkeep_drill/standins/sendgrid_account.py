"""SendGrid, played as far as its account goes: what its API v3 tells of keys, people and webhooks.

Nothing is sent through it. A key's scopes decide what it may read, as there.

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
        app.router.add_get("/{path:.*}", self._answer)
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

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            return _error(401, "The provided authorization grant is invalid, expired, or revoked")
        path = request.path
        if path == "/v3/scopes":
            return web.json_response({"scopes": list(self.scopes)})
        if path.startswith("/v3/api_keys/"):
            return self._one_key(path.rpartition("/")[2])
        if path in _SINGLE:
            name, scope = _SINGLE[path]
            return self._allowed(scope) or web.json_response(self.single[name])
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
        return self._allowed(scope) or web.json_response(answer)

    def _templates(self, request: web.Request) -> dict[str, object]:
        size = int(number(request.query.get("page_size"), 10, 1, 200))
        start = int(number(request.query.get("page_token"), 0, 0, 1e6))
        page = self.lists["templates"][start : start + size]
        told: dict[str, object] = {"count": len(self.lists["templates"])}
        if start + size < len(self.lists["templates"]):
            url = request.url.origin().with_path("/v3/templates")
            told["next"] = f"{url}?page_size={size}&page_token={start + size}"
        return {"result": page, "_metadata": told}

    def _one_key(self, wanted: str) -> web.Response:
        found = next((one for one in self.lists["keys"] if one["api_key_id"] == wanted), None)
        refused = self._allowed("api_keys.read")
        if refused is not None or found is not None:
            return refused or web.json_response(found)
        return _error(404, "unable to find API Key")

    def _allowed(self, scope: str) -> web.Response | None:
        return None if scope in self.scopes else _error(403, "access forbidden")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"errors": [{"field": None, "message": message}]}, status=status)

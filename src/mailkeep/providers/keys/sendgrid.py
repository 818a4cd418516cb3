"""Creates, lists and revokes SendGrid API keys through API v3.

The managing key needs the scopes ``api_keys.create``, ``api_keys.delete``, ``api_keys.read`` and
``mail.send``: a key gives no other one more than it has itself.

A key is ``SG.`` with its id, a dot, and its secret part.
Formats: https://www.twilio.com/docs/sendgrid/api-reference/api-keys
"""

import re
from typing import ClassVar, Final, TypeVar
from urllib.parse import quote

import msgspec

from mailkeep.base.secret import Secret
from mailkeep.providers.outgoing import endpoint, key_of
from mailkeep.providers.types import HttpReply, HttpRequest, ProviderConfig, TransportFailure

from .types import Answer, Listed, Made, Manager, Trouble

DEFAULT_BASE_URL: Final = "https://api.sendgrid.com"
SENDS: Final = "mail.send"
_MAX: Final = 256 * 1024
_KEY: Final = re.compile(r"SG\.([A-Za-z0-9_-]{10,64})\.[A-Za-z0-9_-]{10,128}")

T = TypeVar("T")


class _Key(msgspec.Struct):
    api_key_id: str
    name: str = ""


class _Keys(msgspec.Struct):
    result: tuple[_Key, ...]


class _New(msgspec.Struct):
    api_key: str
    api_key_id: str


class _Scopes(msgspec.Struct):
    scopes: tuple[str, ...]


class SendGridKeys:
    """See the module."""

    kind: ClassVar[str] = "sendgrid"

    def id_of(self, secret: Secret) -> str | None:
        found = _KEY.fullmatch(secret.reveal())
        return None if found is None else found[1]

    def list(self, manager: Manager) -> HttpRequest:
        return _request(manager, "GET", "/v3/api_keys?limit=1000", manager.secret)

    def read_list(self, reply: Answer) -> tuple[Listed, ...] | Trouble:
        found = _decode(reply, 200, _Keys)
        if isinstance(found, Trouble):
            return found
        return tuple(Listed(one.api_key_id, one.name) for one in found.result)

    def make(self, manager: Manager, name: str) -> HttpRequest:
        body = msgspec.json.encode({"name": name, "scopes": [SENDS]})
        return _request(manager, "POST", "/v3/api_keys", manager.secret, body)

    def read_made(self, reply: Answer) -> Made | Trouble:
        found = _decode(reply, 201, _New)
        if isinstance(found, Trouble):
            return found
        made = Made(found.api_key_id, Secret(found.api_key))
        return made if self.id_of(made.secret) == made.id else Trouble.UNREADABLE

    def prove(self, manager: Manager, secret: Secret) -> HttpRequest:
        return _request(manager, "GET", "/v3/scopes", secret)

    def read_proved(self, reply: Answer) -> bool | Trouble:
        found = _decode(reply, 200, _Scopes)
        if found is Trouble.REFUSED:
            return False
        return found if isinstance(found, Trouble) else SENDS in found.scopes

    def revoke(self, manager: Manager, key: str) -> HttpRequest:
        return _request(manager, "DELETE", f"/v3/api_keys/{quote(key, safe='')}", manager.secret)

    def read_revoked(self, reply: Answer) -> bool | Trouble:
        if isinstance(reply, HttpReply) and reply.status in {204, 404}:
            return True
        found = _decode(reply, 204, _Keys)
        return found if isinstance(found, Trouble) else Trouble.UNREADABLE


def _request(
    manager: Manager, method: str, path: str, secret: Secret, body: bytes = b""
) -> HttpRequest:
    known = ProviderConfig("", "sendgrid", manager.base_url, secret, None, None, {}, "")
    headers = {"Authorization": f"Bearer {key_of(secret)}", "User-Agent": "Mailkeep"}
    if body:
        headers["Content-Type"] = "application/json"
    return HttpRequest(method, endpoint(known, DEFAULT_BASE_URL, path), headers, body)


def _decode(reply: Answer, wanted: int, into: type[T]) -> T | Trouble:
    if isinstance(reply, TransportFailure):
        return Trouble.AWAY
    if reply.status in {401, 403}:
        return Trouble.REFUSED
    if reply.status in {408, 429} or reply.status >= 500:
        return Trouble.AWAY
    if reply.status != wanted or len(reply.body) > _MAX:
        return Trouble.UNREADABLE
    try:
        return msgspec.json.decode(reply.body, type=into)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        return Trouble.UNREADABLE

"""Builds the requests that delete our data from a provider's account, when it is left (pure).

What is deleted is what the account's module reads (`ShowsAccount`), item by item, so there is one
list of what is there. What no API deletes, or cannot be named to it, is left for a person.

Security: the key for this can destroy. It is handed in once, by a person, and lies in no setting;
the one that reads must not be able to do this.

Formats: Mailchimp Transactional's API 1.0 (``webhooks/delete``, ``templates/delete``,
``whitelists/delete``, ``subaccounts/delete``); Postmark's webhooks, templates and server APIs;
SendGrid's v3 (event and parse webhooks, templates, verified senders, authenticated domains).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import msgspec

from mailkeep.providers.outgoing import key_of
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

from . import mandrill, postmark, sendgrid
from .types import AccountConfig, Item, Kind, Trouble

Delete = Callable[[AccountConfig, Item], HttpRequest | None]

#: What Mailchimp Transactional and Postmark say of what is not there any more.
_UNKNOWN: Final = frozenset({"Unknown_Webhook", "Unknown_Template", "Unknown_Subaccount"})
_NOT_FOUND: Final = frozenset({1101, 1352})
#: Settings that every account has, read among what could be deleted.
SETTINGS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"sendgrid": frozenset({"footer", "template", "address_whitelist"})}
)


class _Error(msgspec.Struct):
    name: str = ""
    code: int = msgspec.field(name="ErrorCode", default=0)


def _mandrill(config: AccountConfig, item: Item) -> HttpRequest | None:
    number = int(item.id) if item.id.isascii() and item.id.isdigit() else item.id
    named: Mapping[Kind, tuple[str, str, int | str]] = {
        Kind.WEBHOOK: ("webhooks", "id", number),
        Kind.TEMPLATE: ("templates", "name", item.id),
        Kind.ALLOW: ("whitelists", "email", item.id),
        Kind.USER: ("subaccounts", "id", item.id),
    }
    if item.kind not in named:
        return None
    list_, by, value = named[item.kind]
    body = msgspec.json.encode({"key": key_of(config.secret), by: value})
    url = config.url(mandrill.DEFAULT_BASE_URL, f"/{list_}/delete.json")
    headers = {"Content-Type": "application/json", "User-Agent": "Mailkeep"}
    return HttpRequest("POST", url, headers, body)


def _postmark(config: AccountConfig, item: Item) -> HttpRequest | None:
    headers = {
        "Accept": "application/json",
        "User-Agent": "Mailkeep",
        "X-Postmark-Server-Token": key_of(config.secret),
    }
    path = {Kind.WEBHOOK: "webhooks", Kind.TEMPLATE: "templates"}.get(item.kind)
    if path is not None and item.id.isascii() and item.id.isdigit():
        url = config.url(postmark.DEFAULT_BASE_URL, f"/{path}/{item.id}")
        return HttpRequest("DELETE", url, headers, b"")
    # One of the older webhooks, which are settings of the server.
    setting = item.id.rpartition(" ")[2]
    if item.kind is Kind.WEBHOOK and setting in postmark.HOOKS:
        headers["Content-Type"] = "application/json"
        url = config.url(postmark.DEFAULT_BASE_URL, "/server")
        return HttpRequest("PUT", url, headers, msgspec.json.encode({setting: ""}))
    return None


def _sendgrid(config: AccountConfig, item: Item) -> HttpRequest | None:
    paths: Mapping[Kind, str] = {
        Kind.WEBHOOK: "/v3/user/webhooks/event/settings/",
        Kind.TEMPLATE: "/v3/templates/",
        Kind.SENDER: "/v3/verified_senders/",
        Kind.DOMAIN: "/v3/whitelabel/domains/",
    }
    path, name = paths.get(item.kind), item.id
    if item.kind is Kind.WEBHOOK and name.startswith("parse "):
        path, name = "/v3/user/webhooks/parse/settings/", name.removeprefix("parse ")
    # The one event webhook of old has no id.
    if path is None or name in {"", "event", *SETTINGS["sendgrid"]}:
        return None
    headers = {"Authorization": f"Bearer {key_of(config.secret)}", "User-Agent": "Mailkeep"}
    url = config.url(sendgrid.DEFAULT_BASE_URL, path + quote(name, safe=""))
    return HttpRequest("DELETE", url, headers, b"")


#: By the kind of an account, what writes the request that deletes an item; None from it: nobody
#: but a person does.
DELETES: Final[Mapping[str, Delete]] = MappingProxyType(
    {"mandrill": _mandrill, "postmark": _postmark, "sendgrid": _sendgrid}
)


def trouble(reply: HttpReply | TransportFailure) -> Trouble | None:
    """Why something is not deleted; None: it is gone, now or before."""
    if isinstance(reply, TransportFailure):
        return Trouble.UNREACHABLE
    if reply.status in {200, 202, 204, 404} or _is_unknown(reply):
        return None
    if reply.status in {401, 403}:
        return Trouble.REFUSED
    return Trouble.THROTTLED if reply.status == 429 else Trouble.UNREACHABLE


def _is_unknown(reply: HttpReply) -> bool:
    if len(reply.body) > 4096:
        return False
    try:
        said = msgspec.json.decode(reply.body, type=_Error)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    return said.name in _UNKNOWN or said.code in _NOT_FOUND

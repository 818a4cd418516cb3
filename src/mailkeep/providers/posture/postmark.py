"""Postmark: reads the configuration of our server (server token) and account (account token).

Neither token has a read-only form: the server token can send. With ``account_secret`` alone (and no
``secret``) all servers are seen with their tokens, senders and domains, and nothing stored here can
send; webhooks, templates and streams are then not seen.

Left out because outsiders can change it: suppressions, bounces, all counts of mail.

Formats: https://postmarkapp.com/developer/api/ (server, servers, signatures, domains, webhooks,
templates, message streams).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.outgoing import key_of
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

from .reading import (
    decode,
    domain_of,
    fields,
    fingerprint,
    flag,
    hidden,
    host,
    secret,
    word,
    words,
)
from .types import MAX_ITEMS, MAX_PAGES, AccountConfig, Ask, Item, Kind, Reading, Trouble, Value

DEFAULT_BASE_URL: Final = "https://api.postmarkapp.com"
_COUNT: Final = 300
_PAGED: Final = frozenset({"servers", "senders", "domains", "templates"})
_ACCOUNT: Final = frozenset({"servers", "senders", "domains"})
HOOKS: Final = (
    "InboundHookUrl",
    "BounceHookUrl",
    "OpenHookUrl",
    "DeliveryHookUrl",
    "ClickHookUrl",
)


class _Server(msgspec.Struct, rename="pascal"):
    id: int = msgspec.field(name="ID")
    api_tokens: tuple[str, ...] = ()
    delivery_type: str | None = None
    smtp_api_activated: bool | None = None
    track_opens: bool | None = None
    track_links: str | None = None
    inbound_hook_url: str | None = None
    bounce_hook_url: str | None = None
    open_hook_url: str | None = None
    delivery_hook_url: str | None = None
    click_hook_url: str | None = None


class _Servers(msgspec.Struct, rename="pascal"):
    total_count: int
    servers: tuple[_Server, ...]


class _Sender(msgspec.Struct, rename="pascal"):
    id: int = msgspec.field(name="ID")
    email_address: str
    reply_to_email_address: str | None = None
    confirmed: bool | None = None


class _Senders(msgspec.Struct, rename="pascal"):
    total_count: int
    sender_signatures: tuple[_Sender, ...]


class _Domain(msgspec.Struct, rename="pascal"):
    id: int = msgspec.field(name="ID")
    name: str


class _Domains(msgspec.Struct, rename="pascal"):
    total_count: int
    domains: tuple[_Domain, ...]


class _Auth(msgspec.Struct, rename="pascal"):
    username: str | None = None
    password: str | None = None


class _Header(msgspec.Struct, rename="pascal"):
    name: str
    value: str | None = None


class _Trigger(msgspec.Struct, rename="pascal"):
    enabled: bool = False
    include_content: bool = False


class _Webhook(msgspec.Struct, rename="pascal"):
    id: int = msgspec.field(name="ID")
    url: str
    message_stream: str | None = None
    http_auth: _Auth | None = None
    http_headers: tuple[_Header, ...] | None = None
    triggers: dict[str, _Trigger] | None = None


class _Webhooks(msgspec.Struct, rename="pascal"):
    webhooks: tuple[_Webhook, ...]


class _Template(msgspec.Struct, rename="pascal"):
    template_id: int
    active: bool | None = None
    alias: str | None = None
    name: str | None = None


class _Templates(msgspec.Struct, rename="pascal"):
    total_count: int
    templates: tuple[_Template, ...]


_TYPES: Final[Mapping[str, Any]] = {
    "server": _Server,
    "webhooks": _Webhooks,
    "templates": _Templates,
    "servers": _Servers,
    "senders": _Senders,
    "domains": _Domains,
}


class PostmarkAccount:
    """See the module."""

    kind: ClassVar[str] = "postmark"
    lists: ClassVar[Mapping[str, tuple[Kind, ...]]] = {
        "server": (Kind.ACCOUNT, Kind.KEY, Kind.WEBHOOK, Kind.TRACKING),
        "webhooks": (Kind.WEBHOOK,),
        "templates": (Kind.TEMPLATE,),
        "servers": (Kind.ACCOUNT, Kind.KEY, Kind.WEBHOOK, Kind.TRACKING),
        "senders": (Kind.SENDER,),
        "domains": (Kind.DOMAIN,),
    }
    blind: ClassVar[Mapping[Kind, str]] = {
        Kind.USER: "its API does not list who can sign in",
        Kind.EXPORT: "its API does not list exports",
        Kind.READING: "reading a mail's content leaves no trace in its API",
        Kind.ALLOW: "it has no allow list in its API",
        Kind.FORWARD: "it has no forwarding in its API",
        Kind.TEMPLATE: "the list of templates does not tell their texts",
    }

    def ask(self, config: AccountConfig, now: Instant) -> list[Ask]:
        del now
        asks = []
        whole = config.account_secret is not None and bool(config.account_secret.reveal())
        if config.secret.reveal():
            # ``servers`` tells of the one server too; said twice, each change would count twice.
            left = _ACCOUNT | {"server"} if whole else _ACCOUNT
            asks += [_ask(config, name, 0) for name in self.lists if name not in left]
        if whole:
            asks += [_ask(config, name, 0) for name in self.lists if name in _ACCOUNT]
        if not asks:
            raise MisconfiguredProvider(f"{config.name}: neither a server nor an account token")
        return asks

    def read(
        self, config: AccountConfig, asked: Ask, reply: HttpReply | TransportFailure, now: Instant
    ) -> Reading:
        del now
        found = decode(reply, _TYPES[asked.list])
        if isinstance(found, Trouble):
            return Reading(trouble=found)
        if isinstance(found, _Server):
            return Reading(tuple(_of_server(found)))
        entries, total = _entries(found)
        if total > MAX_ITEMS or len(entries) > MAX_ITEMS:
            return Reading(trouble=Trouble.TOO_MANY)
        seen = int(asked.carry or 0) + len(entries)
        more: tuple[Ask, ...] = ()
        if asked.list in _PAGED and seen < total:
            if not entries or asked.page + 1 >= MAX_PAGES:
                return Reading(trouble=Trouble.UNREADABLE)
            more = (_ask(config, asked.list, seen, asked.page + 1),)
        return Reading(tuple(item for one in entries for item in _items(one)), more)

    def can_send(self, config: AccountConfig, items: Mapping[Kind, list[Item]]) -> bool | None:
        del items
        return bool(config.secret.reveal())


def _ask(config: AccountConfig, name: str, offset: int, page: int = 0) -> Ask:
    token = config.secret
    header = "X-Postmark-Server-Token"
    if name in _ACCOUNT and config.account_secret is not None:
        token, header = config.account_secret, "X-Postmark-Account-Token"
    headers = {"Accept": "application/json", "User-Agent": "Mailkeep", header: key_of(token)}
    query = f"?count={_COUNT}&offset={offset}" if name in _PAGED else ""
    url = config.url(DEFAULT_BASE_URL, f"/{name}{query}")
    return Ask(name, HttpRequest("GET", url, headers, b""), "", page, str(offset))


def _entries(found: object) -> tuple[tuple[object, ...], int]:
    match found:
        case _Servers():
            return found.servers, found.total_count
        case _Senders():
            return found.sender_signatures, found.total_count
        case _Domains():
            return found.domains, found.total_count
        case _Templates():
            return found.templates, found.total_count
        case _Webhooks():
            return found.webhooks, len(found.webhooks)
        case _:
            raise TypeError(type(found).__name__)


def _items(one: object) -> list[Item]:
    match one:
        case _Server():
            return _of_server(one)
        case _Sender():
            return [
                Item(
                    Kind.SENDER,
                    one.email_address.lower(),
                    fields(
                        domain=domain_of(one.email_address),
                        confirmed=flag(one.confirmed),
                        reply_to=hidden(one.reply_to_email_address),
                    ),
                )
            ]
        case _Domain():
            return [Item(Kind.DOMAIN, one.name.lower(), fields(domain=host("//" + one.name)))]
        case _Webhook():
            return [_of_webhook(one)]
        case _Template():
            shown = fields(alias=hidden(one.alias), name=hidden(one.name), active=flag(one.active))
            return [Item(Kind.TEMPLATE, str(one.template_id), shown)]
        case _:
            raise TypeError(type(one).__name__)


def _of_server(one: _Server) -> list[Item]:
    out = [
        Item(
            Kind.ACCOUNT,
            f"server {one.id}",
            fields(delivery=word(one.delivery_type), smtp=flag(one.smtp_api_activated)),
        ),
        Item(
            Kind.TRACKING,
            f"server {one.id}",
            fields(opens=flag(one.track_opens), links=word(one.track_links)),
        ),
    ]
    server = word(str(one.id))
    out += [Item(Kind.KEY, fingerprint(key), fields(server=server)) for key in one.api_tokens]
    urls = (
        one.inbound_hook_url,
        one.bounce_hook_url,
        one.open_hook_url,
        one.delivery_hook_url,
        one.click_hook_url,
    )
    for name, url in zip(HOOKS, urls, strict=True):
        if url:
            shown = fields(host=host(url), url=secret(url), events=word(name))
            out.append(Item(Kind.WEBHOOK, f"server {one.id} {name}", shown))
    return out


def _of_webhook(one: _Webhook) -> Item:
    triggers = one.triggers or {}
    on = tuple(name for name, trigger in triggers.items() if trigger.enabled)
    auth = one.http_auth or _Auth()
    headers = sorted((h.name, h.value or "") for h in one.http_headers or ())
    proof = "\n".join([auth.username or "", auth.password or "", *map(str, headers)])
    shown: Mapping[str, Value] = fields(
        host=host(one.url),
        # It may carry user and password.
        url=secret(one.url),
        events=words(on),
        content=flag(any(trigger.include_content for trigger in triggers.values())),
        stream=word(one.message_stream),
        key=secret(proof),
    )
    return Item(Kind.WEBHOOK, str(one.id), shown)

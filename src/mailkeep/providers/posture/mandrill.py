"""Mailchimp Transactional: reads our account's configuration through API 1.0.

The key travels in the body. Keys can be made in its pages that may only call what is named: give
this one ``users/info``, ``senders/list``, ``senders/domains``, ``webhooks/list``, ``exports/list``,
``templates/list``, ``whitelists/list``, ``subaccounts/list`` and ``urls/tracking-domains``.

``senders/list`` names whoever sent or tried to, so what is told of it is the domains only.

Left out because outsiders move it: the reject list (a bounce fills it), reputation, quota, backlog,
and all counts of mail.

Formats: https://mailchimp.com/developer/transactional/api/ (the machine-readable specification is
spec/transactional.json in mailchimp-client-lib-codegen).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.providers.outgoing import key_of
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

from .reading import (
    content,
    decode,
    domain_of,
    fields,
    flag,
    hidden,
    host,
    secret,
    too_many,
    word,
    words,
)
from .types import AccountConfig, Ask, Item, Kind, Reading, Trouble

DEFAULT_BASE_URL: Final = "https://mandrillapp.com/api/1.0"
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "Mailkeep"}


class _Info(msgspec.Struct):
    username: str
    public_id: str = ""


class _Sender(msgspec.Struct):
    address: str


class _Domain(msgspec.Struct):
    domain: str
    verified_at: str | None = None


class _Webhook(msgspec.Struct):
    id: int | str
    url: str
    events: tuple[str, ...] = ()
    auth_key: str | None = None


class _Export(msgspec.Struct):
    id: str
    type: str = ""


class _Template(msgspec.Struct):
    slug: str
    code: str | None = None
    publish_code: str | None = None
    text: str | None = None
    publish_text: str | None = None
    from_email: str | None = None
    publish_from_email: str | None = None
    subject: str | None = None
    publish_subject: str | None = None


class _Allowed(msgspec.Struct):
    email: str


class _Subaccount(msgspec.Struct):
    id: str
    status: str = ""


class _Tracking(msgspec.Struct):
    domain: str


_TYPES: Final[Mapping[str, Any]] = {
    "users/info": _Info,
    "senders/list": list[_Sender],
    "senders/domains": list[_Domain],
    "webhooks/list": list[_Webhook],
    "exports/list": list[_Export],
    "templates/list": list[_Template],
    "whitelists/list": list[_Allowed],
    "subaccounts/list": list[_Subaccount],
    "urls/tracking-domains": list[_Tracking],
}


class MandrillAccount:
    """See the module."""

    kind: ClassVar[str] = "mandrill"
    lists: ClassVar[Mapping[str, tuple[Kind, ...]]] = {
        "users/info": (Kind.ACCOUNT,),
        "senders/list": (Kind.SENDER,),
        "senders/domains": (Kind.DOMAIN,),
        "webhooks/list": (Kind.WEBHOOK,),
        "exports/list": (Kind.EXPORT,),
        "templates/list": (Kind.TEMPLATE,),
        "whitelists/list": (Kind.ALLOW,),
        "subaccounts/list": (Kind.USER,),
        "urls/tracking-domains": (Kind.TRACKING,),
    }
    blind: ClassVar[Mapping[Kind, str]] = {
        Kind.KEY: "its API does not list API keys",
        Kind.USER: "its API does not list who can sign in; subaccounts are seen",
        Kind.READING: "reading a mail's content leaves no trace in its API",
        Kind.TRACKING: "its API does not tell the account's defaults; tracking domains are seen",
        Kind.FORWARD: "its API does not tell whether copies are sent by the account's settings",
    }

    def ask(self, config: AccountConfig, now: Instant) -> list[Ask]:
        del now
        body = msgspec.json.encode({"key": key_of(config.secret)})
        return [
            Ask(
                name,
                HttpRequest("POST", config.url(DEFAULT_BASE_URL, f"/{name}.json"), _HEADERS, body),
            )
            for name in self.lists
        ]

    def read(
        self, config: AccountConfig, asked: Ask, reply: HttpReply | TransportFailure, now: Instant
    ) -> Reading:
        del config, now
        found = decode(_named(reply), _TYPES[asked.list])
        if isinstance(found, Trouble):
            return Reading(trouble=found)
        if isinstance(found, list) and too_many(len(found)):
            return Reading(trouble=Trouble.TOO_MANY)
        return Reading(tuple(map(_item, found if isinstance(found, list) else [found])))

    def can_send(self, config: AccountConfig, items: Mapping[Kind, list[Item]]) -> bool | None:
        del config, items
        return None


class _Error(msgspec.Struct):
    status: str
    name: str = ""


def _named(reply: HttpReply | TransportFailure) -> HttpReply | TransportFailure:
    """Its errors are 500 nearly all; what they mean stands in ``name``."""
    if isinstance(reply, TransportFailure) or reply.status == 200 or len(reply.body) > 4096:
        return reply
    try:
        error = msgspec.json.decode(reply.body, type=_Error)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return reply
    refused = error.name in {"Invalid_Key", "PaymentRequired", "ValidationError", "Unknown_Method"}
    return msgspec.structs.replace(reply, status=403) if refused else reply


def _item(one: object) -> Item:
    match one:
        case _Info():
            return Item(
                Kind.ACCOUNT,
                one.public_id or "account",
                fields(owner=hidden(one.username)),
            )
        case _Sender():
            # The list is of whoever sent: its domains only, or each address that an application of
            # ours makes up would be a change that nobody made there.
            domain = domain_of(one.address)
            return Item(Kind.SENDER, domain.text, fields(domain=domain, used=flag(on=True)))
        case _Domain():
            return Item(
                Kind.DOMAIN,
                one.domain.lower(),
                # Whether its DNS is found right just now is not a change that somebody made there.
                fields(domain=host("//" + one.domain), verified=flag(one.verified_at is not None)),
            )
        case _Webhook():
            return Item(
                Kind.WEBHOOK,
                str(one.id),
                fields(
                    host=host(one.url),
                    url=secret(one.url),
                    events=words(one.events),
                    key=secret(one.auth_key),
                ),
            )
        case _Export():
            return Item(Kind.EXPORT, one.id, fields(type=word(one.type)))
        case _Template():
            return Item(
                Kind.TEMPLATE,
                one.slug,
                fields(
                    content=content(
                        one.code,
                        one.publish_code,
                        one.text,
                        one.publish_text,
                        one.subject,
                        one.publish_subject,
                    ),
                    sender=hidden(f"{one.from_email or ''}\n{one.publish_from_email or ''}"),
                ),
            )
        case _Allowed():
            return Item(Kind.ALLOW, one.email.lower(), fields(domain=domain_of(one.email)))
        case _Subaccount():
            return Item(Kind.USER, one.id, fields(role=word("subaccount"), status=word(one.status)))
        case _Tracking():
            return Item(Kind.TRACKING, one.domain.lower(), fields(domain=host("//" + one.domain)))
        case _:
            raise TypeError(type(one).__name__)

"""SendGrid: reads our account's configuration through API v3.

The key must be made with reading scopes only: ``api_keys.read``, ``teammates.read``,
``subusers.read``, ``whitelabel.read``, ``sender_verification_eligible`` and
``sender_verification_exempt`` (verified senders), ``user.webhooks.event.settings.read``,
``user.webhooks.parse.settings.read``, ``access_settings.whitelist.read``, ``mail_settings.read``,
``tracking_settings.read``, ``templates.read``, ``user.email.read``, ``marketing.read``. Its own
scopes are read back: a key that may send is told of.

Left out because outsiders move it: suppressions, reputation, counts of mail, the log of addresses
that tried to sign in.

Formats: https://www.twilio.com/docs/sendgrid/api-reference (the machine-readable specification is
in https://github.com/twilio/sendgrid-oai).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.providers.outgoing import key_of
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

from .reading import decode, domain_of, fields, flag, hidden, host, secret, too_many, word, words
from .types import MAX_PAGES, AccountConfig, Ask, Item, Kind, Reading, Trouble

DEFAULT_BASE_URL: Final = "https://api.sendgrid.com"
_PAGE: Final = 100  #: entries of a list that is asked for by offset
_MOST_KEYS: Final = 80  #: each costs a request of its own for its scopes
_SENDS: Final = "mail.send"


class _Scopes(msgspec.Struct):
    scopes: tuple[str, ...]


class _Key(msgspec.Struct):
    api_key_id: str
    name: str = ""
    scopes: tuple[str, ...] | None = None


class _Keys(msgspec.Struct):
    result: tuple[_Key, ...]


class _Teammate(msgspec.Struct):
    username: str
    email: str | None = None
    user_type: str | None = None
    is_admin: bool | None = None


class _Teammates(msgspec.Struct):
    result: tuple[_Teammate, ...]


class _Pending(msgspec.Struct):
    email: str
    is_admin: bool | None = None


class _Invited(msgspec.Struct):
    result: tuple[_Pending, ...]


class _Subuser(msgspec.Struct):
    id: int
    username: str = ""
    email: str | None = None
    disabled: bool | None = None


class _Domain(msgspec.Struct):
    id: int
    domain: str
    subdomain: str | None = None
    default: bool | None = None
    automatic_security: bool | None = None


class _Sender(msgspec.Struct):
    id: int
    from_email: str
    reply_to: str | None = None


class _Senders(msgspec.Struct):
    results: tuple[_Sender, ...]


class _Hooks(msgspec.Struct):
    webhooks: tuple[dict[str, Any], ...]


class _Parse(msgspec.Struct):
    url: str
    hostname: str = ""
    send_raw: bool | None = None


class _Parses(msgspec.Struct):
    result: tuple[_Parse, ...]


class _Allowed(msgspec.Struct):
    id: int
    ip: str


class _AllowList(msgspec.Struct):
    result: tuple[_Allowed, ...] | None


class _Setting(msgspec.Struct):
    name: str
    enabled: bool


class _Settings(msgspec.Struct):
    result: tuple[_Setting, ...]


class _Forward(msgspec.Struct):
    email: str | None = None
    enabled: bool = False


class _Version(msgspec.Struct):
    id: str
    active: int | None = None
    updated_at: str | None = None


class _Template(msgspec.Struct):
    id: str
    generation: str | None = None
    versions: tuple[_Version, ...] = ()


class _Metadata(msgspec.Struct):
    next: str | None = None


class _Templates(msgspec.Struct):
    result: tuple[_Template, ...]
    metadata: _Metadata | None = msgspec.field(name="_metadata", default=None)


class _Email(msgspec.Struct):
    email: str


class _Export(msgspec.Struct):
    id: str
    export_type: str | None = None


class _Exports(msgspec.Struct):
    result: tuple[_Export, ...]


#: Each request by its step: the list that it belongs to, its path, what the answer must be.
_STEPS: Final[Mapping[str, tuple[str, str, Any]]] = {
    "scopes": ("own key", "/v3/scopes", _Scopes),
    "keys": ("keys", "/v3/api_keys", _Keys),
    "key": ("keys", "/v3/api_keys/", _Key),
    "teammates": ("teammates", f"/v3/teammates?limit={_PAGE}", _Teammates),
    "invited": ("invited", "/v3/teammates/pending", _Invited),
    "subusers": ("subusers", f"/v3/subusers?limit={_PAGE}", list[_Subuser]),
    "domains": ("domains", f"/v3/whitelabel/domains?limit={_PAGE}", list[_Domain]),
    "senders": ("senders", "/v3/verified_senders", _Senders),
    "webhooks": ("webhooks", "/v3/user/webhooks/event/settings/all", _Hooks),
    "parse": ("parse webhooks", "/v3/user/webhooks/parse/settings", _Parses),
    "allowed": ("allow list", "/v3/access_settings/whitelist", _AllowList),
    "mail": ("mail settings", "/v3/mail_settings", _Settings),
    "bounces": ("forwarded bounces", "/v3/mail_settings/forward_bounce", _Forward),
    "spam": ("forwarded spam", "/v3/mail_settings/forward_spam", _Forward),
    "tracking": ("tracking", "/v3/tracking_settings", _Settings),
    "templates": (
        "templates",
        "/v3/templates?generations=legacy,dynamic&page_size=200",
        _Templates,
    ),
    "email": ("owner", "/v3/user/email", _Email),
    "exports": ("exports", "/v3/marketing/contacts/exports", _Exports),
}
_PAGED: Final = frozenset({"teammates", "subusers", "domains"})
#: What a mail setting is; another one is the account's.
_MAIL: Final[Mapping[str, Kind]] = {
    "address_whitelist": Kind.ALLOW,
    "bcc": Kind.FORWARD,
    "forward_bounce": Kind.FORWARD,
    "forward_spam": Kind.FORWARD,
    "footer": Kind.TEMPLATE,
    "template": Kind.TEMPLATE,
}
_LATER: Final = frozenset({"key"})


class SendGridAccount:
    """See the module."""

    kind: ClassVar[str] = "sendgrid"
    lists: ClassVar[Mapping[str, tuple[Kind, ...]]] = {
        "own key": (Kind.KEY,),
        "keys": (Kind.KEY,),
        "teammates": (Kind.USER,),
        "invited": (Kind.USER,),
        "subusers": (Kind.USER,),
        "domains": (Kind.DOMAIN,),
        "senders": (Kind.SENDER,),
        "webhooks": (Kind.WEBHOOK,),
        "parse webhooks": (Kind.WEBHOOK,),
        "allow list": (Kind.ALLOW,),
        "mail settings": (Kind.FORWARD, Kind.ALLOW, Kind.TEMPLATE, Kind.ACCOUNT),
        "forwarded bounces": (Kind.FORWARD,),
        "forwarded spam": (Kind.FORWARD,),
        "tracking": (Kind.TRACKING,),
        "templates": (Kind.TEMPLATE,),
        "owner": (Kind.ACCOUNT,),
        "exports": (Kind.EXPORT,),
    }
    blind: ClassVar[Mapping[Kind, str]] = {
        Kind.READING: "reading a mail's content leaves no trace in its API",
        Kind.EXPORT: "exports of contacts are listed; downloads of the e-mail activity are not",
        Kind.USER: "a teammate's rights are seen as admin or not, not one by one",
    }

    def ask(self, config: AccountConfig, now: Instant) -> list[Ask]:
        del now
        return [_ask(config, step) for step in _STEPS if step not in _LATER]

    def read(
        self, config: AccountConfig, asked: Ask, reply: HttpReply | TransportFailure, now: Instant
    ) -> Reading:
        del now
        found = decode(reply, _STEPS[asked.step][2])
        if isinstance(found, Trouble):
            return Reading(trouble=found)
        if isinstance(found, _Keys):
            if len(found.result) > _MOST_KEYS:
                return Reading(trouble=Trouble.TOO_MANY)
            more = [_ask(config, "key", quote(one.api_key_id, safe="")) for one in found.result]
            return Reading(more=tuple(more))
        entries = _entries(found)
        if too_many(len(entries)):
            return Reading(trouble=Trouble.TOO_MANY)
        items = tuple(_item(asked, one) for one in entries)
        if asked.step in _PAGED and len(entries) >= _PAGE:
            return _next(items, config, asked, f"&offset={(asked.page + 1) * _PAGE}")
        if isinstance(found, _Templates) and found.metadata and found.metadata.next:
            token = found.metadata.next.partition("page_token=")[2].partition("&")[0]
            if not token:
                return Reading(trouble=Trouble.UNREADABLE)
            return _next(items, config, asked, f"&page_token={quote(token, safe='%')}")
        return Reading(items)

    def can_send(self, config: AccountConfig, items: Mapping[Kind, list[Item]]) -> bool | None:
        del config
        for item in items.get(Kind.KEY, ()):
            if item.id == "own":
                return item.fields["sends"].text == "yes"
        return None


def _next(items: tuple[Item, ...], config: AccountConfig, asked: Ask, query: str) -> Reading:
    if asked.page + 1 >= MAX_PAGES:
        return Reading(trouble=Trouble.TOO_MANY)
    return Reading(items, (_ask(config, asked.step, query, asked.page + 1),))


def _ask(config: AccountConfig, step: str, rest: str = "", page: int = 0) -> Ask:
    name, path, _ = _STEPS[step]
    headers = {
        "Authorization": f"Bearer {key_of(config.secret)}",
        "Accept": "application/json",
        "User-Agent": "Mailkeep",
    }
    url = config.url(DEFAULT_BASE_URL, path + rest)
    return Ask(name, HttpRequest("GET", url, headers, b""), step, page)


def _entries(found: object) -> tuple[object, ...]:
    match found:
        case list():
            return tuple(found)
        case _Senders():
            return found.results
        case _Hooks():
            return found.webhooks
        case _Scopes() | _Key() | _Forward() | _Email():
            return (found,)
        case _:
            return tuple(getattr(found, "result", None) or ())


def _item(asked: Ask, one: object) -> Item:
    """Keys and people here, places and settings below."""
    match one:
        case _Scopes():
            sends = flag(_SENDS in one.scopes)
            return Item(Kind.KEY, "own", fields(sends=sends, scopes=words(one.scopes)))
        case _Key():
            scopes = one.scopes or ()
            return Item(
                Kind.KEY,
                one.api_key_id,
                fields(name=hidden(one.name), scopes=words(scopes), sends=flag(_SENDS in scopes)),
            )
        case _Teammate():
            shown = fields(
                email=hidden(one.email), role=word(one.user_type), admin=flag(one.is_admin)
            )
            return Item(Kind.USER, one.username, shown)
        case _Pending():
            shown = fields(role=word("invited"), admin=flag(one.is_admin))
            return Item(Kind.USER, f"invited {one.email}", shown)
        case _Subuser():
            shown = fields(email=hidden(one.email), role=word("subuser"), off=flag(one.disabled))
            return Item(Kind.USER, f"subuser {one.id}", shown)
        case _Email():
            return Item(Kind.ACCOUNT, "account", fields(owner=hidden(one.email)))
        case _Setting() | _Forward():
            return _setting(asked.step, one)
        case _:
            return _place(one)


def _place(one: object) -> Item:
    match one:
        case _Domain():
            shown = fields(
                domain=host("//" + one.domain),
                subdomain=hidden(one.subdomain),
                default=flag(one.default),
            )
            return Item(Kind.DOMAIN, str(one.id), shown)
        case _Sender():
            shown = fields(
                address=hidden(one.from_email),
                domain=domain_of(one.from_email),
                reply_to=hidden(one.reply_to),
            )
            return Item(Kind.SENDER, str(one.id), shown)
        case dict():
            return _hook(one)
        case _Parse():
            shown = fields(
                host=host(one.url), url=secret(one.url), raw=flag(one.send_raw), events=word("mail")
            )
            return Item(Kind.WEBHOOK, f"parse {one.hostname}", shown)
        case _Allowed():
            return Item(Kind.ALLOW, str(one.id), fields(network=hidden(one.ip)))
        case _Template():
            versions = "\n".join(
                sorted(f"{v.id} {v.active} {v.updated_at or ''}" for v in one.versions)
            )
            shown = fields(generation=word(one.generation), content=secret(versions))
            return Item(Kind.TEMPLATE, one.id, shown)
        case _Export():
            return Item(Kind.EXPORT, one.id, fields(type=word(one.export_type)))
        case _:
            raise TypeError(type(one).__name__)


def _setting(step: str, one: _Setting | _Forward) -> Item:
    if isinstance(one, _Forward):
        shown = fields(to=hidden(one.email), enabled=flag(one.enabled))
        return Item(Kind.FORWARD, f"address of {step}", shown)
    kind = Kind.TRACKING if step == "tracking" else _MAIL.get(one.name, Kind.ACCOUNT)
    return Item(kind, one.name, fields(enabled=flag(one.enabled)))


def _hook(one: Mapping[str, Any]) -> Item:
    """Its events are members of their own: every one that is true is told to that address."""
    url = one.get("url")
    url = url if isinstance(url, str) else ""
    on = tuple(str(name) for name, value in one.items() if value is True and name != "enabled")
    public = one.get("public_key")
    shown = fields(
        host=host(url),
        url=secret(url),
        enabled=flag(one.get("enabled") is True),
        events=words(on),
        key=secret(public if isinstance(public, str) else ""),
    )
    return Item(Kind.WEBHOOK, str(one.get("id") or "event")[:100], shown)

"""Amazon SES: reads our account's configuration in one region through API v2.

Options: ``region`` (such as ``eu-central-1``) and ``access_key_id``; ``secret`` is the secret
access key. The key's user needs a policy that allows ``ses:GetAccount``,
``ses:ListEmailIdentities``, ``ses:GetEmailIdentityPolicies``, ``ses:ListConfigurationSets``,
``ses:GetConfigurationSetEventDestinations``, ``ses:ListEmailTemplates`` and ``ses:ListExportJobs``,
and nothing else.

Left out because outsiders move it: the suppression list, counts of mail. Whether the account is
under review follows complaints, which anybody can cause: it is read, and weighs next to nothing.

Formats: https://docs.aws.amazon.com/ses/latest/APIReference-V2/.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.outgoing import key_of
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

from .reading import content, decode, domain_of, fields, flag, hidden, host, word, words
from .sigv4 import signed
from .types import MAX_PAGES, AccountConfig, Ask, Item, Kind, Reading, Trouble, Value

_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):")
_MOST_BELOW: Final = 80  #: configuration sets and identities: each costs a request of its own


class _Account(msgspec.Struct, rename="pascal"):
    enforcement_status: str | None = None
    sending_enabled: bool | None = None
    production_access_enabled: bool | None = None


class _Identity(msgspec.Struct, rename="pascal"):
    identity_name: str
    identity_type: str | None = None
    sending_enabled: bool | None = None


class _Identities(msgspec.Struct, rename="pascal"):
    email_identities: tuple[_Identity, ...] = ()
    next_token: str | None = None


class _Policies(msgspec.Struct, rename="pascal"):
    policies: dict[str, str] = {}


class _Sets(msgspec.Struct, rename="pascal"):
    configuration_sets: tuple[str, ...] = ()
    next_token: str | None = None


class _Destination(msgspec.Struct, rename="pascal"):
    name: str
    enabled: bool | None = None
    matching_event_types: tuple[str, ...] = ()
    sns_destination: dict[str, Any] | None = None
    kinesis_firehose_destination: dict[str, Any] | None = None
    cloud_watch_destination: dict[str, Any] | None = None
    pinpoint_destination: dict[str, Any] | None = None
    event_bridge_destination: dict[str, Any] | None = None


class _Destinations(msgspec.Struct, rename="pascal"):
    event_destinations: tuple[_Destination, ...] = ()


class _Template(msgspec.Struct, rename="pascal"):
    template_name: str


class _Templates(msgspec.Struct, rename="pascal"):
    templates_metadata: tuple[_Template, ...] = ()
    next_token: str | None = None


class _Job(msgspec.Struct, rename="pascal"):
    job_id: str
    export_source_type: str | None = None


class _Jobs(msgspec.Struct, rename="pascal"):
    export_jobs: tuple[_Job, ...] = ()
    next_token: str | None = None


#: Each request by its step: the list that it belongs to, its path, what the answer must be.
_STEPS: Final[Mapping[str, tuple[str, str, Any]]] = {
    "account": ("account", "/v2/email/account", _Account),
    "identities": ("identities", "/v2/email/identities?PageSize=100", _Identities),
    "policies": ("policies", "/v2/email/identities/{}/policies", _Policies),
    "sets": ("destinations", "/v2/email/configuration-sets?PageSize=100", _Sets),
    "destinations": (
        "destinations",
        "/v2/email/configuration-sets/{}/event-destinations",
        _Destinations,
    ),
    "templates": ("templates", "/v2/email/templates?PageSize=100", _Templates),
    "exports": ("exports", "/v2/email/list-export-jobs", _Jobs),
    "owners": ("policies", "/v2/email/identities?PageSize=100", _Identities),
}
_FIRST: Final = ("account", "identities", "owners", "sets", "templates", "exports")


class SesAccount:
    """See the module."""

    kind: ClassVar[str] = "ses"
    lists: ClassVar[Mapping[str, tuple[Kind, ...]]] = {
        "account": (Kind.ACCOUNT,),
        "identities": (Kind.SENDER, Kind.DOMAIN),
        "policies": (Kind.ALLOW,),
        "destinations": (Kind.WEBHOOK,),
        "templates": (Kind.TEMPLATE,),
        "exports": (Kind.EXPORT,),
    }
    blind: ClassVar[Mapping[Kind, str]] = {
        Kind.KEY: "access keys live in IAM, another service: watch CloudTrail there",
        Kind.USER: "users and roles live in IAM, another service: watch CloudTrail there",
        Kind.READING: "it keeps no content to read",
        Kind.TRACKING: "tracking belongs to a configuration set's destinations, which are seen",
        Kind.FORWARD: "rules for received mail belong to the older API, which is not read",
        Kind.TEMPLATE: "the list of templates does not tell their texts",
    }

    def ask(self, config: AccountConfig, now: Instant) -> list[Ask]:
        return [_ask(config, step, now) for step in _FIRST]

    def read(
        self, config: AccountConfig, asked: Ask, reply: HttpReply | TransportFailure, now: Instant
    ) -> Reading:
        found = decode(reply, _STEPS[asked.step][2])
        if isinstance(found, Trouble):
            return Reading(trouble=found)
        items: list[Item] = []
        below: list[Ask] = []
        match found:
            case _Account():
                items.append(_account(found))
            case _Identities() if asked.step == "identities":
                items += map(_identity, found.email_identities)
            case _Identities():
                names = [one.identity_name for one in found.email_identities]
                below += [_ask(config, "policies", now, below=name) for name in names]
            case _Policies():
                items += [_policy(asked.carry, *one) for one in sorted(found.policies.items())]
            case _Sets():
                names = list(found.configuration_sets)
                below += [_ask(config, "destinations", now, below=name) for name in names]
            case _Destinations():
                items += [_destination(asked.carry, one) for one in found.event_destinations]
            case _Templates():
                names = [one.template_name for one in found.templates_metadata]
                items += [Item(Kind.TEMPLATE, name, fields(name=hidden(name))) for name in names]
            case _Jobs():
                items += [
                    Item(Kind.EXPORT, one.job_id, fields(type=word(one.export_source_type)))
                    for one in found.export_jobs
                ]
        if len(below) > _MOST_BELOW:
            return Reading(trouble=Trouble.TOO_MANY)
        token = getattr(found, "next_token", None)
        if token:
            if asked.page + 1 >= MAX_PAGES:
                return Reading(trouble=Trouble.TOO_MANY)
            below.append(_ask(config, asked.step, now, token=token, page=asked.page + 1))
        return Reading(tuple(items), tuple(below))

    def can_send(self, config: AccountConfig, items: Mapping[Kind, list[Item]]) -> bool | None:
        del config, items
        return None


def _ask(
    config: AccountConfig,
    step: str,
    now: Instant,
    *,
    below: str = "",
    token: str = "",
    page: int = 0,
) -> Ask:
    region, key_id = config.options.get("region", ""), config.options.get("access_key_id", "")
    if not region.replace("-", "").isalnum() or not key_id.isalnum():
        raise MisconfiguredProvider(f"{config.name}: say its region and access_key_id in options")
    key_of(config.secret)
    name, path, _ = _STEPS[step]
    method, body = "GET", b""
    path = path.format(quote(below, safe="-_.~"))
    headers = {"Accept": "application/json"}
    if step == "exports":
        method, headers["Content-Type"] = "POST", "application/json"
        body = msgspec.json.encode({"NextToken": token} if token else {})
    elif token:
        path += f"&NextToken={quote(token, safe='-_.~')}"
    url = config.url(f"https://email.{region}.amazonaws.com", path)
    headers = signed(
        method,
        url,
        body,
        key_id=key_id,
        secret=config.secret,
        region=region,
        service="ses",
        now=now,
        headers=headers,
    )
    return Ask(name, HttpRequest(method, url, headers, body), step, page, below)


def _account(one: _Account) -> Item:
    # A fall of the status is one of its own: outsiders' complaints can bring it about.
    shown = fields(
        status=word(f"{one.enforcement_status or ''}.{one.sending_enabled is True}"),
        production=flag(one.production_access_enabled),
    )
    return Item(Kind.ACCOUNT, "account", shown)


def _identity(one: _Identity) -> Item:
    on = flag(one.sending_enabled)
    if one.identity_type == "EMAIL_ADDRESS" or "@" in one.identity_name:
        shown = fields(domain=domain_of(one.identity_name), on=on)
        return Item(Kind.SENDER, one.identity_name.lower(), shown)
    shown = fields(domain=host("//" + one.identity_name), on=on)
    return Item(Kind.DOMAIN, one.identity_name.lower(), shown)


def _policy(identity: str, name: str, text: str) -> Item:
    """Who else may send as an identity of ours: a whole other account, perhaps."""
    return Item(Kind.ALLOW, f"{identity} {name}", fields(policy=content(text)))


def _destination(of: str, one: _Destination) -> Item:
    where: Mapping[str, Value] = fields(
        sns=_place(one.sns_destination),
        firehose=_place(one.kinesis_firehose_destination),
        cloudwatch=_place(one.cloud_watch_destination),
        pinpoint=_place(one.pinpoint_destination),
        bus=_place(one.event_bridge_destination),
    )
    owner = next((found for one in where.values() if (found := _owner(one.text))), "")
    where = {**where, "host": Value(f"aws-{owner}" if owner else "", safe=True)}
    shown = {**where, "enabled": flag(one.enabled), "events": words(one.matching_event_types)}
    return Item(Kind.WEBHOOK, f"{of} {one.name}", shown)


def _owner(text: str) -> str:
    """Whose a topic, stream or bus is: the account's number in its ARN."""
    found = _ARN.search(text)
    return found[1] if found is not None else ""


def _place(one: Mapping[str, Any] | None) -> Value:
    """Where events go: the ARN of a topic, a stream, a bus."""
    return hidden(None if one is None else msgspec.json.encode(one, order="sorted").decode())

"""Reads Okta's System Log: sign-ins to applications, and administrators' changes.

Takes a list of ``LogEvent`` as ``GET /api/v1/logs`` answers, one of them, or the body of an event
hook (``data.events``). Source: developer.okta.com, System Log API, Event types, Event hooks.

An application is identified by its target of the type ``AppInstance``: its id, its label or its
name. Only successful acts are reported (``outcome.result``): anybody can try to sign in.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from mailkeep.watch.console_types import Act, Read, Told

from .lines import MAX_WORD, address, alone, bounded, decode, each, instant, split, words

KIND: Final = "okta"
_DONE: Final = frozenset({"SUCCESS", "ALLOW"})
OWN: Final = "*"  #: Okta itself

#: What concerns us, and whether it is about an application among its targets or about Okta itself.
_ACTS: Final[Mapping[str, tuple[Act, bool]]] = {
    "user.authentication.sso": (Act.SIGN_IN, True),
    "application.user_membership.add": (Act.USER, True),
    "application.user_membership.change_username": (Act.USER, True),
    "application.lifecycle.update": (Act.CHANGE, True),
    "user.session.access_admin_app": (Act.SIGN_IN, False),
    "user.session.impersonation.initiate": (Act.SIGN_IN, False),
    "user.account.privilege.grant": (Act.USER, False),
    "group.privilege.grant": (Act.USER, False),
    "user.mfa.factor.reset_all": (Act.USER, False),
    "system.api_token.create": (Act.KEY, False),
    "system.api_token.update": (Act.KEY, False),
    "system.idp.lifecycle.create": (Act.CHANGE, False),
    "system.idp.lifecycle.update": (Act.CHANGE, False),
    "policy.lifecycle.update": (Act.CHANGE, False),
    "policy.rule.update": (Act.CHANGE, False),
    "zone.update": (Act.CHANGE, False),
}


class _Actor(msgspec.Struct, rename="camel"):
    id: str
    alternate_id: str | None = None
    display_name: str | None = None


class _Client(msgspec.Struct, rename="camel"):
    ip_address: str | None = None


class _Outcome(msgspec.Struct):
    result: str | None = None


class _Target(msgspec.Struct, rename="camel"):
    id: str | None = None
    type: str | None = None
    alternate_id: str | None = None
    display_name: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    uuid: str
    published: datetime
    event_type: str
    actor: _Actor
    client: _Client | None = None
    outcome: _Outcome | None = None
    target: list[_Target] | None = None


class _Data(msgspec.Struct):
    events: list[msgspec.Raw]


class _Hook(msgspec.Struct):
    data: _Data


def read(text: bytes) -> Read:
    """What a log, or the body of a hook, tells. Raises ``Invalid``: it is neither."""
    if text.lstrip()[:1] == b"{":
        hook = decode(text, _Hook)
        lines = alone(text) if hook is None else bounded(hook.data.events)
        return each(lines, _Event, _told)
    return each(split(text), _Event, _told)


def _told(event: _Event) -> Told | None:
    found = _ACTS.get(event.event_type)
    done = event.outcome is not None and event.outcome.result in _DONE
    at = instant(event.published)
    if found is None or not done or at is None:
        return None
    act, of_application = found
    about: tuple[str, ...] = (OWN,)
    if of_application:
        apps = [one for one in event.target or () if one.type == "AppInstance"]
        about = words(
            *(name for one in apps for name in (one.id, one.display_name, one.alternate_id))
        )
    return Told(
        event.uuid,
        at,
        act,
        about,
        event.actor.id[:MAX_WORD],
        (event.actor.alternate_id or event.actor.display_name or "")[:MAX_WORD],
        address(event.client.ip_address if event.client else None),
        what=event.event_type,
    )

"""Types and settings of the operators room."""

import enum
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from mailkeep.base import networks
from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings

from .permissions import ROLES, Permission, Role


class RoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[operators.roles]``: which groups have which role."""

    viewer: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()

    def groups(self) -> Mapping[Role, tuple[str, ...]]:
        return {role: getattr(self, role.value) for role in Role}


class OperatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[operators]``: sign in to the console with an OpenID provider.

    Attributes:
        issuer: its name, under which it tells how it is reached (OpenID Connect Discovery).
        client_id, client_secret: what it knows us by; ``env:NAME`` or ``file:PATH``.
        groups: the claim of its ID token that lists a person's groups.
        scopes: asked for beside ``openid``.
        hours: for which a sign-in is good.
    """

    issuer: str
    client_id: str
    client_secret: str | None = None
    groups: str = "groups"
    scopes: tuple[str, ...] = ("profile",)
    hours: float = 8.0
    roles: RoleSettings = RoleSettings()


class OperatorView(msgspec.Struct, frozen=True):
    """A person whom the OpenID provider named. ``role`` None: they may do nothing any more."""

    id: str
    name: str
    role: Role | None
    first_at: Instant
    last_at: Instant
    sessions: int = 0


class Way(enum.StrEnum):
    """How somebody came in."""

    KEY = "key"  #: by an API key, and the passkey of an operator's account where one is bound
    OPENID = "openid"  #: by an OpenID provider's word


class Present(msgspec.Struct, frozen=True):
    """Who is signed in, according to the session.

    Attributes:
        actor: the id that the audit chain gets: an operator's, or an API key's.
        account: of the passkey that was shown beside the key; "": none was.
        seen_at: when they did something last, to the minute.
    """

    actor: str
    name: str
    role: Role
    way: Way
    account: str = ""
    seen_at: Instant = 0

    def may(self, permission: Permission) -> bool:
        return permission in ROLES[self.role]


def is_near(host: str) -> bool:
    """Whether a host is this machine."""
    found = networks.read(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def check(settings: OperatorSettings) -> None:
    """Raises ``BadSettings``."""
    parts = urlsplit(settings.issuer)
    host = parts.hostname or ""
    plain = parts.scheme == "https" or (parts.scheme == "http" and is_near(host))
    # OpenID Connect Discovery section 3: no query, no fragment; and nobody's password.
    if not plain or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadSettings("operators: issuer: say https://HOST, as the provider writes it")
    if not settings.client_id:
        raise BadSettings("operators: client_id is missing")
    if not settings.groups:
        raise BadSettings("operators: groups: name the claim that lists a person's groups")
    if not 0 < settings.hours <= 24:
        raise BadSettings("operators: hours: say more than 0 and 24 at most")
    if not any(settings.roles.groups().values()):
        raise BadSettings("operators: roles: give a group a role, else nobody may come in")
    if any(not one.strip() for of in settings.roles.groups().values() for one in of):
        raise BadSettings("operators: roles: a group is empty")

"""Permissions: what each role and each scope of an API key may do (pure); the one place that says
so.

Every page of the console and every route of the API names the permission that it needs; one that
names none admits nobody. ``docs/security/access.md`` is generated from it, and a test tries each
route.
"""

import enum
from collections.abc import Iterable, Mapping

from mailkeep.mail.grants import Scope


class Permission(enum.StrEnum):
    """One thing that somebody may do."""

    INCIDENTS_SEE = "incidents.see"  #: overview, incidents, their reports, what is told live
    INCIDENTS_WORK = "incidents.work"  #: open, take, note, close
    ACTIONS_APPLY = "actions.apply"  #: begin what is done about an incident, and take it back
    ACTIONS_APPROVE = "actions.approve"  #: be the second person for what somebody else asked for
    EVIDENCE_TAKE = "evidence.take"  #: take the signed evidence of an incident out of the house
    EXPOSED_LIST = "exposed.list"  #: ask for the list of who was exposed, and take it
    TRUST_SEE = "trust.see"  #: the chain of trust, what falls if one falls, the threat model
    #: Messages and their lives; never a body, never an address; who of them tells of an account is
    #: for ``accounts.see`` as well.
    MAIL_SEE = "mail.see"
    PROVIDERS_SEE = "providers.see"  #: health, posture, exposure by number
    PROVIDERS_CHANGE = "providers.change"  #: cut off, restore, announce and accept changes there
    FACTORS_SEE = "factors.see"  #: how many accounts have which second factor
    ACCOUNTS_SEE = "accounts.see"  #: open an account, masked; who opened it is audited
    ACCOUNTS_END = "accounts.end"  #: end sessions of an account
    ACCOUNTS_CHANGE = "accounts.change"  #: give an account another class
    RECOVERIES_SEE = "recoveries.see"  #: how recoveries went, masked; opening one is audited
    RECOVERIES_START = "recoveries.start"  #: have a recovery begun for an owner
    AUDIT_SEE = "audit.see"  #: what operators and playbooks did
    SETTINGS_SEE = "settings.see"  #: what this house is set to, without secrets
    KEYS_SEE = "keys.see"  #: API keys by name, state and bindings; never a key
    KEYS_REVOKE = "keys.revoke"  #: end an API key
    OPERATORS_SEE = "operators.see"  #: who may come to the console, and who is there
    OPERATORS_END = "operators.end"  #: sign an operator out everywhere


P = Permission


class Role(enum.StrEnum):
    """An operator's role. Each may do what the one before may."""

    VIEWER = "viewer"  #: sees how things stand; no account, no one's recovery
    SUPPORT = "support"  #: helps owners: opens their accounts masked, starts recoveries
    RESPONDER = "responder"  #: acts on incidents and providers
    ADMIN = "admin"  #: settings, API keys, operators


_VIEWER = frozenset({P.INCIDENTS_SEE, P.TRUST_SEE, P.MAIL_SEE, P.PROVIDERS_SEE, P.FACTORS_SEE})
_SUPPORT = _VIEWER | {P.ACCOUNTS_SEE, P.ACCOUNTS_END, P.RECOVERIES_SEE, P.RECOVERIES_START}
_RESPONDER = _SUPPORT | {
    *(P.INCIDENTS_WORK, P.ACTIONS_APPLY, P.ACTIONS_APPROVE, P.EVIDENCE_TAKE),
    *(P.EXPOSED_LIST, P.PROVIDERS_CHANGE, P.ACCOUNTS_CHANGE, P.AUDIT_SEE),
}

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.SUPPORT: _SUPPORT,
    Role.RESPONDER: _RESPONDER,
    Role.ADMIN: frozenset(Permission),
}

#: What a scope of an API key allows; a permission stands once at most: no scope includes another.
#: A key that leaked ends no other key and no operator's sessions: that takes a person at the
#: console, or the command line of the house.
SCOPES: Mapping[Scope, frozenset[Permission]] = {
    Scope.SEND: frozenset(),
    Scope.READ: frozenset({P.INCIDENTS_SEE, P.TRUST_SEE, P.MAIL_SEE, P.PROVIDERS_SEE}),
    Scope.RECOVER: frozenset({P.RECOVERIES_START}),
    Scope.REPORT: frozenset(),
    Scope.AUDIT: frozenset(),
    Scope.OBSERVE: frozenset(),
    Scope.PRIVACY: frozenset(),
    Scope.OPERATE: frozenset(
        {
            *(P.INCIDENTS_WORK, P.ACTIONS_APPLY, P.ACTIONS_APPROVE, P.EVIDENCE_TAKE),
            *(P.EXPOSED_LIST, P.PROVIDERS_CHANGE),
            *(P.FACTORS_SEE, P.ACCOUNTS_SEE, P.ACCOUNTS_END, P.ACCOUNTS_CHANGE),
            *(P.RECOVERIES_SEE, P.AUDIT_SEE, P.SETTINGS_SEE),
            *(P.KEYS_SEE, P.OPERATORS_SEE),
        }
    ),
}

_ORDER = (Role.VIEWER, Role.SUPPORT, Role.RESPONDER, Role.ADMIN)


def scope_of(permission: Permission) -> Scope:
    """The scope that an API key needs for it. Raises ``LookupError`` where no key may do it."""
    for scope, allows in SCOPES.items():
        if permission in allows:
            return scope
    raise LookupError(permission)


def role_of(groups: Iterable[str], roles: Mapping[Role, Iterable[str]]) -> Role | None:
    """The highest role that one of the groups has; None: no group has any.

    Args:
        roles: which groups have which role, exactly as the provider writes them.
    """
    given = frozenset(groups)
    return next((role for role in reversed(_ORDER) if given & frozenset(roles.get(role, ()))), None)

"""Maps internal events to Shared Signals events (CAEP, RISC): which are told, and as what (pure).

A receiver is told what it must act on: end its own sessions, distrust a credential, let nobody in.
Never who asked, from where, or what was typed. When an owner ends a single session, that concerns
nobody else and is not told.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mailkeep.accounts.events import (
    AccountErased,
    AccountFrozen,
    AccountThawed,
    AddressesGivenBack,
    AddressesTakenBack,
    ChangeDenied,
    ChangeSettled,
    FactorBound,
    FactorRevoked,
    PasskeyCopied,
    PasswordRemoved,
    PasswordSet,
    SessionsEnded,
)
from mailkeep.accounts.types import ChangeKind
from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.types import Fact
from mailkeep.recovery.events import RecoveryDenied, RecoveryRequested

from .types import Announcement, Kind

#: Why sessions ended: who brought it about (CAEP 1.0 section 2), and the words for a log.
_ENDED: Mapping[str, tuple[str, str]] = {
    "owner": ("user", "the owner ended every session"),
    "recovery": ("user", "the account was recovered"),
    "denied": ("user", "the owner said that a recovery was not theirs"),
    "frozen": ("policy", "the account was closed for a while"),
    "operator": ("admin", "an operator ended every session"),
    "erased": ("admin", "the account was erased"),
    "class": ("admin", "an operator gave the account another class"),
    "restored": ("system", "an older copy of the database was restored"),
}
#: Our factors by the words of CAEP 1.0 section 3.2, which has none for two of them.
_CREDENTIALS: Mapping[str, str] = {
    "totp": "app",
    "passkey": "passkey",
    "saved_codes": "saved-codes",
}
#: What says where an account is reached, and so how it is recovered.
_ADDRESSES = frozenset({ChangeKind.ADDED, ChangeKind.REMOVED})
#: Freezes that follow from somebody else having been in, or being about to be.
_HIJACKED = frozenset({"denied", "incident", "secured"})
_STATE = "account-state"


def announcements(fact: Fact, at: Instant) -> tuple[Announcement, ...]:
    """The events to send for a fact that happened at ``at``; none for most."""
    said = TABLE.get(type(fact))
    return () if said is None else tuple(said(fact, at))


def compromised(account: str, at: Instant, why: str) -> tuple[Announcement, ...]:
    """The event that somebody else may hold an account's password."""
    return (
        _compromise(account, at, "password", why),
        Announcement(account, Kind.CHANGE_REQUIRED, {}, "change-required", at, at),
    )


def _sessions(fact: SessionsEnded, at: Instant) -> list[Announcement]:
    if fact.session is not None:
        return []
    who, why = _ENDED.get(fact.why, ("system", "every session was ended"))
    body = _caep(at, who, why)
    return [Announcement(fact.account, Kind.SESSION_REVOKED, body, "session-revoked", at, at)]


def _password(fact: PasswordSet, at: Instant) -> list[Announcement]:
    if fact.by == "sign_up":
        return []
    why = "the account was recovered" if fact.by == "recovery" else "the owner chose another"
    return [_change(fact.account, at, "password", "update", why)]


def _password_removed(fact: PasswordRemoved, at: Instant) -> list[Announcement]:
    why = "the owner signs in by passkeys alone"
    return [_change(fact.account, at, "password", "delete", why)]


def _factor(fact: FactorBound, at: Instant) -> list[Announcement]:
    credential = _credential(fact.factor_kind)
    return [_change(fact.account, at, credential, "create", "the owner bound a second factor")]


def _factor_revoked(fact: FactorRevoked, at: Instant) -> list[Announcement]:
    credential = _credential(fact.factor_kind)
    if fact.why in {"owner", "replaced", "with_last"}:
        why = "the owner removed a second factor"
        return [_change(fact.account, at, credential, "delete", why)]
    return [_change(fact.account, at, credential, "revoke", "a second factor was lost or denied")]


def _copied(fact: PasskeyCopied, at: Instant) -> list[Announcement]:
    return [_compromise(fact.account, at, "passkey", "a passkey answered as a copy does")]


def _settled(fact: ChangeSettled, at: Instant) -> list[Announcement]:
    if fact.what not in _ADDRESSES:
        return []
    return [Announcement(fact.account, Kind.RECOVERY_CHANGED, {}, "recovery-changed", at, at)]


def _readdressed(fact: AddressesTakenBack | AddressesGivenBack, at: Instant) -> list[Announcement]:
    return [Announcement(fact.account, Kind.RECOVERY_CHANGED, {}, "recovery-changed", at, at)]


def _change_denied(fact: ChangeDenied, at: Instant) -> list[Announcement]:
    # Whoever made the change was signed in and knew the password.
    if not fact.acted:
        return []
    return list(compromised(fact.account, at, "the owner said that a change was not theirs"))


def _frozen(fact: AccountFrozen, at: Instant) -> list[Announcement]:
    body: dict[str, Any] = {"until": fact.until // SECOND}
    if fact.why in _HIJACKED:
        body["reason"] = "hijacking"  # RISC 1.0 section 2.3
    return [
        Announcement(fact.account, Kind.DISABLED, body, _STATE, at, at),
        # It ends by itself, without a fact of its own; a longer freeze, or an early end, takes
        # this one's place.
        Announcement(fact.account, Kind.ENABLED, {}, _STATE, fact.until, fact.until),
    ]


def _thawed(fact: AccountThawed, at: Instant) -> list[Announcement]:
    return [Announcement(fact.account, Kind.ENABLED, {}, _STATE, at, at)]


def _asked(fact: RecoveryRequested, at: Instant) -> list[Announcement]:
    if fact.account is None:
        return []
    return [Announcement(fact.account, Kind.RECOVERY, {}, "recovery", at, at)]


def _denied(fact: RecoveryDenied, at: Instant) -> list[Announcement]:
    if not (fact.after_completion and fact.acted):
        return []
    return list(compromised(fact.account, at, "the owner said that a recovery was not theirs"))


def _change(account: str, at: Instant, credential: str, change: str, why: str) -> Announcement:
    body = {"credential_type": credential, "change_type": change} | _caep(at, "user", why)
    fold = f"credential-change {credential} {change}"
    return Announcement(account, Kind.CREDENTIAL_CHANGE, body, fold, at, at)


def _compromise(account: str, at: Instant, credential: str, why: str) -> Announcement:
    body = {"credential_type": credential, "event_timestamp": at // SECOND, **_reason(why)}
    return Announcement(account, Kind.COMPROMISE, body, f"compromise {credential}", at, at)


def _credential(kind: str) -> str:
    return _CREDENTIALS.get(kind, kind)


def _caep(at: Instant, who: str, why: str) -> dict[str, Any]:
    return {"event_timestamp": at // SECOND, "initiating_entity": who} | _reason(why)


def _reason(why: str) -> dict[str, Any]:
    return {"reason_admin": {"en": why}}


#: The whole of what is told by itself.
def _erased(fact: AccountErased, at: Instant) -> list[Announcement]:
    return [Announcement(fact.account, Kind.PURGED, {}, _STATE, at, at)]


TABLE: Mapping[type[Fact], Callable[[Any, Instant], list[Announcement]]] = {
    SessionsEnded: _sessions,
    PasswordSet: _password,
    PasswordRemoved: _password_removed,
    FactorBound: _factor,
    FactorRevoked: _factor_revoked,
    PasskeyCopied: _copied,
    ChangeSettled: _settled,
    AddressesTakenBack: _readdressed,
    AddressesGivenBack: _readdressed,
    ChangeDenied: _change_denied,
    AccountFrozen: _frozen,
    AccountThawed: _thawed,
    AccountErased: _erased,
    RecoveryRequested: _asked,
    RecoveryDenied: _denied,
}

"""Account classes: named security policies for factors, sessions, holds and notices (pure).

A class is a table ``[accounts.class.<name>]``. What the table leaves out is taken from the built-in
class of that name or, if there is none, from ``customer``. An account whose class is no longer in
the settings is treated as the strictest built-in one: a line lost from a file must not weaken an
editor's account.

Three things are the same for every class, whatever the settings say: changes of what opens or
recovers the account are told to every address, a bound second factor is always asked for, and
operators never recover by mail.
"""

import datetime
import enum
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import BadSettings

CUSTOMER = "customer"  #: the class of who signs up
OPERATOR = "operator"  #: runs Mailkeep; never recovers by mail
HIGH_VALUE = "high-value"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_DAY = 86_400.0
_LONGEST = 90 * _DAY
_HOLDS = ("recovery_hold", "change_hold", "factor_hold", "bind_hold", "bind_hold_known")


class FactorPolicy(enum.StrEnum):
    """What is asked of an account that has no second factor."""

    OPTIONAL = "optional"  #: it is offered on the account's page
    ENCOURAGED = "encouraged"  #: it is asked for after sign-ins and by mail, and may be put off
    REQUIRED_NEW = "required_new"  #: accounts opened from ``since`` on must have one
    REQUIRED_BY = "required_by"  #: all must have one by a day
    REQUIRED = "required"  #: all must have one


class Assurance(enum.StrEnum):
    """Which second factors satisfy a class."""

    ANY = "any"  #: every kind that the house takes
    PHISHING_RESISTANT = "phishing_resistant"  #: passkeys only (SP 800-63B-4 section 2.2)


class NoticePolicy(enum.StrEnum):
    """Of what an owner is told. Each word holds all of the ones before it."""

    CHANGES = "changes"  #: of what opens or recovers the account
    NEW_BROWSERS = "new_browsers"  #: of sign-ins from a browser that the account does not know
    SIGN_INS = "sign_ins"  #: of every sign-in


class ClassSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ``[accounts.class.<name>]`` table. Times are seconds; what is left out is as in the class
    of that name that comes with Mailkeep, or as for a customer.

    Attributes:
        factor: what is asked of who has no second factor.
        grace: for so long after the account was told, by page or mail, a required factor may be
            put off.
        last: for so long after that, from the next sign-in on; then a sign-in leads nowhere but
            to binding one.
        since: first day, as 2026-12-31, of ``required_new``; without it every account counts as
            new.
        by: day of ``required_by``.
        reminders: mails in all that say so.
        remind_every: between two of them, and before the first.
        assurance: which second factors satisfy the class.
        recovers_by_mail: whether a mailed recovery exists for it at all.
        recovery_hold: after both proofs, and before the password is written, in a browser that the
            account does not know; the owner is told at its beginning and may stop it.
        change_hold: for which recovery uses only the addresses from before a change, and the
            change may be stopped.
        factor_hold: for so long the last factor is still asked after its owner removed it, and can
            be kept.
        bind_hold: a new factor is asked at sign-in at once; for so long its owner can deny it, and
            recovery and changes go by the ones from before. 0: none is held.
        bind_hold_known: the same from a browser that was signed in from before ``bind_hold``.
        notices: of what the owner is told.
        session_life: longest life of a session, used or not.
        session_idle: a session not used for so long has ended.
    """

    factor: FactorPolicy | None = None
    grace: float | None = None
    last: float | None = None
    since: str | None = None
    by: str | None = None
    reminders: int | None = None
    remind_every: float | None = None
    assurance: Assurance | None = None
    recovers_by_mail: bool | None = None
    recovery_hold: float | None = None
    change_hold: float | None = None
    factor_hold: float | None = None
    bind_hold: float | None = None
    bind_hold_known: float | None = None
    notices: NoticePolicy | None = None
    session_life: float | None = None
    session_idle: float | None = None


class ClassPolicy(msgspec.Struct, frozen=True):
    """What holds for one class; fields as in ``ClassSettings``, times in microseconds."""

    name: str
    factor: FactorPolicy = FactorPolicy.REQUIRED_NEW
    grace: Instant = round(45 * _DAY * SECOND)
    last: Instant = round(7 * _DAY * SECOND)
    since: str = ""
    by: str = ""
    reminders: int = 3
    remind_every: Instant = round(14 * _DAY * SECOND)
    assurance: Assurance = Assurance.ANY
    recovers_by_mail: bool = True
    recovery_hold: Instant = 0
    change_hold: Instant = round(_DAY * SECOND)
    factor_hold: Instant = round(_DAY * SECOND)
    bind_hold: Instant = round(_DAY * SECOND)
    bind_hold_known: Instant = round(_DAY / 4 * SECOND)
    notices: NoticePolicy = NoticePolicy.NEW_BROWSERS
    session_life: Instant = round(_DAY * SECOND)  # SP 800-63B-4 section 2.2.3
    session_idle: Instant = round(3_600 * SECOND)


#: What comes with Mailkeep.
BUILT_IN: Mapping[str, ClassPolicy] = {
    one.name: one
    for one in (
        ClassPolicy(CUSTOMER),
        ClassPolicy(
            "staff",
            factor=FactorPolicy.REQUIRED,
            grace=round(14 * _DAY * SECOND),
            recovery_hold=round(3_600 * SECOND),
            notices=NoticePolicy.NEW_BROWSERS,
            session_life=round(_DAY / 2 * SECOND),
        ),
        ClassPolicy(
            HIGH_VALUE,
            factor=FactorPolicy.REQUIRED,
            grace=round(14 * _DAY * SECOND),
            recovery_hold=round(_DAY * SECOND),
            change_hold=round(3 * _DAY * SECOND),
            factor_hold=round(3 * _DAY * SECOND),
            bind_hold=round(3 * _DAY * SECOND),
            bind_hold_known=round(_DAY * SECOND),
            notices=NoticePolicy.SIGN_INS,
            session_life=round(_DAY / 2 * SECOND),
            session_idle=round(1_800 * SECOND),
        ),
        ClassPolicy(
            OPERATOR,
            factor=FactorPolicy.REQUIRED,
            grace=0,
            last=0,
            recovers_by_mail=False,
            change_hold=round(3 * _DAY * SECOND),
            factor_hold=round(3 * _DAY * SECOND),
            bind_hold=round(3 * _DAY * SECOND),
            bind_hold_known=round(_DAY * SECOND),
            notices=NoticePolicy.SIGN_INS,
            session_life=round(_DAY / 2 * SECOND),
            session_idle=round(1_800 * SECOND),
        ),
    )
}


class Classed(Protocol):
    """An account, as far as its class goes; see ``types.AccountView``."""

    @property
    def account_class(self) -> str: ...

    @property
    def held_to(self) -> tuple[str, ...]: ...


class Classes:
    """The classes of a house.

    Args:
        settings: the tables of ``[accounts.class]``, by name.

    Raises:
        BadSettings: a name or a value that cannot be.
    """

    def __init__(self, settings: Mapping[str, ClassSettings] | None = None) -> None:
        self._classes = dict(BUILT_IN)
        for name, table in (settings or {}).items():
            self._classes[name] = _policy(name, table)

    def of(self, name: str) -> ClassPolicy:
        """What holds for a class; for one that nobody knows, what holds for ``high-value``
        accounts as they come with Mailkeep."""
        return self._classes.get(name) or msgspec.structs.replace(BUILT_IN[HIGH_VALUE], name=name)

    def holding(self, account: Classed) -> ClassPolicy:
        """What holds for an account: what its class says, and of the classes that a key has taken
        it out of a short while ago whatever is stricter about waiting and recovering."""
        return stricter(self.of(account.account_class), map(self.of, account.held_to))

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    @property
    def names(self) -> tuple[str, ...]:
        """All that there are, sorted."""
        return tuple(sorted(self._classes))


def stricter(policy: ClassPolicy, others: Iterable[ClassPolicy]) -> ClassPolicy:
    """A policy with the longest of all holds, and a mailed recovery where all have one (pure)."""
    for one in others:
        longest = {name: max(getattr(policy, name), getattr(one, name)) for name in _HOLDS}
        recovers = policy.recovers_by_mail and one.recovers_by_mail
        policy = msgspec.structs.replace(policy, **longest, recovers_by_mail=recovers)
    return policy


def longest_hold(policy: ClassPolicy) -> Instant:
    """For how long what a class asks for still holds after a key took an account out of it."""
    holds: list[Instant] = [getattr(policy, name) for name in _HOLDS]
    return max(round(_DAY * SECOND), *holds)


def midnight(day: str) -> Instant:
    """The beginning of a day such as 2026-12-31, UTC; 0 for none. Raises ``ValueError``."""
    if not day:
        return 0
    days = (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days
    return round(days * _DAY * SECOND)


def _policy(name: str, table: ClassSettings) -> ClassPolicy:
    where = f"accounts: class {name}"
    if not _NAME.fullmatch(name):
        raise BadSettings(f"{where}: a name is up to 32 small letters, digits and hyphens")
    start = BUILT_IN.get(name) or msgspec.structs.replace(BUILT_IN[CUSTOMER], name=name)
    given = {
        field: value
        for field in table.__struct_fields__
        if (value := getattr(table, field)) is not None
    }
    for field, value in given.items():
        if isinstance(value, float):
            if not 0 <= value <= _LONGEST:  # NaN is not
                raise BadSettings(f"{where}: {field} must be 0 to {_LONGEST:.0f} seconds")
            given[field] = round(value * SECOND)
    made = msgspec.structs.replace(start, **given)
    if made.bind_hold_known > made.bind_hold:
        made = msgspec.structs.replace(made, bind_hold_known=made.bind_hold)
    if made.session_life < 60 * SECOND or made.session_idle < 60 * SECOND:
        raise BadSettings(f"{where}: session_life and session_idle must be 60 at least")
    for field in ("since", "by"):
        try:
            midnight(getattr(made, field))
        except ValueError:
            raise BadSettings(f"{where}: {field}: say a day such as 2026-12-31") from None
    if made.factor is FactorPolicy.REQUIRED_BY and not made.by:
        raise BadSettings(f"{where}: required_by needs by = a day")
    if not 0 <= made.reminders <= 12 or made.remind_every < _DAY * SECOND:
        raise BadSettings(f"{where}: reminders must be 0 to 12, remind_every a day at least")
    if name == OPERATOR and made.recovers_by_mail:
        raise BadSettings(f"{where}: operators never recover by mail")
    if name == OPERATOR and made.factor is not FactorPolicy.REQUIRED:
        raise BadSettings(f"{where}: an operator's second factor is required")
    return made

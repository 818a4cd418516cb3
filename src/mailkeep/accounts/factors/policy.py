"""Whether an account must have a second factor, and by when (pure).

Nobody is held up unprepared: the time runs from when the account was told, on the page after a
sign-in or by mail, and when it is over the next sign-in still opens for ``last`` days more. Then a
sign-in leads to binding one before anything else; it is never refused.
"""

import datetime
import enum

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import BadSettings


class Demand(enum.StrEnum):
    """What is asked of an account that has no second factor."""

    OFF = "off"  #: nothing; it is offered on the page of the account
    ENCOURAGED = "encouraged"  #: it is asked for after sign-ins and by mail
    REQUIRED_NEW = "required_new"  #: accounts opened since a day must have one; others are asked
    REQUIRED_BY = "required_by"  #: all must have one by a day


class FactorPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ``[accounts.policy.<class>]`` table. Times are days.

    Attributes:
        factor: what is asked of who has none.
        since: first day (``2026-12-31``) on which opened accounts must have one, for
            ``required_new``; without it every account of the class counts as new.
        by: day by which all must have one, for ``required_by``; an account that was told later
            has ``grace`` days all the same.
        grace: for how long after it was told an account may go without.
        last: for how long after that, from the next sign-in on.
        mails: reminders by mail in all.
        every: days between two of them, and before the first.
    """

    factor: Demand = Demand.REQUIRED_NEW
    since: str = ""
    by: str = ""
    grace: float = 45.0
    last: float = 7.0
    mails: int = 3
    every: float = 14.0


class Standing(enum.StrEnum):
    """Where an account stands with its policy."""

    FREE = "free"  #: it has a factor, is exempt, or nothing is asked
    ENCOURAGED = "encouraged"  #: it is asked, and may go without
    DUE = "due"  #: it must have one in some time
    LAST = "last"  #: its time is over; the last days run
    OVERDUE = "overdue"  #: a sign-in leads to binding one


class Judged(msgspec.Struct, frozen=True):
    """``until``: when the present standing ends, where it ends by itself."""

    standing: Standing
    until: Instant | None = None


class Case(msgspec.Struct, frozen=True):
    """What is known of an account.

    Attributes:
        bound: it has a second factor.
        exempt: an exemption holds now.
        told_at: when it was first told, by page or mail.
        last_from: its first sign-in after its time was over.
    """

    created_at: Instant
    bound: bool
    exempt: bool
    told_at: Instant | None
    last_from: Instant | None


def judge(policy: FactorPolicy, case: Case, now: Instant) -> Judged:
    """Where an account stands now."""
    if case.bound or case.exempt or policy.factor is Demand.OFF:
        return Judged(Standing.FREE)
    required = policy.factor is Demand.REQUIRED_BY or (
        policy.factor is Demand.REQUIRED_NEW and case.created_at >= midnight(policy.since)
    )
    if not required:
        return Judged(Standing.ENCOURAGED)
    told = now if case.told_at is None else case.told_at
    deadline = told + round(policy.grace * DAY)
    if policy.factor is Demand.REQUIRED_BY:
        deadline = max(deadline, midnight(policy.by))
    if now < deadline:
        return Judged(Standing.DUE, deadline)
    last = round(policy.last * DAY)
    ends = (now if case.last_from is None else case.last_from) + last
    return Judged(Standing.OVERDUE) if now >= ends else Judged(Standing.LAST, ends)


def midnight(day: str) -> Instant:
    """The beginning of a day, UTC; 0 for none."""
    if not day:
        return 0
    parsed = datetime.date.fromisoformat(day)
    return (parsed - datetime.date(1970, 1, 1)).days * DAY


def check(policies: dict[str, FactorPolicy]) -> None:
    """Raises ``BadSettings``."""
    for name, one in policies.items():
        where = f"accounts.policy.{name}"
        for field in ("since", "by"):
            try:
                midnight(getattr(one, field))
            except ValueError:
                raise BadSettings(f"{where}: {field}: say a day such as 2026-12-31") from None
        if one.factor is Demand.REQUIRED_BY and not one.by:
            raise BadSettings(f"{where}: required_by needs by = a day")
        if not (0 <= one.grace <= 3650 and 0 <= one.last <= 365):
            raise BadSettings(f"{where}: grace must be 0 to 3650 days, last 0 to 365")
        if not 0 <= one.mails <= 12 or not 1 <= one.every <= 365:
            raise BadSettings(f"{where}: mails must be 0 to 12, every 1 to 365 days")

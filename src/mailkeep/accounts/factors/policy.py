"""Decides whether an account must enrol a second factor, and by when (pure).

Nobody is confronted with it unprepared. The grace period starts when the account was told, on the
page after a sign-in or by mail; after it, the next sign-in still works as before for ``last`` more
days. From then on a sign-in leads to enrolment before anything else; it is never refused.
"""

import enum
from collections.abc import Collection

import msgspec

from mailkeep.accounts.classes import Assurance, ClassPolicy, FactorPolicy, midnight
from mailkeep.base.clock import Instant

from .types import LASTING, Kind


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
        bound: it has a second factor that satisfies its class.
        exempt: an exemption holds now.
        told_at: when it was first told, by page or mail.
        last_from: its first sign-in after its time was over.
        ordered: operators want one bound at the next sign-in, whatever the class asks.
    """

    created_at: Instant
    bound: bool
    exempt: bool
    told_at: Instant | None
    last_from: Instant | None
    ordered: bool = False


def judge(policy: ClassPolicy, case: Case, now: Instant) -> Judged:
    """Where an account stands now."""
    if case.ordered and not case.bound and not case.exempt:
        return Judged(Standing.OVERDUE)
    if case.bound or case.exempt or policy.factor is FactorPolicy.OPTIONAL:
        return Judged(Standing.FREE)
    optional = policy.factor is FactorPolicy.ENCOURAGED or (
        policy.factor is FactorPolicy.REQUIRED_NEW and case.created_at < midnight(policy.since)
    )
    if optional:
        return Judged(Standing.ENCOURAGED)
    deadline = (now if case.told_at is None else case.told_at) + policy.grace
    if policy.factor is FactorPolicy.REQUIRED_BY:
        deadline = max(deadline, midnight(policy.by))
    if now < deadline:
        return Judged(Standing.DUE, deadline)
    ends = (now if case.last_from is None else case.last_from) + policy.last
    return Judged(Standing.OVERDUE) if now >= ends else Judged(Standing.LAST, ends)


def satisfies(policy: ClassPolicy, kinds: Collection[Kind]) -> bool:
    """Whether factors of these kinds are what a class asks for."""
    if policy.assurance is Assurance.PHISHING_RESISTANT:
        return Kind.PASSKEY in kinds
    return not LASTING.isdisjoint(kinds)

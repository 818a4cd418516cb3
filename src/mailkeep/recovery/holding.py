"""Decides whether a recovery must wait before its password is chosen, and for how long (pure).

Two mailed proofs show who holds the mailbox. Where something speaks against whoever shows them, the
owner gets time to say no, on every route that is up. A hold is a delay and never a refusal: its end
is announced beforehand, so no suspicion, framed or honest, locks an owner out.
"""

import enum
from collections.abc import Collection

import msgspec

from mailkeep.base.clock import SECOND, Instant

from .types import RecoverySettings


class Reason(enum.StrEnum):
    """Why a recovery is held."""

    DEVICE = "device"  #: the class asks for it, and the account does not know the device
    RISK = "risk"  #: the visit does not fit the account's history
    ROUTE = "route"  #: something is held against a route that carried a proof
    DENIED = "denied"  #: a recovery of this account was denied of late
    ALONE = "alone"  #: both proofs went over one route
    LOST = "lost"  #: the second factor was said to be lost
    ORDERED = "ordered"  #: operators want such recoveries held
    FACTOR = "factor"  #: a first factor was added of late, and is not asked yet


class Case(msgspec.Struct, frozen=True):
    """What is known of a recovery when both its proofs are back.

    Attributes:
        class_hold: what the account's class asks for before a device that it does not know may
            set a password, in microseconds.
        factor: a bound factor was proved.
        known_device: the account was fully signed in to from this browser before.
        raised: the visit fits the history badly; see ``risk``.
        hypotheses: what is held against the routes that its proofs were attempted through.
        denied: a recovery of the account was denied of late.
        degraded: both proofs went over one route.
        lost: a factor is bound, and was said to be lost.
        ordered: operators want it held; see ``orders``.
        new_factor: none is bound but what its owner can still deny.
    """

    class_hold: Instant
    factor: bool
    known_device: bool
    raised: bool
    hypotheses: Collection[str] = ()
    denied: bool = False
    degraded: bool = False
    lost: bool = False
    new_factor: bool = False
    ordered: bool = False


class Hold(msgspec.Struct, frozen=True):
    """How long, in microseconds, and why. Without reasons there is none."""

    length: Instant = 0
    reasons: tuple[Reason, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reasons)


def decide(case: Case, settings: RecoverySettings) -> Hold:
    """The hold of a recovery, the longest of those that its reasons ask for.

    A bound factor answers everything but what a class asks for: a code can be talked out of an
    owner. A known device answers a denial and the history, of which it is the best part;
    it does not answer for a route.
    """
    reasons: dict[Reason, float] = {}
    if not case.known_device:
        reasons[Reason.DEVICE] = case.class_hold / SECOND
    if case.lost:
        reasons[Reason.LOST] = settings.hold_alone
    if not case.factor:
        if case.raised:
            reasons[Reason.RISK] = settings.hold
        if case.hypotheses:
            reasons[Reason.ROUTE] = settings.hold
        if case.ordered:
            reasons[Reason.ORDERED] = settings.hold
        if case.denied and not case.known_device:
            reasons[Reason.DENIED] = settings.hold
        if case.new_factor and not case.known_device:
            reasons[Reason.FACTOR] = settings.hold
        if case.degraded:
            reasons[Reason.ALONE] = settings.hold_long
    asked = {reason: seconds for reason, seconds in reasons.items() if seconds > 0}
    return Hold(round(max(asked.values(), default=0.0) * SECOND), tuple(asked))

"""Events that the event log records about itself."""

from .types import Fact, fact


@fact("events.audit_contradicted")
class AuditContradicted(Fact, frozen=True, kw_only=True):
    """The audit chain contradicts an anchored head: somebody cut it short, or rewrote it."""

    entry: int


@fact("events.set_aside")
class FactSetAside(Fact, frozen=True, kw_only=True):
    """A subscriber's handlers failed on a fact again and again, so it was set aside there.

    ``error`` is the name of the exception's type; the log of the process has the trace.
    """

    subscriber: str
    fact: str
    of: str
    error: str

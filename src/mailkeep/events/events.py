"""Events that the event log records about itself."""

from .types import Fact, fact


@fact("events.audit_contradicted")
class AuditContradicted(Fact, frozen=True):
    """The audit chain no longer has an entry as it was when its head was taken elsewhere: somebody
    cut the chain short, or wrote it anew."""

    entry: int


@fact("events.set_aside")
class FactSetAside(Fact, frozen=True):
    """A subscriber's handlers raised on a fact again and again: it has no effect there.

    ``error`` is the name of the exception's type; the log of the process has the trace.
    """

    subscriber: str
    fact: str
    of: str
    error: str

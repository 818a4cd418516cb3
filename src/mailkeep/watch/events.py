"""Facts of the watch room."""

from mailkeep.events.types import Fact, fact

from .types import Signal


@fact("watch.signal")
class SignalRaised(Fact, frozen=True):
    """A detector raised a signal."""

    signal: Signal


@fact("watch.canary_sent")
class CanarySent(Fact, frozen=True):
    """A mail to a mailbox of our own was accepted by ``provider``."""

    provider: str
    message: str


@fact("watch.canary_refused")
class CanaryRefused(Fact, frozen=True):
    """``provider`` refused a canary as a message; ``outcome``: as in ``AttemptFinished``."""

    provider: str
    message: str
    outcome: str


@fact("watch.canary_arrived")
class CanaryArrived(Fact, frozen=True):
    """A canary came into our own mailbox, and was known by a secret that only it carries.

    Attributes:
        seconds: from our handing it over to its arrival.
        strangers: host names in its headers and links that our allow list does not know. Host
            names only: an address would be somebody's.
    """

    provider: str
    message: str
    seconds: float
    strangers: tuple[str, ...]

"""Facts of the watch room."""

from mailkeep.events.types import Fact, fact

from .types import OWN_MAILBOX, Signal


@fact("watch.signal")
class SignalRaised(Fact, frozen=True):
    """A detector raised a signal."""

    signal: Signal


@fact("watch.canary_sent")
class CanarySent(Fact, frozen=True):
    """A mail to a mailbox of our own was accepted by ``provider``. ``mailbox``: who keeps it."""

    provider: str
    message: str
    mailbox: str = OWN_MAILBOX


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
        mailbox: who keeps the mailbox that it came to.
    """

    provider: str
    message: str
    seconds: float
    strangers: tuple[str, ...]
    mailbox: str = OWN_MAILBOX


@fact("watch.volume_told")
class VolumeTold(Fact, frozen=True):
    """A provider said how much it did for our account. It is a claim, not an observation.

    Attributes:
        window: over what it counts; ``all_time``: since our account there began.
        count: how many, by recipient.
        what: is counted; ``sent``: mails that it sent, or tried to.
    """

    provider: str
    window: str
    count: int
    what: str


@fact("watch.honey_mail")
class HoneyMailArrived(Fact, frozen=True):
    """Mail that is not ours came to an address that ``provider`` alone was ever given.

    Nothing of its content is kept but our own words about it.

    Attributes:
        honey: the pseudonym of the address.
        words: of ``as_us`` (its sender is one of our domains), ``link``, ``attachment``.
        strays: mails that came within the hour to names at the same domain that do not exist: who
            tries names shows himself by those that he misses.
    """

    provider: str
    honey: str
    words: tuple[str, ...]
    strays: int

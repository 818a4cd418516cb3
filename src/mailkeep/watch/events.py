"""Facts of the watch room."""

from mailkeep.events.types import Fact, fact

from .report_types import Source
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


@fact("watch.dmarc_reported")
class DmarcReported(Fact, frozen=True):
    """A receiver says how mail fared that was sent as one of our domains. It is a claim.

    Attributes:
        reporter: who signed the mail that it came in, or else whose it says it is.
        believed: it came in a mail that a reporter signed whom the settings believe.
        begin: seconds since 1970, as are ``end``.
        failed: of ``mails``, those without a valid signature or return path of ours that the
            receiver does not know for forwarded.
        sources: the largest. Networks only: an address could be somebody's.
    """

    report: str
    reporter: str
    believed: bool
    domain: str
    begin: int
    end: int
    mails: int
    failed: int
    sources: tuple[Source, ...]


@fact("watch.tls_reported")
class TlsReported(Fact, frozen=True):
    """Somebody says how they fared who brought mail to us over TLS. It is a claim.

    ``results``: failed sessions by kind. The rest as in ``DmarcReported``.
    """

    report: str
    reporter: str
    believed: bool
    domains: tuple[str, ...]
    begin: int
    end: int
    fine: int
    failed: int
    results: tuple[tuple[str, int], ...]


@fact("watch.report_refused")
class ReportRefused(Fact, frozen=True):
    """Reports were not read: the first of a day for this reason, the second, the fourth, ...

    ``via``: ``mail``, ``api`` or ``command``.
    """

    via: str
    why: str
    count: int


@fact("watch.lookalike_seen")
class LookalikeSeen(Fact, frozen=True):
    """A name that looks like one of our domains takes mail (``mx``) or shows a page (``address``).

    ``way``: how it is like ours. ``fresh``: at an earlier look it was empty.
    """

    domain: str
    name: str
    way: str
    mx: bool
    address: bool
    fresh: bool


@fact("watch.provider_noticed")
class ProviderNoticed(Fact, frozen=True):
    """A provider tells its customers something, or somebody does in its name.

    ``via``: ``mail`` or ``status`` (its page). ``notice``: a word of ``notices.Notice``.
    ``authentic``: signed by the provider's own domain, written to us, and new; or its page.
    """

    provider: str
    via: str
    notice: str
    authentic: bool

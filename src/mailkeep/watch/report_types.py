"""Types and settings of outside reports: DMARC, TLS, notices, claims, lookalike domains."""

from collections.abc import Mapping

import msgspec

from mailkeep.base.errors import Invalid


class Unreadable(Invalid):
    """A report cannot be read; its text says why, and repeats nothing of it.

    Args:
        why: a word for it, under which it is counted.
    """

    def __init__(self, why: str, text: str) -> None:
        super().__init__(text, field="report")
        self.why = why


class Source(msgspec.Struct, frozen=True):
    """Mails of one report that came from one network and fared alike.

    Attributes:
        network: the /24 or /48 that they came from.
        count: of mails.
        dkim: the receiver found a valid signature of our domain.
        spf: the return path was ours and the sending host allowed.
        selector: of the valid signature; "": none, or the report does not say.
        disposition: ``none``, ``quarantine``, ``reject`` or ``pass``: what the receiver did.
        excused: the receiver knows the source for a forwarder or a mailing list.
    """

    network: str
    count: int
    dkim: bool
    spf: bool
    selector: str = ""
    disposition: str = "none"
    excused: bool = False


#: Days after which reports that somebody brings count as no longer brought, by kind. Receivers send
#: theirs daily, each about a day; people complain as it happens, and for weeks nobody does.
LATE = {"dmarc": 7.0, "tls": 7.0, "abuse": 30.0}


def are_brought(last: Mapping[str, float]) -> frozenset[str]:
    """The kinds of report that still come.

    Args:
        last: days since what the newest of each kind is about.
    """
    return frozenset(kind for kind, days in last.items() if days <= LATE[kind])


class ReportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[reports]``: what others tell us of our mail.

    Attributes:
        listen: ``host:port`` of a listener for what comes by mail; "": it comes to another one.
        address: to which receivers send their reports (``rua=`` of the DMARC and TLS-RPT records);
            "": none comes by mail.
        domains: that we send as, besides those of the settings' own senders.
        selectors: DKIM selectors that we published, besides the providers' ``dkim_selector``.
        believe: reporters whose reports count, when their mail is signed by them. No domain at
            which strangers have mailboxes: they could write reports in its name.
        abuse: to which people and machines report mail in our name; "": none is read.
        notices: to which providers send what they tell their customers; "": none is read.
        senders: domains that a provider's own notices are signed by, by its name.
        components: those of a provider's status page that carry our mail, by its name; an outage of
            others is none of ours. Without them every one counts.
        status: address of a provider's status page (of the Statuspage kind), by its name.
        per_day: reports and notices that are read in a day: so many of each who is believed, and as
            many of all others together.
    """

    listen: str = ""
    address: str = ""
    domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    believe: tuple[str, ...] = (
        *("google.com", "microsoft.com", "yahooinc.com", "fastmaildmarc.com", "corp.mail.ru"),
        *("mimecast.org", "amazonses.com"),
    )
    notices: str = ""
    senders: dict[str, tuple[str, ...]] = {}
    status: dict[str, str] = {}
    components: dict[str, tuple[str, ...]] = {}
    per_day: int = 1000
    abuse: str = ""


class DmarcStrangerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``dmarc_stranger``.

    Attributes:
        signed: mails with a valid signature under a selector that we never published.
        least: failing mails of a domain in a day below which nothing is said.
        factor: how many times the usual failing mail of a day it must be.
        base_per_day: failing mails of a day that are expected before anything was learned.
        memory: days over which the usual is averaged.
        repeat_after: seconds after which the same is said again.
        selectors: those that we published, and the provider that signs with each ("": none); filled
            from the providers' and the reports' settings.
        believe: as in ``[reports]``, from which it is filled.
    """

    signed: int = 3
    least: int = 100
    factor: float = 10.0
    base_per_day: float = 20.0
    memory: float = 14.0
    repeat_after: float = 86_400.0
    selectors: dict[str, str] = {}
    believe: tuple[str, ...] = ()


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``tls_report``.

    Attributes:
        least: sessions of a report below which nothing is said.
        learn_from: sessions after which the usual share is known.
        factor: how many times the usual share must fail.
        memory: days over which the usual is averaged.
        repeat_after: seconds after which the same is said again.
    """

    least: int = 20
    learn_from: int = 200
    factor: float = 10.0
    memory: float = 30.0
    repeat_after: float = 86_400.0


class LookalikeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[lookalikes]``: names that look like our domains are looked up.

    Attributes:
        domains: besides those that we send as.
        ours: names like ours that are ours.
        per_day: names that are looked up in a day, two questions each.
    """

    domains: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    per_day: int = 500

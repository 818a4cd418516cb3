"""Types of the trust room."""

import enum

import msgspec


class PartyKind(enum.StrEnum):
    """What a party does for us. What it can do follows from it, and from ``can``."""

    MAIL = "mail"  #: carries mail
    SMS = "sms"  #: carries text messages
    DNS = "dns"  #: answers for the names in ``serves``
    REGISTRAR = "registrar"  #: decides who answers for the names in ``serves``
    CLOUD = "cloud"  #: machines on which something of ours, or of a party's, runs
    CDN = "cdn"  #: stands before the pages at the names in ``serves``
    IDENTITY = "identity"  #: signs administrators in
    MONITORING = "monitoring"  #: sees logs or wakes people
    SUPPORT = "support"  #: talks with our customers for us
    MAILBOX = "mailbox"  #: keeps the mailboxes of the domains in ``serves``
    PERSON = "person"  #: somebody with admin accounts or keys
    OWNER = "owner"  #: a house that owns others
    OURS = "ours"  #: a process, key or store of Mailkeep itself
    OTHER = "other"


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tie that is declared not to count: the only way towards independence, and never for good.

    Attributes:
        of: the party to which this one is not tied.
        reason: why, for whoever reads it in a year.
        until: the first day, as 2027-06-30, on which the tie counts again.
    """

    of: str
    reason: str
    until: str


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody outside who could read what passes: a ``[[party]]`` table.

    Attributes:
        relays_via: parties that carry its mail onwards; they read all of it.
        owned_by: parties that own it.
        administered_by: admin identities and holders of its keys: a sign-on service, an agency,
            one person's account with two providers. Name each as a party of its own.
        runs_on: the hosts beneath it. Reported, and does not tie: most providers share a cloud.
            Of a process of Mailkeep's own it is more: what runs there is read there.
        kind: what it is for us.
        known: the house of the shipped catalogue that it is; that of its id without one.
        carries, holds: what of ours, in words for people.
        serves: domains: of a DNS host, a registrar, a CDN or a keeper of mailboxes.
        can: what it can do besides, as capabilities: ``pages``, ``dns:example.com``.
        terms: of the contract, or where it lies.
        contact: whom to reach there in an incident.
        reviewed: the day on which somebody last looked at all this, as 2026-11-28.
        independent: ties that are not to count, each until a day.
        source: of what the catalogue says of it; never in the settings.
        confirmed: the source is its own, or its owner's; never in the settings either.
    """

    id: str
    name: str = ""
    relays_via: tuple[str, ...] = ()
    owned_by: tuple[str, ...] = ()
    administered_by: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()
    kind: PartyKind = PartyKind.OTHER
    known: str = ""
    carries: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    terms: str = ""
    contact: str = ""
    reviewed: str = ""
    independent: tuple[Override, ...] = ()
    source: str = ""
    confirmed: bool = False

    @property
    def called(self) -> str:
        """Its name, or its id where it has none."""
        return self.name or self.id


class Independence(msgspec.Struct, frozen=True):
    """Whether two routes count as two.

    Attributes:
        ok: no party can read both, and every party is known.
        shared: parties that can read both, sorted.
        unknown: ids that the register does not have, sorted.
        hosts: hosts beneath both, sorted; reported only, they do not make ``ok`` false.
    """

    ok: bool
    shared: tuple[str, ...]
    unknown: tuple[str, ...]
    hosts: tuple[str, ...] = ()

"""Types and settings of canary mailboxes that others host."""

import enum

import msgspec

from mailkeep.base.clock import Instant


class Tls(enum.StrEnum):
    """How the line is secured; it always is."""

    IMPLICIT = "implicit"  #: from the first octet
    STARTTLS = "starttls"  #: asked for, and insisted on


class ImapSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a mailbox is read.

    Attributes:
        host, port: of its IMAP server; the port is by default that of ``tls``.
        secret: where the password is, ``env:NAME`` or ``file:PATH``.
        user: by default the mailbox's address.
        folder: where its mail comes in.
        ca: file of certificates of our own that sign the server's; empty: the system's.
        trust: the name under which its host writes ``Authentication-Results`` (RFC 8601); the
            results of no other one are read.
        poll: seconds between two looks, where the server does not say by itself that mail came.
        timeout: seconds for each answer.
    """

    host: str
    secret: str
    user: str = ""
    port: int = 0
    tls: Tls = Tls.IMPLICIT
    folder: str = "INBOX"
    ca: str = ""
    trust: str = ""
    poll: float = 30.0
    timeout: float = 30.0


class CanaryMailbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A canary mailbox hosted elsewhere, and how its mail reaches us: read there, or forwarded.

    Attributes:
        address: to which canaries are sent as well.
        arrives_as: an address at the canaries' domain to which that mailbox forwards.
        name: under which it is told; empty for who keeps it, by ``mail.families``.
        interval: seconds between two canaries of one provider; public mailboxes take few.
        allow: hosts that its forwarding writes into a mail.
        imap: how it is read, where it does not forward.
    """

    address: str
    arrives_as: str = ""
    name: str = ""
    interval: float = 900.0
    allow: tuple[str, ...] = ()
    imap: ImapSettings | None = None

    @property
    def comes_in(self) -> str:
        """The address by which its canaries are known again."""
        return self.arrives_as or self.address


class MailboxState(msgspec.Struct, frozen=True):
    """How the reading of a mailbox fares.

    Attributes:
        failing_since: since when it could not be read; None while it can.
    """

    name: str
    read_at: Instant | None
    failing_since: Instant | None
    error: str | None

"""A mail as a stand-in holds it, whatever API it came by, and what can be told about it."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["html", "text"]
Shown = Literal["to", "cc", "bcc"]
EventKind = Literal[
    "sent",  # handed to the provider's own mail servers
    "delivered",  # taken by the recipient's server
    "deferred",  # the recipient's server asked to try again
    "bounced",
    "soft_bounced",
    "rejected",  # not even tried: the address is on the provider's list
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
]
HTML_ONLY: frozenset[Part] = frozenset({"html"})
BOTH_PARTS: frozenset[Part] = frozenset({"html", "text"})
NO_PARTS: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and its display name."""

    email: str
    name: str = ""
    kind: Shown = "to"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, or an image shown in the HTML when it has a content id."""

    name: str
    type: str
    content: bytes
    content_id: str = ""


@dataclass(slots=True)
class Mail:
    """One mail with one provider's id.

    Attributes:
        to: who gets it; `shown` is who stands in the headers (empty: the same).
        track_links: parts whose links are rewritten; None: as the account has it.
        content_kept: False when the sender asked that the content be not logged.
        raw: the MIME that was submitted, where it was; with CRLF line ends.
        told: False for an injected mail that no webhook is to speak of.
        at: seconds since the epoch.
    """

    id: str
    sender: Mailbox
    to: tuple[Mailbox, ...]
    at: float
    subject: str = ""
    text: str | None = None
    html: str | None = None
    shown: tuple[Mailbox, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    metadata: dict[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    stream: str = ""
    track_opens: bool | None = None
    track_links: frozenset[Part] | None = None
    content_kept: bool = True
    return_path: str = ""
    raw: bytes | None = None
    injected: bool = False
    told: bool = True

    @property
    def recipients(self) -> list[str]:
        """The addresses that get it."""
        return [mailbox.email for mailbox in self.to]

    @property
    def size(self) -> int:
        """About the octets it takes here."""
        parts = (self.subject, self.text or "", self.html or "")
        files = sum(len(file.content) for file in self.attachments)
        return 1000 + sum(map(len, parts)) + files + len(self.raw or b"")

    @property
    def sender_domain(self) -> str:
        """What stands after the @ of the sender."""
        return self.sender.email.rpartition("@")[2].lower() or "localhost"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a webhook tells about a mail and one of its recipients.

    Attributes:
        diag: the receiving server's words.
        url: the link that was clicked.
        id: stays the same when the webhook is tried again.
    """

    kind: EventKind
    mail: Mail
    recipient: str
    at: float
    diag: str = ""
    url: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Record:
    """A mail, and what became of it.

    Attributes:
        fate: ``sending``, ``sent``, ``held`` (by a suspension or a limit), ``dropped`` or
            ``rejected``.
        deliveries: by recipient, ``delivered``, ``deferred``, ``bounced`` or ``soft_bounced``.
        diags: by recipient, the last answer of the receiving server.
    """

    mail: Mail
    fate: str = "sending"
    deliveries: dict[str, str] = field(default_factory=dict)
    diags: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def note(self, event: Event) -> None:
        """Keep what happened, up to a bound."""
        if len(self.events) < 100:
            self.events.append(event)

"""The message as every provider adapter takes it.

Security: whatever holds a body or an address keeps it out of its repr, and out of rich's.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec


class Quiet(msgspec.Struct, frozen=True):
    """A struct whose repr shows only the fields in ``_shown``."""

    _shown: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self._shown]


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mailbox: an ASCII addr-spec (RFC 5322 section 3.4.1) and a display name in any script."""

    email: str
    name: str = ""


class Attachment(Quiet, frozen=True, omit_defaults=True):
    """A file that goes with a mail.

    Attributes:
        content_type: type and subtype, with parameters where it has any (RFC 2045 section 5.1).
        content_id: without angle brackets; the HTML shows it as ``cid:…``. "" for a file apart.
        alternative: another form of the text and not a file (a calendar's invitation, RFC 6047);
            a provider that knows no such part carries it as a file.
    """

    _shown = ("content_type",)

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""
    alternative: bool = False

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case, without parameters."""
        return self.content_type.partition(";")[0].strip().lower()


class Shown(Quiet, frozen=True, omit_defaults=True):
    """Who stands in ``To`` and ``Cc``, where that is not simply who gets the mail.

    A submitted mail's envelope says who gets it, its header what everybody sees (RFC 5321 section
    3.3, RFC 5322 section 3.6.3).
    """

    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()


class OutgoingMessage(Quiet, frozen=True):
    """One mail, as it is to leave: to its one recipient, and to those who get a copy.

    ``secret``: the body opens an account. Open and click tracking, link rewriting and the
    provider's own copy of the content are switched off where the provider lets a message do so.
    ``date``: instant for the ``Date`` header; None leaves it to the relay (RFC 6409 section 8.2).
    ``return_path``: envelope sender for bounces; "" is the null reverse-path; None is ``sender``.
    ``more_to``: further recipients in ``To``. ``shown``: None shows ``to``, ``more_to`` and ``cc``.
    """

    _shown = ("id", "attempt", "stream", "secret")

    id: str
    attempt: str
    stream: str
    sender: Address
    to: Address
    reply_to: Address | None
    subject: str
    text: str | None
    html: str | None
    headers: tuple[tuple[str, str], ...]
    secret: bool
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    return_path: str | None = None
    date: int | None = None
    more_to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    shown: Shown | None = None

    def recipients(self) -> tuple[Address, ...]:
        """Everybody who gets it, the one recipient first."""
        return (self.to, *self.more_to, *self.cc, *self.bcc)

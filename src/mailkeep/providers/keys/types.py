"""The port of key management at a provider: what a module is asked, and what it returns."""

import enum
from pathlib import Path
from typing import ClassVar, Protocol

import msgspec

from mailkeep.base.secret import Secret
from mailkeep.providers.message import Quiet
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure


class Trouble(enum.StrEnum):
    """Why an answer says nothing that helps."""

    REFUSED = "refused"  #: the managing key is not accepted, or may not do this
    AWAY = "away"  #: no answer, over a limit, or out of order: worth another try
    UNREADABLE = "unreadable"  #: not in the form that is documented


class Manager(msgspec.Struct, frozen=True):
    """Who manages the keys of an account. ``base_url`` empty: the provider's own."""

    kind: str
    secret: Secret
    base_url: str = ""


class Holder(msgspec.Struct, frozen=True):
    """The keys of one provider's account.

    Attributes:
        name: the provider's.
        manager: who makes and revokes them; None: a person.
        file: where the key that we send with stands; None where we cannot write it.
        by_hand: what a person does instead.
    """

    name: str
    by_hand: str
    manager: Manager | None = None
    file: Path | None = None

    @property
    def able(self) -> bool:
        return self.manager is not None and self.file is not None


class Listed(msgspec.Struct, frozen=True):
    """A key of the account, without the key."""

    id: str
    name: str


class Made(Quiet, frozen=True):
    """A new key, told once."""

    _shown = ("id",)

    id: str
    secret: Secret


Answer = HttpReply | TransportFailure


class ManagesKeys(Protocol):
    """A provider whose API manages keys. Stateless; no ``read_…`` raises, whatever came."""

    kind: ClassVar[str]

    def id_of(self, secret: Secret) -> str | None:
        """The id of a key that is in use; None where it cannot be told from the key."""
        ...

    def list(self, manager: Manager) -> HttpRequest:
        """Ask which keys there are."""
        ...

    def read_list(self, reply: Answer) -> tuple[Listed, ...] | Trouble: ...

    def make(self, manager: Manager, name: str) -> HttpRequest:
        """Make a key that may send, and nothing else."""
        ...

    def read_made(self, reply: Answer) -> Made | Trouble: ...

    def prove(self, manager: Manager, secret: Secret) -> HttpRequest:
        """Use a key, so that its answer shows whether it works; no mail is sent by it."""
        ...

    def read_proved(self, reply: Answer) -> bool | Trouble:
        """Whether the key works and may send."""
        ...

    def revoke(self, manager: Manager, key: str) -> HttpRequest: ...

    def read_revoked(self, reply: Answer) -> bool | Trouble:
        """Whether the key is gone now; that it was gone already is as good."""
        ...

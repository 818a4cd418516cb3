"""The shape of an action, and what it may use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import Instant
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspects import House
from mailkeep.incidents.types import Incident
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import StreamSettings
from mailkeep.response.types import Preview, ResponseSettings
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import Subject


class Voids(Protocol):
    """What the recovery room does for us."""

    async def void_through(
        self, tx: Tx, providers: frozenset[str], why: str = "provider_cut"
    ) -> int: ...


class NoticeSettings(msgspec.Struct, frozen=True):
    """From whom owners hear, in which stream, and where they find us."""

    sender: str
    sender_name: str
    stream: str
    public_url: str


@dataclass(frozen=True)
class Means:
    """The services that actions use."""

    database: Database
    house: House
    incidents: Incidents
    streams: Mapping[str, StreamSettings]
    intake: Intake
    accounts: Accounts
    recovery: Voids
    notices: NoticeSettings
    settings: ResponseSettings
    wake: Callable[[str], None] = lambda _stream: None


class Case(msgspec.Struct, frozen=True):
    """What an action is about.

    Attributes:
        suspects: the suspect provider and whoever is tied to it; nobody for a campaign.
        since, until: the window, as the blast radius has it.
    """

    incident: Incident
    suspects: frozenset[str]
    since: Instant
    until: Instant

    @property
    def provider(self) -> str:
        return self.incident.subject.id


class Progress(msgspec.Struct, frozen=True):
    """How far an action has come.

    Attributes:
        done: nothing is left to do.
        result: what was done so far.
        cursor: where the next step begins.
    """

    done: bool
    result: dict[str, object]
    cursor: str = ""


class Action(Protocol):
    """One action.

    ``preview`` only reads. ``step`` does the next part, in one transaction, and is idempotent: what
    is done already is not done again. It refuses with an error before it writes anything.
    ``undo`` is None where nothing can be taken back. ``look`` renews a result that goes on changing
    after the action is done.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def dangerous(self) -> bool:
        """Customers or mail may suffer if it was wrong: a person confirms it twice."""
        ...

    def fits(self, subject: Subject) -> bool: ...

    async def preview(self, tx: Tx, means: Means, case: Case) -> Preview: ...

    async def step(
        self, tx: Tx, means: Means, case: Case, by: str, before: Progress
    ) -> Progress: ...

    @property
    def undo(self) -> "Undo | None": ...

    async def look(
        self, tx: Tx, means: Means, case: Case, result: dict[str, object]
    ) -> dict[str, object]: ...


class Undo(Protocol):
    """Takes an action back; says what it did, in a sentence. Raises ``Conflict``."""

    async def __call__(self, tx: Tx, means: Means, case: Case, by: str) -> str: ...


class Base:
    """What most actions have in common."""

    name = ""
    title = ""
    dangerous = False

    def fits(self, subject: Subject) -> bool:
        """Most actions are about a provider."""
        return subject.kind == "provider"

    @property
    def undo(self) -> Undo | None:
        return None

    async def look(
        self, tx: Tx, means: Means, case: Case, result: dict[str, object]
    ) -> dict[str, object]:
        return result

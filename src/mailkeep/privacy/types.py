"""Types and settings of the privacy room."""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[privacy]``.

    Attributes:
        wait: hours for which an erasure waits. Its owner is told at once, and it can be stopped.
        erasures: that may be asked for in a day, by everybody together: a thief of the key erases
            no more people than that before somebody looks.
        exports: of people in a day, the same.
    """

    wait: float = 72.0
    erasures: int = 20
    exports: int = 50


def check(settings: PrivacySettings) -> None:
    """Raises ``BadSettings``."""
    if not 0 <= settings.wait <= 24 * 30:
        raise BadSettings("privacy: wait must be 0 to 720 hours: a person may wait for a month")
    for name in ("erasures", "exports"):
        if getattr(settings, name) < 1:
            raise BadSettings(f"privacy: {name} must be 1 at least")


class State(enum.StrEnum):
    """How far an erasure is."""

    WAITING = "waiting"  #: its time has not come, or a hold or an incident keeps it back
    RUNNING = "running"  #: some of it is done; mail that is still on its way is waited for
    DONE = "done"  #: nothing that names the person is left but keyed hashes
    STOPPED = "stopped"  #: somebody stopped it before it began


class Use(enum.StrEnum):
    """What is counted against a limit."""

    EXPORT = "export"
    ERASURE = "erasure"


class Person(msgspec.Struct, frozen=True):
    """Whom it is about, as the tables know them.

    Attributes:
        accounts: ids.
        addresses: pseudonyms.
    """

    accounts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.accounts, *self.addresses)


class Preview(msgspec.Struct, frozen=True):
    """What an erasure would do.

    Attributes:
        removed, blanked, kept: rows by table; what is kept stays under a pseudonym.
        due_at: when it would be done.
        refused: why it cannot be asked for now; "" when it can.
    """

    person: Person
    removed: dict[str, int]
    blanked: dict[str, int]
    kept: dict[str, int]
    due_at: Instant
    refused: str


class Erasure(msgspec.Struct, frozen=True):
    """An erasure. ``counts``: rows that were removed or blanked so far, by table; ``waits_for``:
    what keeps it back now."""

    id: str
    state: State
    person: Person
    by: str
    at: Instant
    due_at: Instant
    counts: dict[str, int]
    ended_at: Instant | None
    ended_by: str | None
    waits_for: str = ""


class LegalHold(msgspec.Struct, frozen=True):
    """While it lasts, nothing of the person is erased."""

    id: str
    person: Person
    reason: str
    by: str
    at: Instant
    ended_at: Instant | None
    ended_by: str | None

"""Types of the doctor: findings, and the data that checks look at."""

import enum
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mailkeep.app import wiring_trust
from mailkeep.app.provider_limits import Limit
from mailkeep.app.settings import ProviderSettings, Settings
from mailkeep.events.anchors import Place
from mailkeep.feed.types import FeedState
from mailkeep.recovery.rehearsed import Rehearsed
from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.mailbox_types import MailboxState

from .records import Records


class State(enum.StrEnum):
    """The result of a check."""

    OK = "ok"  #: as it should be
    WARNING = "warning"  #: it works, and something is missing that will be missed
    FAILED = "failed"  #: mail or accounts are at risk as it stands
    NOT_CHECKED = "not checked"  #: it could not be looked at; the meaning says why


class Finding(msgspec.Struct, frozen=True):
    """The result of a check about one thing.

    Attributes:
        id: of the check; stays the same.
        about: a provider, a domain, a stream; empty where there is only one thing.
        meaning: one sentence.
        next: the cheapest step to set it right; empty when it is right.
    """

    id: str
    state: State
    meaning: str
    next: str = ""
    about: str = ""


class Said(msgspec.Struct, frozen=True):
    """A finding before the catalogue puts its check's id to it."""

    state: State
    meaning: str
    next: str = ""
    about: str = ""


class KeyFact(msgspec.Struct, frozen=True):
    """An API key that is good.

    Attributes:
        unbound: to what it is not bound, of ``stream``, ``domain`` and ``network``.
    """

    name: str
    scopes: tuple[str, ...]
    unbound: tuple[str, ...]


class LeavingRecord(msgspec.Struct, frozen=True):
    """A DNS record on the list of a provider that is being left, or was.

    Attributes:
        text: of the item; ``item``: its name.
        due: it is time; ``done``: somebody said that it is withdrawn.
    """

    provider: str
    item: str
    text: str
    hostile: bool = False
    due: bool = False
    done: bool = False


class DatabaseFacts(msgspec.Struct, frozen=True):
    """What the database says of itself.

    Attributes:
        error: why it could not be asked; the rest then says nothing.
        schema: version of its schema; None when it has none yet.
        peak: mails of secret streams in the busiest hour of the last weeks.
        carried: by provider, mails of the canaries' stream in a day, without canaries.
        operators: accounts of those who run the house; ``bare_operators``: without a second factor.
        console_passkey: one of them has a passkey, so that the console asks for one.
        classes: how many accounts are of each class.
        reading_keys: by account at a provider that was read, whether its reading key could send.
        anchors: how far each place has come to which heads of the audit chain are taken, and
            whether that is fresh.
        feeds: how each feed fares that ever ran; ``mailboxes``: the reading of each.
        logs: by audit log that ever told of anything, the days since it did; ``full``: by log of
            which some lines are refused today, of which acts.
        shares: of each application in use, the percent of its users who are recovered here.
        resets: what applications told of in a week; ``resets_full``: who told of as many today as
            are kept.
        copies: by provider of whose mail a copy ever came, the days since one did;
            ``copies_refused``: how many were refused today and yesterday, by reason.
        reports: by kind of report that anybody brings, the days since what the newest is about.
        leaving: DNS records of providers that are being left, or were and did not come back.
        ahead: seconds by which the log's time is ahead of our clock.
        journal, synchronous: SQLite's settings, as our own connections have them.
    """

    error: str = ""
    missing: bool = False
    sqlite: bool = True
    schema: str | None = None
    sqlite_version: tuple[int, ...] = ()
    journal: str = ""
    synchronous: int = 0
    keys: tuple[KeyFact, ...] = ()
    overdue: int = 0
    peak: int = 0
    carried: Mapping[str, int] = {}
    cut: frozenset[str] = frozenset()
    given_up: int = 0
    operators: int = 0
    bare_operators: int = 0
    console_passkey: bool = False
    classes: Mapping[str, int] = {}
    reading_keys: Mapping[str, bool | None] = {}
    anchors: tuple[tuple[Place, bool], ...] = ()
    feeds: Mapping[str, FeedState] = {}
    mailboxes: Mapping[str, MailboxState] = {}
    logs: Mapping[str, float] = {}
    full: Mapping[str, str] = {}
    shares: Mapping[str, int] = {}
    resets: Rehearsed = Rehearsed()
    resets_full: tuple[str, ...] = ()
    copies: Mapping[str, float] = {}
    copies_refused: Mapping[str, int] = {}
    reports: Mapping[str, float] = {}
    leaving: tuple[LeavingRecord, ...] = ()
    ahead: float = 0.0


class SecretFact(msgspec.Struct, frozen=True):
    """A secret that the settings name.

    Attributes:
        table: that it is of, as ``provider``; ``name``: of that table, where there may be several.
        wrong: why it cannot be used, in words that do not show it; empty when it can be.
    """

    table: str
    name: str
    field: str
    wrong: str = ""

    @property
    def about(self) -> str:
        """The table, as its own errors name it: ``pager on-call``."""
        return f"{self.table} {self.name}".rstrip()


class Scene(msgspec.Struct, frozen=True):
    """All that the checks look at.

    Attributes:
        error: why there are no settings.
        modes: path and permission bits of the home and of what lies in it that is secret.
        free: bytes free where the home is.
        skews: by provider, how many seconds its clock is ahead of ours, or why nobody knows.
        limits: by provider, what it lets us send.
        secrets: every one that the settings name, with what is wrong with it.
        unready: by provider, why no mail can be written for it; empty where one can.
        domains: further sender domains, asked for by whoever runs the doctor.
        hash_seconds: that one password hash takes; None where there are no accounts.
        breached: what is wrong with the list of breached passwords.
        untranslated: languages in which some texts are missing, by tag, with how many.
        development: the settings are those of a development mode.
        offline: why the network was not asked; empty when it was.
        today: the day, as 2026-11-28, on which overrides of the register may have ended.
    """

    home: Path
    settings: Settings | None
    error: str = ""
    modes: Mapping[str, int] = {}
    free: int = 0
    database: DatabaseFacts = DatabaseFacts()
    schemas: tuple[str, ...] = ()
    skews: Mapping[str, float | str] = {}
    limits: Mapping[str, Limit] = {}
    secrets: tuple[SecretFact, ...] = ()
    unready: Mapping[str, str] = {}
    domains: tuple[str, ...] = ()
    hash_seconds: float | None = None
    breached: str = ""
    untranslated: Mapping[str, int] = {}
    development: bool = False
    offline: str = ""
    today: str = ""
    records: Records = msgspec.field(default_factory=Records)

    @property
    def graph(self) -> TrustGraph:
        """The register's, as of today."""
        parties = {} if self.settings is None else wiring_trust.judged(self.settings)
        return TrustGraph(parties, (lambda: self.today) if self.today else None)

    @property
    def providers(self) -> tuple[ProviderSettings, ...]:
        return () if self.settings is None else self.settings.provider


def ok(meaning: str, about: str = "") -> Said:
    return Said(State.OK, meaning, about=about)


def warning(meaning: str, step: str, about: str = "") -> Said:
    return Said(State.WARNING, meaning, step, about)


def failed(meaning: str, step: str, about: str = "") -> Said:
    return Said(State.FAILED, meaning, step, about)


def not_checked(why: str, step: str = "", about: str = "") -> Said:
    return Said(State.NOT_CHECKED, why, step, about)

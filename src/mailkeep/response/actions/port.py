"""The port of an action: its interface, and the services that it may use."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotAllowed
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import Incident
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import GiveUpReason, StreamSettings
from mailkeep.providers.keys.types import Holder
from mailkeep.response.paging.desk import Desk
from mailkeep.response.types import PlaybookSettings, Preview, ResponseSettings
from mailkeep.signals.services import Signals
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import Hypothesis, Subject


class Voids(Protocol):
    """The part of the recovery room that actions use."""

    async def void_through(self, tx: Tx, providers: Set[str], why: GiveUpReason) -> int: ...

    async def end_of(self, tx: Tx, account: str, why: GiveUpReason) -> int: ...

    async def suspect(self, tx: Tx, held: Set[tuple[str, str]]) -> None: ...


class NoticeSettings(msgspec.Struct, frozen=True):
    """Settings of notices to owners: their sender, their stream, and the address of our pages."""

    sender: str
    sender_name: str
    stream: str
    public_url: str


@dataclass(frozen=True)
class Means:
    """The services that actions use. ``recovery`` is None where no accounts are kept here,
    ``signals`` where no receiver is set up. ``published``: the DNS records of each provider, in
    words. ``keyrings``: what manages the keys of each. ``acts``: actions may be carried out; an
    installation that only observes just proposes them. ``playbooks``: those in force."""

    database: Database
    house: ProviderParties
    incidents: Incidents
    streams: Mapping[str, StreamSettings]
    intake: Intake
    accounts: Accounts
    recovery: Voids | None
    notices: NoticeSettings
    settings: ResponseSettings
    signals: Signals | None = None
    desk: Desk | None = None
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keyrings: Mapping[str, Holder] = field(default_factory=dict)
    acts: bool = True
    playbooks: tuple[PlaybookSettings, ...] = ()

    def may_act(self) -> None:
        """Raises ``NotAllowed`` where nothing may be done."""
        if not self.acts:
            raise NotAllowed('this house only observes (level = "observe"): it acts on nothing')


class Case(msgspec.Struct, frozen=True):
    """The incident that an action is about.

    Attributes:
        suspects: the suspect provider and those tied to it; none for a campaign.
        since, until: the window of the blast radius.
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
        wait: microseconds before it does, where customers get mail.
        touched: the accounts of this part; ``beyond``: how many are left out for a limit.
    """

    done: bool
    result: dict[str, object]
    cursor: str = ""
    wait: Instant = 0
    touched: tuple[str, ...] = ()
    beyond: int = 0


NOTHING = Progress(False, {})


class Allowance(msgspec.Struct, frozen=True):
    """The accounts that an action may touch without a person: those that it has, and more.

    Attributes:
        known: that it touched before, in this incident.
        left: how many more.
    """

    known: frozenset[str]
    left: int

    def of(self, waiting: Sequence[str]) -> frozenset[str]:
        """Those that may be touched; the first ones, where not all may."""
        new = [one for one in waiting if one not in self.known]
        return self.known.intersection(waiting).union(new[: self.left])


class Part(msgspec.Struct, frozen=True):
    """The accounts of the next part of an action; ``last``: none are left after it."""

    accounts: tuple[str, ...]
    last: bool
    cursor: str
    beyond: int

    def done(self, result: dict[str, object]) -> Progress:
        """That this part is done."""
        return Progress(self.last, result, self.cursor, touched=self.accounts, beyond=self.beyond)


@dataclass(frozen=True)
class At:
    """The context of one step or undoing of an action.

    Attributes:
        by: who does it.
        before: the progress so far.
        called: what ``Action.call_out`` did for this step.
        allowance: the accounts that it may touch; None: any.
    """

    tx: Tx
    means: Means
    case: Case
    by: str = ""
    before: Progress = NOTHING
    called: Mapping[str, str] | None = None
    allowance: Allowance | None = None

    def part(self, accounts: Sequence[str], first: Sequence[str] = ()) -> Part:
        """The next part of an action that goes account by account.

        Args:
            accounts: all that it is about, sorted.
            first: those that come first where a limit leaves others out, as far as it is about
                them.
        """
        cursor, size = self.before.cursor, self.means.settings.batch
        able, late, beyond = list(accounts), frozenset[str](), 0
        if self.allowance is not None:
            about = set(accounts)
            order = dict.fromkeys((*(one for one in first if one in about), *accounts))
            may = self.allowance.of(list(order))
            able = [one for one in accounts if one in may]
            # Who turned up behind the cursor has a place too, and was not touched yet.
            late = may - self.allowance.known
            beyond = len(accounts) - len(able)
        waiting = [one for one in able if one > cursor or one in late]
        batch = tuple(waiting[:size])
        last = len(batch) == len(waiting)
        return Part(batch, last, max((cursor, *batch)), beyond)


@dataclass(frozen=True)
class Action:
    """One action: the functions of its module.

    Attributes:
        title: the text of its button.
        preview: what it would do; only reads.
        step: does the next part in the caller's transaction. Idempotent: what is done is not done
            again. It refuses with an error before it writes anything.
        dangerous: customers or mail suffer if it was wrong; a person confirms it.
        about: the kinds of subject that it fits.
        holds: whether what it did still stands, so that doing it again would change nothing.
        undo: takes it back and says what that did, or raises ``Conflict``.
        alone_for: the hypotheses for which a playbook may do it without a person.
        look: the current result, for actions whose result goes on changing.
        call_out: makes the calls to other systems that the next part needs, outside of any
            transaction; returns their result. It may be called again: a kill may come before the
            part is recorded.
        able: whether this installation can do it at all; otherwise no playbook proposes it.
        by_window: whom or what it touches goes by the window of the incident.
        says: what it is for, in one line, for whoever has not looked at its preview yet.
        by_account: it goes account by account (``At.part``), so a playbook's limit can stop it.
    """

    name: str
    title: str
    preview: Callable[[At], Awaitable[Preview]]
    step: Callable[[At], Awaitable[Progress]]
    dangerous: bool = False
    about: tuple[str, ...] = ("provider",)
    holds: Callable[[At], Awaitable[bool]] | None = None
    undo: Callable[[At], Awaitable[str]] | None = None
    look: Callable[[At], Awaitable[dict[str, object]]] | None = None
    able: Callable[[Means], bool] | None = None
    call_out: Callable[[Means, Case, Progress], Awaitable[Mapping[str, str]]] | None = None
    alone_for: frozenset[Hypothesis] = frozenset({Hypothesis.PROVIDER_COMPROMISED})
    says: str = ""
    by_window: bool = False
    by_account: bool = False

    def fits(self, subject: Subject) -> bool:
        return subject.kind in self.about

"""Types and settings of the accounts room."""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.secret import Secret
from mailkeep.events.types import Word

from .classes import ClassSettings

MOST_ADDRESSES = 5  #: contact points of one account, unconfirmed ones included


class Stage(enum.StrEnum):
    """How far a session has come."""

    FACTOR = "factor"  #: the password was right, the second factor is still owed; opens nothing
    ENROL = "enrol"  #: the password was right, a second factor must be bound; opens nothing else
    FULL = "full"  #: signed in
    TICKET = "ticket"  #: an application sends one of its users to bind a factor; opens ``KEEP``
    KEEP = "keep"  #: they may bind and remove factors, and do nothing else


DENIED = "denied"  #: why an account is frozen after a denial
SECURED = "secured"  #: why it is frozen in an incident that suspects no provider of ours
#: What two fresh proofs end: nothing says that somebody reads the routes they come over.
ENDED_BY_PROOFS = frozenset({DENIED, SECURED})


class SignInFailure(Word):
    """Why a sign-in was refused."""

    PASSWORD = "password"  # noqa: S105  #: the address or the password is wrong
    REPLACED = "replaced"  #: the password was replaced while it was being checked
    FROZEN = "frozen"  #: the account is closed for now, or is opened elsewhere
    THROTTLED = "throttled"  #: too many tries
    FACTOR = "factor"  #: the second factor was wrong
    FACTOR_THROTTLED = "factor_throttled"  #: too many wrong second factors
    PASSKEY = "passkey"  #: that passkey does not count
    APPLICATION = "application"  #: the passkey of an application's user, who is signed in there
    CONSOLE = "console"  #: the console's second step was no passkey of an operator's


class ContactKind(enum.StrEnum):
    """How an account is reached at a contact point."""

    MAIL = "mail"  #: a mail address
    PHONE = "phone"  #: a number; none is confirmed before there is a route for SMS


class ChangeKind(enum.StrEnum):
    """What was changed by who was signed in."""

    ADDED = "address_added"  #: recovery does not use it before the change is settled
    REMOVED = "address_removed"  #: recovery uses it until the change is settled
    PASSWORD = "password"  # noqa: S105  #: it opens the account at once; the notice can disable it
    FACTOR = "factor"  #: sign-in asks for it at once; recovery does when the change is settled


class ChangeState(enum.StrEnum):
    """Where a change stands."""

    WAITING = "waiting"  #: for the address to be confirmed
    HELD = "held"  #: it can be stopped
    DONE = "done"  #: it counts
    STOPPED = "stopped"  #: it was taken back


class Origin(msgspec.Struct, frozen=True):
    """Where a visit comes from, in pseudonyms.

    Attributes:
        browser: of the browser's own long-lived secret.
        network: of its /24 or /48.
        agent: of its family and system; "" when it does not say.
        place: the country that our own proxy tells, where it does.
    """

    browser: str
    network: str = ""
    agent: str = ""
    place: str | None = None


class SignIn(msgspec.Struct, frozen=True):
    """When an account was fully signed in to, and where from; see ``Origin``."""

    at: Instant
    browser: str
    network: str = ""
    agent: str = ""
    place: str | None = None


class AccountsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[accounts]`` table.

    Attributes:
        breached: a file or a directory of hashes of passwords that are in others' hands, in the
            form of Have I Been Pwned; "" for none.
        classes: ``[accounts.class.<name>]``: what holds for classes of accounts.
    """

    breached: str = ""
    classes: dict[str, ClassSettings] = msgspec.field(name="class", default_factory=dict)


class AccountView(msgspec.Struct, frozen=True):
    """An account without anything personal."""

    id: str
    account_class: str  # see ``classes``
    created_at: Instant
    frozen_until: Instant | None
    application: str = ""  # whose user it is; "": an account of ours
    frozen_why: str | None = None
    class_since: Instant = 0
    held_to: tuple[str, ...] = ()  # classes from before, whose holds still stand

    def frozen(self, now: Instant) -> bool:
        return self.frozen_until is not None and now < self.frozen_until


class ContactPoint(msgspec.Struct, frozen=True):
    """An address at which an account is reached. Personal: never in an event.

    Attributes:
        added_by: the change that added it, until that is settled: recovery does not use it.
        removed_by: the change that removes it, until that is settled: recovery still uses it.
    """

    id: str
    account: str
    address: str
    confirmed: bool
    kind: ContactKind = ContactKind.MAIL
    added_by: str | None = None
    removed_by: str | None = None

    @property
    def counts(self) -> bool:
        """Whether recovery goes by it. All that count do so alike: none is the primary one."""
        return self.confirmed and self.added_by is None and self.kind is ContactKind.MAIL

    def __repr__(self) -> str:
        return f"ContactPoint({self.id})"


class Change(msgspec.Struct, frozen=True):
    """A change by who was signed in, without anything personal."""

    id: str
    account: str
    what: ChangeKind
    state: ChangeState
    contact_point: str | None
    factor: bool
    at: Instant
    until: Instant


class Whose(msgspec.Struct, frozen=True):
    """Whose user an account is: an application's, which calls them ``subject``, or ours ("")."""

    application: str
    subject: str | None


class SessionView(msgspec.Struct, frozen=True):
    """A session as its owner sees it in a list."""

    id: str
    account: str
    stage: Stage
    created_at: Instant
    seen_at: Instant
    browser: str
    network: str
    confirmed_at: Instant | None = None  #: when its owner last showed everything again
    agent: str = ""
    place: str | None = None

    @property
    def origin(self) -> Origin:
        """Where it was begun from."""
        return Origin(self.browser, self.network, self.agent, self.place)


class SignUp(msgspec.Struct, frozen=True):
    """What became of a sign-up, or of asking to add an address. Only ``confirmation`` may reach
    whoever asked.

    Attributes:
        confirmation: handle to be kept by the browser; with the mailed code it confirms.
        address: where the mail goes.
        code: to be mailed; None when the address is taken (mail a notice instead) or had its
            share of mails today (mail nothing).
        taken: an account has this address already.
        mail: whether anything is mailed for it.
        locale: what whoever reads that mail reads (BCP 47): where the address is taken, its owner,
            whatever browser asked; "": not known.
    """

    confirmation: str
    address: str
    code: Secret | None
    taken: bool
    mail: bool
    locale: str = ""

    def __repr__(self) -> str:
        return "SignUp(…)"


class SignedIn(msgspec.Struct, frozen=True):
    """A session that was made. At stage ``factor`` it opens nothing but the factor's form."""

    session: str
    account: str
    stage: Stage
    secret: Secret

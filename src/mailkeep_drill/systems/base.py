"""The port of a system under attack, whichever it is."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Authenticator, Customer
from mailkeep_drill.mailboxes import Letter, Mailboxes
from mailkeep_drill.record import Attempt

from .providers import Provider

READING = 2.0  #: seconds that a customer takes from the arrival of a mail to the click


class SignIn(enum.Enum):
    """How a sign-in went."""

    IN = "in"  #: signed in
    FACTOR = "factor"  #: the password was right; the second factor was not given, or refused
    REFUSED = "refused"  #: the password was not taken
    LIMITED = "limited"  #: too many tries


class Reset(enum.Enum):
    """How a reset that a customer wanted went."""

    DONE = "done"  #: the new password stands
    HELD = "held"  #: all was shown; it waits longer than their patience, while its owner may say no
    FAILED = "failed"  #: what they waited for did not come, or was not taken


class Failed(Exception):
    """A page did not do what it has to do for an honest customer; says which, and how."""


Clock = Callable[[], float]
Said = Callable[[str], None]


class Robbery(ABC):
    """The thief's work on one account.

    Args:
        attempt: what is written down of it.
        browser: his own, with an address of his own.
        password: the one he means to set.
        clock: seconds since the drill began.
        say: takes what people should see.
    """

    def __init__(
        self, attempt: Attempt, browser: Browser, password: str, clock: Clock, say: Said
    ) -> None:
        self.attempt = attempt
        self.browser = browser
        self.password = password
        self.clock = clock
        self.say = say

    @abstractmethod
    async def ask(self) -> None:
        """Ask for a reset, as anyone may."""

    @abstractmethod
    async def use(self, mail: dict[str, Any]) -> None:
        """Use a mail that was read at the provider, as far as it leads."""

    @abstractmethod
    async def finish(self) -> None:
        """Try what is left to try once no more mail comes."""

    @property
    def wants_another(self) -> bool:
        """Whether asking once more might bring what is missing."""
        return False


class System(ABC):
    """A site with accounts that sends mail.

    Attributes:
        key: short, used in file names and addresses.
        title: for people.
        canary: domain of its canaries' mailboxes; "": it sends none.
        versions, changed: of its parts; settings that are not their defaults, and why.
    """

    kind: ClassVar[Literal["ordinary", "mailkeep"]]

    def __init__(self, key: str, title: str, mailboxes: Mailboxes) -> None:
        self.key = key
        self.title = title
        self.mailboxes = mailboxes
        self.url = ""
        self.canary = ""
        self.providers: dict[str, Provider] = {}
        self.versions: dict[str, str] = {}
        self.changed: dict[str, str] = {}

    @abstractmethod
    async def start(self) -> None:
        """Bring it up."""

    @abstractmethod
    async def stop(self) -> None:
        """End it and everything that it started."""

    def window(self, customer: Customer) -> Browser:
        """A new window of a customer's browser: signed in nowhere."""
        return Browser(self.url, customer.person.source)

    def bait(self) -> list[str]:
        """Addresses that need an account nobody uses."""
        return []

    def is_notice(self, letter: Letter) -> bool:
        """Whether a mail tells an owner of an incident."""
        del letter
        return False

    async def kill(self) -> None:
        """SIGKILL the system, and start it again on what it left."""
        raise NotImplementedError

    # What customers do.

    @abstractmethod
    async def sign_up(self, customer: Customer) -> None:
        """Sign up, confirm by the mail that comes, sign in, bind the authenticator if they use one.

        Raises:
            Failed: it did not work.
        """

    @abstractmethod
    async def sign_in(
        self, browser: Browser, address: str, password: str, authenticator: Authenticator | None
    ) -> SignIn:
        """Sign in with what they have."""

    @abstractmethod
    async def reset(self, customer: Customer, password: str, patience: float) -> Reset:
        """Ask for a reset, wait for the mails, complete it."""

    @abstractmethod
    async def deny(self, customer: Customer, patience: float) -> str:
        """Say of a reset that came unasked "this was not me"; returns what came of it, in words."""

    # The application's own mail.

    @abstractmethod
    async def send(self, alert: str, to: str, subject: str, text: str) -> bool:
        """Hand over a mail, again under the same id if need be; True once the system has it."""

    # The thief.

    @abstractmethod
    def robbery(
        self, attempt: Attempt, source: str, password: str, clock: Clock, say: Said
    ) -> Robbery:
        """Begin work on one account."""

    # What the system says by itself.

    async def incidents(self) -> list[dict[str, Any]]:
        """Its incidents; none when it does not look."""
        return []

    async def incident(self, incident: str) -> dict[str, Any]:
        """One of them, in full."""
        raise NotImplementedError

    async def act(self, incident: str, action: str) -> bool:
        """Apply a proposed action, as its operator; whether it was taken."""
        del incident, action
        return False

    async def leave(self, provider: str) -> list[str]:
        """Move a provider's mail to the standby and leave it for good, as its operator at the
        keyboard; what that printed, command by command."""
        raise NotImplementedError

    async def rest(self, provider: str) -> str:
        """Let a silent provider rest, as its operator at the keyboard; what that printed."""
        raise NotImplementedError

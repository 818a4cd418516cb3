"""The port for reading accounts: which lists are requested, and the shared vocabulary of their
items.

Security: a reply is hostile input. It is bounded before it is decoded, and what cannot be read is a
word of `Trouble`, never an exception.
"""

import enum
from collections.abc import Mapping
from typing import ClassVar, Final, Protocol

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.secret import Secret
from mailkeep.providers.message import Quiet
from mailkeep.providers.outgoing import endpoint
from mailkeep.providers.types import HttpReply, HttpRequest, ProviderConfig, TransportFailure

MAX_LIST: Final = 2 * 1024 * 1024  #: bytes of one reply
MAX_ITEMS: Final = 2000  #: items of one list, over all its pages
MAX_PAGES: Final = 40  #: requests for one list
MAX_VALUE: Final = 300  #: characters of a value that are kept; a longer one is kept as its digest


class Kind(enum.StrEnum):
    """What an item of an account is."""

    ACCOUNT = "account"  #: the account itself: its owner's address, whether it may send
    SENDER = "sender"  #: an address that mail is sent from
    DOMAIN = "domain"  #: a domain that mail may be sent from
    KEY = "key"  #: an API key, a server token
    USER = "user"  #: somebody who can sign in, or an account below ours
    WEBHOOK = "webhook"  #: an address that events, or received mail, are reported to
    EXPORT = "export"  #: a list of our mail or recipients that somebody had made to take away
    TEMPLATE = "template"  #: a text that mail can be made from
    ALLOW = "allow"  #: an allow list: who may use the account, or whom no list holds back
    TRACKING = "tracking"  #: whether opens and clicks are tracked, links rewritten
    FORWARD = "forward"  #: copies of mail, or of what came back, go to an address
    READING = "reading"  #: somebody read the content of mail that was sent


class Value(Quiet, frozen=True):
    """One field's value.

    Attributes:
        text: in one canonical spelling.
        safe: the text is a word of ours, a number or a host: it may stand in facts. Anything else
            may be somebody's address, or a secret, and stands in them as a digest.
    """

    _shown = ("safe",)

    text: str
    safe: bool = False


class Item(Quiet, frozen=True):
    """One thing of an account. ``id`` may be personal, and is never a secret in clear."""

    _shown = ("kind",)

    kind: Kind
    id: str
    fields: Mapping[str, Value]


class Trouble(enum.StrEnum):
    """Why a list could not be read."""

    REFUSED = "refused"  #: the key is not accepted, or may not read this
    THROTTLED = "throttled"  #: over a limit of its API
    UNREACHABLE = "unreachable"  #: no answer, or that it is out of order
    UNREADABLE = "unreadable"  #: not in the form that is documented
    TOO_LARGE = "too_large"  #: a reply past ``MAX_LIST``
    TOO_MANY = "too_many"  #: more items than ``MAX_ITEMS``, or pages without end

    @property
    def transient(self) -> bool:
        """Whether an honest outage explains it."""
        return self in {Trouble.THROTTLED, Trouble.UNREACHABLE}


class AccountConfig(msgspec.Struct, frozen=True):
    """One account that is read.

    ``secret`` is the reading key (SES: the secret access key); ``account_secret`` a second one
    where a provider has two (Postmark's account token). Each module documents its ``options``.
    """

    name: str
    kind: str
    base_url: str
    secret: Secret
    account_secret: Secret | None = None
    options: Mapping[str, str] = {}

    def url(self, default: str, path: str) -> str:
        """The URL of ``path`` below the account's base; see `outgoing.endpoint`, whose errors it
        raises."""
        known = ProviderConfig(
            self.name, self.kind, self.base_url, self.secret, None, None, self.options, ""
        )
        return endpoint(known, default, path)


class Ask(Quiet, frozen=True):
    """One request for one list.

    Attributes:
        list: which list; several requests may belong to one, which is read when all were.
        step: what of the list this request is for, in the module's own words.
        page: how many requests of this step came before.
        carry: what the module needs to read the answer, such as an id.
    """

    _shown = ("list", "step", "page")

    list: str
    request: HttpRequest
    step: str = ""
    page: int = 0
    carry: str = ""


class Reading(Quiet, frozen=True):
    """What an answer says: items, and what else must be asked; or ``trouble`` alone."""

    _shown = ("trouble",)

    items: tuple[Item, ...] = ()
    more: tuple[Ask, ...] = ()
    trouble: Trouble | None = None


class ShowsAccount(Protocol):
    """A provider whose API tells of our account. Stateless."""

    kind: ClassVar[str]
    lists: ClassVar[Mapping[str, tuple[Kind, ...]]]  #: each list, and the kinds that are in it
    blind: ClassVar[Mapping[Kind, str]]  #: what no API tells, or not all of it, and why

    def ask(self, config: AccountConfig, now: Instant) -> list[Ask]:
        """Write the first request of each list that ``config`` has a key for.

        Raises:
            MisconfiguredProvider: ``config`` cannot be used.
        """
        ...

    def read(
        self, config: AccountConfig, asked: Ask, reply: HttpReply | TransportFailure, now: Instant
    ) -> Reading:
        """Read an answer. Never raises, whatever the reply holds."""
        ...

    def can_send(self, config: AccountConfig, items: Mapping[Kind, list[Item]]) -> bool | None:
        """Whether the reading key could also send; None: nobody can tell."""
        ...

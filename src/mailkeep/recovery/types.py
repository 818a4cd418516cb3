"""Types and settings of the recovery room."""

import enum
from typing import Any, NamedTuple, Self

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.base.secret import Secret


class State(enum.StrEnum):
    """Where a recovery stands."""

    ASKED = "asked"  #: somebody asked; nobody has looked yet whether there is an account
    OPEN = "open"  #: its proofs are on their way, or back
    HELD = "held"  #: both proofs are back, and its owner has time to stop it
    NOTHING = "nothing"  #: no account, or a limit was reached: nothing was mailed
    COMPLETED = "completed"  #: a new password was written, or a verdict made
    VOID = "void"  #: it can no longer be completed


#: Those that can still be completed, and those of which that may yet come true.
LIVE = (State.OPEN.value, State.HELD.value)
UNDER_WAY = (State.ASKED.value, *LIVE)


class Turn(enum.StrEnum):
    """In which row a recovery waits for the planner."""

    FRESH = "fresh"  #: nobody has looked yet whether the account knows who asks
    KNOWN = "known"  #: the account knows the browser, or it has shown a link of that account
    STRANGERS = "strangers"  #: anybody else
    AGAIN = "again"  #: its proofs were mailed before, and one must be minted anew


class Nets(NamedTuple):
    """The networks that an address lies in, as pseudonyms; see ``base.networks.around``."""

    region: str
    area: str
    network: str
    host: str

    @classmethod
    def of(cls, network: str) -> Self:
        """Of somebody of whom only the network is known."""
        return cls(network, network, network, network)


class WhenAlone(enum.StrEnum):
    """What becomes of recoveries while no two independent routes stand."""

    WAIT = "wait"  #: the mails leave when a second route is back
    DEGRADE = "degrade"  #: both go over the one that is left, marked, and with a long hold


class ProofKind(enum.StrEnum):
    """What is mailed to show that the owner holds the mailbox."""

    LINK = "link"  #: 130 bits in a link's fragment, also typeable
    CODE = "code"  #: 40 bits to type, good only where its recovery is known already


class VerdictState(enum.StrEnum):
    """Where a verdict stands."""

    MADE = "made"  #: its code is with the browser; nobody was told anything
    HANDED_OVER = "handed_over"  #: its application has the ID token, and may act on it
    SECURED = "secured"  #: its application has said that it acts: nothing takes it back any more
    REVOKED = "revoked"  #: it counts for nothing


class Reach(enum.StrEnum):
    """Of the users of applications, who is recovered here; accounts of ours always are."""

    NOBODY = "nobody"  #: resets are told of and rehearsed, and none begins here
    SHARE = "share"  #: as many of an application's as it is set to
    EVERYBODY = "everybody"  #: all of them, whatever its share


class Way(enum.StrEnum):
    """Where a reset that an application was asked for goes on."""

    HERE = "here"  #: at Mailkeep
    THERE = "there"  #: by the application's own reset, as before


class Would(enum.StrEnum):
    """What would have become of a reset, had it been asked for here."""

    AT_ONCE = "at_once"  #: two mails over two routes, and nothing to wait for
    HELD = "held"  #: the same, and its owner would have had time to stop it
    WAITS = "waits"  #: no two independent routes stood: its mails would have left later
    NOT_REGISTERED = "not_registered"  #: nobody is known by that name: nothing would be mailed
    LIMIT = "limit"  #: too many asked of late: nothing would be mailed
    CLASS = "class"  #: the account's class never recovers by mail


class RecoverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[recovery]`` table. Lifetimes are seconds.

    Attributes:
        sender: from whom the mails come.
        sender_name: the name beside it; the pages carry it too.
        stream: of links and codes; it must be a secret one.
        notices: stream in which owners are told what happened.
        confirmations: stream of the codes that confirm an address; it must be a secret one.
        link_life: of a link; SP 800-63B-4 section 4.2.1.2 allows a day for mail.
        code_life: of a code; ASVS 6.5.5 allows ten minutes.
        code_tries: guesses at one code by one browser.
        code_tries_in_all: the same by all browsers together.
        finish_within: both proofs must have been shown within so long before the password is set.
        factor_tries: wrong second factors in one recovery, which is void after them.
        burst: mailed recoveries of one account in ``window`` seconds; browsers that the account
            knows have as many of their own. Beyond it one is mailed only while no earlier one can
            be used any more: whoever asks, the owner gets the mails and may use them, so a
            stranger who uses the limit up locks nobody out.
        daily: the same in a day.
        asks: requests of strangers from one network in ``window`` seconds that are looked at; twice
            as many of its wrong links and codes are. Beyond it those are still whose account knows
            the browser, a few of each address, every right link, and the codes of a browser that
            has shown a link or asked within the limit: ``asks`` of each.
        denials: recoveries of one account that denials over one provider stop in a day: who reads
            there must not be able to stop every one.
        freeze: seconds for which an account rests after its owner denied a completed recovery; a
            recovery that was asked for since ends it.
        hold: how long a recovery that something speaks against waits, so that its owner can stop
            it; 0 for no such holds. Its clock starts when notices have left over two routes.
        hold_long: the same over one route alone, and where a denial came that could stop nothing
            any more. What a class of accounts asks for is its own ``recovery_hold``.
        contact_points_alone: whether both mailed proofs suffice for who says that their second
            factor is lost. Below the standard, and with ``hold_alone`` before it.
        hold_alone: that hold.
        hold_most: when no notices have left for so long it ends, and support must help.
        hold_open: so long after a hold its recovery can be finished.
        when_alone: what to do while no two independent routes stand.
        live: recoveries of one account whose mails can be used at a time.
        account_tries: wrong codes for one account in a day from browsers that it does not know
            and that have not shown the link.
        guesses: wrong codes for all accounts in an hour that raise ``recovery.guessing``.
        rehearsals: resets that one application may tell of in a day; of more it is only said where
            they go.
    """

    sender: str = "no-reply@example.com"
    sender_name: str = "Accounts"
    stream: str = "recovery"
    notices: str = "security"
    confirmations: str = "confirmation"
    link_life: float = HOUR / 1e6
    code_life: float = 10 * MINUTE / 1e6
    code_tries: int = 5
    code_tries_in_all: int = 100
    finish_within: float = 15 * MINUTE / 1e6
    factor_tries: int = 5
    burst: int = 4
    window: float = 15 * MINUTE / 1e6
    daily: int = 40
    asks: int = 30
    denials: int = 2
    freeze: float = HOUR / 1e6
    hold: float = HOUR / 1e6
    hold_long: float = DAY / 1e6
    contact_points_alone: bool = False
    hold_alone: float = 3 * DAY / 1e6
    hold_most: float = DAY / 1e6
    hold_open: float = DAY / 1e6
    when_alone: WhenAlone = WhenAlone.WAIT
    live: int = 8
    account_tries: int = 100
    guesses: int = 500
    rehearsals: int = 100_000


class HoldView(msgspec.Struct, frozen=True):
    """A hold as whoever waits sees it.

    Attributes:
        reasons: words of ``holding.Reason``.
        length: how long it is, once its clock runs.
        until: when it is over; None while its clock has not started.
        latest: when it ends in any case, finished or not.
        over: it is over, and the password may be chosen.
        factor: a second factor was proved for it.
        lost: it takes the place of a factor that was said to be lost.
    """

    reasons: tuple[str, ...]
    length: Instant
    until: Instant | None
    latest: Instant
    over: bool
    factor: bool
    lost: bool


class Progress(msgspec.Struct, frozen=True):
    """How far one browser has come with one recovery.

    Attributes:
        account: whose it is; never shown.
        link, code: this browser gave that proof.
        factor: the account has a second factor, which is asked before a password is written.
            Only said when both proofs are given: before that it would tell who has an account.
        bound: the account has one, asked for now or proved before a hold.
        ahead: the factor is asked now and the password only after a hold.
        hold: it waits, or has waited.
        kinds: of the factors that may answer.
        may_lose: the factor may be said to be lost.
        passkeys_only: the account has no password, and a reset gives it none.
        ended: why the recovery that this browser held is over, where it needs to be told.
        application: whose user it is about; "": an account of ours.
    """

    recovery: str | None = None
    account: str | None = None
    link: bool = False
    code: bool = False
    factor: bool = False
    bound: bool = False
    ahead: bool = False
    kinds: tuple[str, ...] = ()
    may_lose: bool = False
    passkeys_only: bool = False
    hold: HoldView | None = None
    ended: str | None = None
    application: str = ""

    def brings(self, application: str) -> bool:
        """Whether this browser has shown both proofs for a user of an application."""
        return self.both and self.application == application

    @property
    def both(self) -> bool:
        """Whether this browser gave both proofs."""
        return self.link and self.code

    @property
    def word(self) -> str:
        """``none``, ``link``, ``code``, ``both``, or ``held`` while a hold is not over."""
        if self.hold is not None and not self.hold.over:
            return "held"
        if self.both:
            return "both"
        return "link" if self.link else "code" if self.code else "none"


class Outcomes(msgspec.Struct, frozen=True):
    """What became of the recoveries whose proofs went through a party, as counts of accounts.

    One account counts once in each.
    """

    requested: int
    half_proven: int
    stopped_by_factor: int
    completed: int
    denied: int


class Asked(msgspec.Struct, frozen=True):
    """What an application sent a browser here for (RFC 6749 section 4.1.1, RFC 7636).

    Attributes:
        challenge: of the code's verifier, by S256.
    """

    application: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str


class Handed(msgspec.Struct, frozen=True):
    """What a browser takes back to its application."""

    redirect_uri: str
    state: str
    code: Secret


class Taken(msgspec.Struct, frozen=True):
    """A verdict as its application takes it, once.

    Attributes:
        claims: of the ID token, to be signed.
        token: with which the application says that it acts on it.
        seconds: for so long.
    """

    claims: dict[str, Any]
    token: Secret
    seconds: int


class VerdictView(msgspec.Struct, frozen=True):
    """A verdict as its application may look it up."""

    id: str
    application: str
    subject: str
    state: VerdictState
    why: str | None
    made_at: Instant
    handed_at: Instant | None
    secured_at: Instant | None

"""Words and settings of the recovery room."""

import enum
from typing import Any

import msgspec

from mailkeep.base.clock import HOUR, MINUTE, Instant
from mailkeep.base.secret import Secret


class State(enum.StrEnum):
    """Where a recovery stands."""

    ASKED = "asked"  #: somebody asked; nobody has looked yet whether there is an account
    OPEN = "open"  #: its proofs are on their way, or back
    NOTHING = "nothing"  #: no account, or a limit was reached: nothing was mailed
    COMPLETED = "completed"  #: a new password was written, or a verdict made
    VOID = "void"  #: it can no longer be completed


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
        asks: requests from one network in ``window`` seconds that are looked at; codes likewise.
        denials: recoveries of one account that denials over one provider stop in a day: who reads
            there must not be able to stop every one.
        freeze: seconds for which an account rests after its owner denied a completed recovery.
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


class Progress(msgspec.Struct, frozen=True):
    """How far one browser has come with one recovery.

    Attributes:
        link, code: this browser gave that proof.
        factor: the account has a second factor, which is asked before a password is written.
            Only said when both proofs are given: before that it would tell who has an account.
        application: whose user it is about; "": an account of ours.
    """

    recovery: str | None = None
    link: bool = False
    code: bool = False
    factor: bool = False
    application: str = ""

    def brings(self, application: str) -> bool:
        """Whether this browser has shown both proofs for a user of an application."""
        return self.word == "both" and self.application == application

    @property
    def word(self) -> str:
        """``none``, ``link``, ``code`` or ``both``."""
        if self.link and self.code:
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

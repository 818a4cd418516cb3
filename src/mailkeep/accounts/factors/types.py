"""Types and enums of the second factors."""

import enum
from urllib.parse import urlsplit

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.secret import Secret

LONGEST_NAME = 64


class Kind(enum.StrEnum):
    """What an authenticator is."""

    TOTP = "totp"  #: an app that shows six digits, new every 30 seconds
    PASSKEY = "passkey"  #: a key that signs for our address only; a lookalike page gets nothing
    SAVED_CODES = "saved_codes"  #: ten codes on paper, each good once


#: Kinds that are a second factor by themselves. Saved codes run out, so they stand beside one.
LASTING = frozenset({Kind.TOTP, Kind.PASSKEY})


class Way(enum.StrEnum):
    """On which way in a factor is shown; each has its own tries."""

    STRANGER = "stranger"  #: after the password, in a browser that the account does not know
    KNOWN = "known"  #: the same, in a browser that it knows
    ACCOUNT = "account"  #: who is signed in shows it again, before a change
    RECOVERY = "recovery"  #: after both mailed proofs
    LOST = "lost"  #: on the way back of who has lost a factor


#: Wrong answers in a row that one authenticator bears on each way; the next right answer on any of
#: them begins anew. Together they are the 100 of SP 800-63B-4 section 3.2.2; apart, so that who
#: holds the mailbox cannot use up the tries of who knows the password, nor a thief of the password
#: those of the owner's own browser.
SHARES: dict[Way, int] = {
    Way.STRANGER: 30,
    Way.KNOWN: 30,
    Way.ACCOUNT: 15,
    Way.RECOVERY: 15,
    Way.LOST: 10,
}


class Lane(msgspec.Struct, frozen=True):
    """A way in, and whose tries on it are counted together in a window.

    Attributes:
        way: which.
        of: what is counted apart from what on it, such as a browser's pseudonym.
    """

    way: Way
    of: str = ""

    @property
    def word(self) -> str:
        return f"factor {self.way} {self.of}".strip()


class Verdict(enum.StrEnum):
    """What became of an answer."""

    PROVED = "proved"  #: right, and used up
    WRONG = "wrong"  #: wrong, used before, or of no factor that is bound
    THROTTLED = "throttled"  #: too many tries of late; it was not looked at
    BLOCKED = "blocked"  #: this factor was answered wrongly too often on this way; not looked at


class Source(msgspec.Struct, frozen=True):
    """From where a factor is bound: pseudonyms, and the session that may go on to bind more."""

    browser: str
    network: str
    session: str = ""


class Site(msgspec.Struct, frozen=True):
    """For whom passkeys are made.

    Attributes:
        rp_id: the host that they sign for; "" where there is none: an address of numbers.
        origin: of our pages.
    """

    rp_id: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> "Site":
        """The site of our pages (WebAuthn section 5.1.3: the RP ID is a domain, no IP address)."""
        parts = urlsplit(public_url)
        host = parts.hostname or ""
        named = host == "localhost" or ("." in host and not host.replace(".", "").isdigit())
        usable = named and (parts.scheme == "https" or host == "localhost")
        return cls(host if usable else "", f"{parts.scheme}://{parts.netloc.lower()}")


class Bound(msgspec.Struct, frozen=True):
    """A passkey as a browser is reminded of it.

    Attributes:
        transports: ways to it, with commas between; those that nobody knows are left out.
    """

    credential: bytes
    transports: str


class FactorView(msgspec.Struct, frozen=True):
    """An authenticator that is, or was, bound.

    Attributes:
        left: saved codes that are not used yet; None for other kinds.
        synced: the passkey is backed up by whoever made it, so it lives on other devices too;
            None for other kinds.
        leaves_at: its owner removes it, and it is still asked until then.
        revoked_why: ``owner``, ``lost``, ``replaced``, ``with_last``, ``recovery``, ``denied``.
        held_by: the change that bound it, until that is settled: its owner can deny it.
        attested: a settled one was shown when it was bound.
    """

    id: str
    account: str
    kind: Kind
    name: str
    bound_at: Instant
    browser: str
    network: str
    last_used_at: Instant | None = None
    revoked_at: Instant | None = None
    revoked_why: str | None = None
    left: int | None = None
    synced: bool | None = None
    leaves_at: Instant | None = None
    held_by: str | None = None
    attested: bool = False


class Typed(msgspec.Struct, frozen=True):
    """What a browser answers, as it sent it.

    Attributes:
        code: digits of an app, or a saved code.
        assertion: what a passkey signed, as JSON; before ``code`` where both are there.
        browser: pseudonym of the browser; a passkey's challenge is good in one only.
        network: pseudonym of where it comes from; see ``places``.
    """

    code: str = ""
    assertion: str = ""
    browser: str = ""
    network: str = ""

    def __repr__(self) -> str:
        return "Typed(…)"


class Weighed(msgspec.Struct, frozen=True):
    """An answer after the slow part, before it counts. It says nothing until it is proved.

    Attributes:
        kind: which kind of factor it would be; None for what no factor can answer.
        right: whether the slow part found it right.
        mark: what uses it up: a code, a selector, a challenge.
        factor: the passkey, or the set of codes, that it was weighed against.
        count: signature counter of the passkey.
        synced: whether the passkey says that it is backed up.
        verified: the passkey has verified its user (a PIN, a finger), not only felt a touch.
    """

    kind: Kind | None = None
    right: bool = False
    mark: str = ""
    factor: str | None = None
    count: int = 0
    synced: bool = False
    verified: bool = False

    def __repr__(self) -> str:
        return f"Weighed({self.kind})"


class Proof(msgspec.Struct, frozen=True):
    """What became of an answer, and by which authenticator.

    Attributes:
        left: saved codes that are left, when one was used.
        settled: nobody can deny the factor any more.
    """

    verdict: Verdict
    kind: Kind | None = None
    factor: str | None = None
    left: int | None = None
    verified: bool = False
    settled: bool = False

    @property
    def proved(self) -> bool:
        return self.verdict is Verdict.PROVED

    @property
    def heard(self) -> bool:
        """Whether the answer was looked at; what was not does not count as wrong."""
        return self.verdict in {Verdict.PROVED, Verdict.WRONG}


class Enrolment(msgspec.Struct, frozen=True):
    """A TOTP secret to show once, as text and as a URI for a QR code (never in a log)."""

    factor: str
    secret: Secret
    uri: Secret


def check_name(name: str) -> str:
    """What an owner calls a factor. Raises ``Invalid``."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters", field="name")
    return name

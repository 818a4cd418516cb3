"""Words and settings of the accounts room."""

import enum

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.base.secret import Secret

from .classes import ClassSettings


class Stage(enum.StrEnum):
    """How far a session has come."""

    FACTOR = "factor"  #: the password was right, the second factor is still owed; opens nothing
    FULL = "full"  #: signed in


class AccountSettings(msgspec.Struct, frozen=True):
    """Lifetimes in microseconds, and limits.

    Attributes:
        session_life: longest life of a session, used or not.
        session_idle: a session not used for so long has ended.
        factor_life: how long a right password waits for its second factor.
        code_life: life of a code that confirms an address.
        code_tries: guesses at one confirmation code.
        window: the time over which tries are counted.
        tries: wrong passwords in a window, for each known browser and for each network.
        stranger_tries: the same from all unknown browsers together (SP 800-63B asks for a limit
            of 100). Known browsers have counts of their own, so that this locks no owner out.
        factor_tries: wrong second factors in a window; only who holds the password can use them up.
        sign_ups: confirmation mails to one address in a day, asked for from one network.
        sign_ups_in_all: the same from everywhere.
        network_sign_ups: confirmation mails in a window that one network asks for.
    """

    session_life: Instant = 24 * HOUR
    session_idle: Instant = HOUR
    factor_life: Instant = 10 * MINUTE
    code_life: Instant = 10 * MINUTE
    code_tries: int = 5
    window: Instant = 15 * MINUTE
    tries: int = 10
    stranger_tries: int = 100
    factor_tries: int = 5
    sign_ups: int = 5
    sign_ups_in_all: int = 50
    network_sign_ups: int = 30
    sign_up_window: Instant = DAY


class AccountsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[accounts]`` table.

    Attributes:
        classes: ``[accounts.class.<name>]``: what holds for classes of accounts.
    """

    classes: dict[str, ClassSettings] = msgspec.field(name="class", default_factory=dict)


class AccountView(msgspec.Struct, frozen=True):
    """An account without anything personal."""

    id: str
    account_class: str  # see ``classes``
    created_at: Instant
    frozen_until: Instant | None
    application: str = ""  # whose user it is; "": an account of ours

    def frozen(self, now: Instant) -> bool:
        return self.frozen_until is not None and now < self.frozen_until


class ContactPoint(msgspec.Struct, frozen=True):
    """An address at which an account is reached. Personal: never in an event."""

    id: str
    account: str
    address: str
    confirmed: bool

    def __repr__(self) -> str:
        return f"ContactPoint({self.id})"


class SessionView(msgspec.Struct, frozen=True):
    """A session as its owner sees it in a list."""

    id: str
    account: str
    stage: Stage
    created_at: Instant
    seen_at: Instant
    browser: str
    network: str


class SignUp(msgspec.Struct, frozen=True):
    """What became of a sign-up. Only ``confirmation`` may reach whoever signed up.

    Attributes:
        confirmation: handle to be kept by the browser; with the mailed code it confirms.
        address: where the mail goes.
        code: to be mailed; None when the address is taken (mail a notice instead) or had its
            share of mails today (mail nothing).
        taken: an account has this address already.
        mail: whether anything may be mailed at all.
    """

    confirmation: str
    address: str
    code: Secret | None
    taken: bool
    mail: bool

    def __repr__(self) -> str:
        return "SignUp(…)"


class SignedIn(msgspec.Struct, frozen=True):
    """A session that was made. At stage ``factor`` it opens nothing but the factor's form."""

    session: str
    account: str
    stage: Stage
    secret: Secret


class Enrolment(msgspec.Struct, frozen=True):
    """A TOTP secret to show once, as text and as a URI for a QR code (never in a log)."""

    factor: str
    secret: Secret
    uri: Secret

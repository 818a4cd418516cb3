"""Types and settings of third parties' audit logs: console sign-ins and changes."""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.providers.message import Quiet


class Act(enum.StrEnum):
    """What somebody did at a third party, with an account of ours."""

    SIGN_IN = "sign_in"  #: signed in to its console
    KEY = "key"  #: made or changed a key or a credential of a program
    USER = "user"  #: made somebody able to sign in, or able to do more
    CHANGE = "change"  #: changed what it sends, to whom, or where it reports
    DNS = "dns"  #: changed records of a name, or who answers for it


class Told(Quiet, frozen=True):
    """One line of an audit log, in our words.

    Attributes:
        id: by which its log knows it.
        about: what its log calls the party it is about, the most exact first.
        actor: who did it, as its log names them for ever; ``name``: for people to read.
        address: from which IP address; "": the log names none.
        factor: whether a second factor was shown; None: the log does not say.
        root: the account's owner did it, whom no rights bind.
        zones: names whose records changed.
        what: the log's own word for it.
    """

    _shown = ("act",)

    id: str
    at: Instant
    act: Act
    about: tuple[str, ...]
    actor: str
    name: str = ""
    address: str = ""
    factor: bool | None = None
    root: bool = False
    zones: tuple[str, ...] = ()
    what: str = ""


class Read(msgspec.Struct, frozen=True):
    """What was read of a log.

    Attributes:
        told: what is of concern.
        passed: lines about something else, or about what did not come to be.
        broken: lines that are not as the log's house documents them.
    """

    told: tuple[Told, ...] = ()
    passed: int = 0
    broken: int = 0


class ConsoleLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[console_log]]`` table: an audit log that is brought in.

    Attributes:
        name: under which it is brought in.
        kind: ``okta``, ``cloudtrail`` or ``plain``.
        parties: by what the log calls it, the provider or party that it is; ``*``: whose log it is.
        networks: from which our own people sign in; who comes from elsewhere is new from the first
            day. Without them networks are learned.
        per_day: lines of concern that are kept of one day of each act, a quarter of them of one
            actor; more are refused.
    """

    name: str
    kind: str
    parties: dict[str, str]
    networks: tuple[str, ...] = ()
    per_day: int = 2000


class ConsoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``console_sign_in``.

    Attributes:
        learns: days after the first line about a party in which who and where is only learned.
        remembers: seconds over which what was done at one party is counted together.
        forgets: days after which who was not seen is new again.
    """

    learns: float = 14.0
    remembers: float = 86_400.0
    forgets: float = 180.0

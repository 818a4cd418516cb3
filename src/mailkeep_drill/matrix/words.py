"""Vocabulary of the matrix: capabilities, kinds of accounts, and results."""

import enum
from dataclasses import dataclass


class Can(enum.StrEnum):
    """What an attacker can do."""

    READS_A = "reads mail at A"
    READS_B = "reads mail at B"
    DROPS_A = "drops mail at A"
    SENDS_A = "sends as our domain through A"
    WEBHOOKS = "forges A's webhooks"
    PASSWORD = "has the password"
    MAILBOX = "reads the mailbox"
    SESSION = "has a stolen session"
    RELAY = "relays one-time codes live"
    DENIALS = "presses every denial they see"
    API_KEY = "has the application's API key"
    DATABASE = "has a dump of the database"
    OPERATOR = "is an operator"


#: Capabilities that one third party of the company's has, or gives to who takes it.
THIRD_PARTY = frozenset({Can.READS_A, Can.READS_B, Can.DROPS_A, Can.SENDS_A, Can.WEBHOOKS})

#: What there is at a site with one provider, without an API or operators of its own.
AT_STOCK = [
    Can.READS_A,
    Can.DROPS_A,
    Can.SENDS_A,
    Can.PASSWORD,
    Can.MAILBOX,
    Can.SESSION,
    Can.RELAY,
    Can.DATABASE,
]

#: What is answered by reasoning and not played, and why.
STATED: dict[str, str] = {
    "has a dump of the database of a site that keeps its accounts itself": "takes who is signed in "
    "there, where the site keeps sessions as browsers show them, as Django does. Mailkeep's own "
    "dump is played",
    "reads SMS": "no proof travels by SMS yet, so there is nothing to read",
    "accounts with a telephone number": "no proof travels by SMS yet",
    "owns Mailkeep's web process": "takes every account, since it holds the keys that make "
    "sessions. It is no third party",
}


class Kind(enum.StrEnum):
    """What an account is guarded by."""

    NONE = "password only"
    TOTP = "authenticator app"
    PASSKEY = "passkey"
    SAVED = "saved codes, the phone gone"
    TWO = "password, two addresses"
    KEPT = "kept by the application, password only"
    KEPT_TOTP = "kept by the application, its app"


#: Kinds whose table is the application's own.
DELEGATED = frozenset({Kind.KEPT, Kind.KEPT_TOTP})

#: Kinds that a stock allauth site has as it comes.
STOCK_KINDS = [Kind.NONE, Kind.TOTP]


@dataclass(frozen=True, slots=True)
class Cell:
    """What a set of capabilities did to one account.

    Attributes:
        lost: the attacker signed in with what is theirs now, or stays in whatever the owner does.
        how: the last step that won it, or that stopped them.
        back: seconds until the owner was in again; None: not within the patience of the run.
        locked_out: the owner did not get in again.
    """

    can: frozenset[Can]
    kind: Kind
    lost: bool
    how: str
    back: float | None = None

    @property
    def locked_out(self) -> bool:
        return not self.lost and self.back is None

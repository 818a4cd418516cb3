"""Whether what speaks against a provider is all what one person does who signs in to our account
there (pure): a question to our own people, and no accusation.

A colleague who tells nobody, and a thief in the console, do the same: a key, a user, an export, a
mail that they try by hand, and the notices that come of them. They are counted as several signs and
may be one sitting. Whatever else is seen makes it an accusation: mail that is altered, a proof that
is used too early, an owner who denies, whether or not that counts. Signs fade, and what they said
when they were new decides: else a break-in that a provider announced would pass for our own doing
a week later.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from .types import Forger

#: Detectors of what is done by whoever signs in to our account.
BY_HAND = frozenset({"account_drift", "export_seen", "console_sign_in", "provider_notice"})
MAIL = "unknown_message"
TRIED = 3  #: mails that somebody tries by hand in a day; judged
#: Detectors of what owners say: none of our own doing at a console makes them.
OWNERS = frozenset({"denial", "support_claim"})
BESIDE = 2.0  #: nats of all else; judged: what every week brings stays below, a sign of its own not
#: What these say at most of our own doing. A notice of a break-in says more; so do mail under an
#: id in our own form, and three mails or more within minutes.
AT_MOST = {"provider_notice": 1.5, MAIL: 4.9}


class Sign(Protocol):
    """A term of an opinion: ``nats`` as it counts now, ``said`` when it was new; ``events``: ids of
    the facts on which it rests."""

    @property
    def detector(self) -> str: ...

    @property
    def nats(self) -> float: ...

    @property
    def said(self) -> float: ...

    @property
    def forger(self) -> Forger: ...

    @property
    def events(self) -> tuple[str, ...]: ...


class Told(NamedTuple):
    """One that is nothing else."""

    detector: str
    nats: float
    said: float
    forger: Forger
    events: tuple[str, ...]


def is_by_hand(signs: Iterable[Sign]) -> bool:
    """Whether anything of such a sitting is seen."""
    return any(one.detector in BY_HAND and one.nats > 0 for one in signs)


def accuses(signs: Iterable[Sign]) -> bool:
    """Whether something speaks against a provider that none of our own people does there."""
    other = 0.0
    for one in signs:
        said = max(one.nats, one.said)
        if one.detector in OWNERS or said > AT_MOST.get(one.detector, said):
            return True
        if one.detector == MAIL and len(one.events) > TRIED:
            return True
        if one.detector not in BY_HAND | {MAIL}:
            # What anyone could stage says nothing while it counts nothing.
            if said >= BESIDE and (one.nats > 0 or one.forger is not Forger.ANYONE):
                return True
            other += one.nats
    return other >= BESIDE

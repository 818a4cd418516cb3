"""Types and settings of paging."""

import enum
from dataclasses import dataclass
from typing import Protocol

import msgspec

from mailkeep.base.clock import Instant


class PagerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[pager]]`` table: one way to wake somebody.

    Attributes:
        url: where it is (``env:NAME``, ``file:PATH``): a URL as Apprise has them, such as
            ``ntfys://…`` or ``pagerduty://…``. It opens the service, so it is a secret.
        party: who carries it, of ``[[party]]``. Without one nobody knows whether a suspect does.
    """

    name: str
    url: str
    party: str = ""


class PagingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[paging]`` table. Seconds.

    Attributes:
        repeat: an incident that nobody took is paged again after so long.
        most: so many times at most.
        again: so often within a day a page says that one suspicion of an incident is held again.
        give_up: one page is tried for so long.
        accounts_each: of incidents about one customer's account each, one is paged in so long; 0:
            every one. Whoever has accounts stages them as often as they have some.
    """

    repeat: float = 300.0
    most: int = 12
    again: int = 4
    give_up: float = 1800.0
    accounts_each: float = 86_400.0


class Bell(Protocol):
    """What rings."""

    async def ring(self, title: str, body: str) -> bool:
        """Whether the service took it. Raises nothing."""
        ...


@dataclass(frozen=True)
class Pager:
    """A pager with what rings it."""

    name: str
    party: str
    bell: Bell


class Why(enum.StrEnum):
    """What a page is for."""

    OPENED = "opened"
    GRAVER = "graver"  #: something graver is held than when it was paged last
    SIGNED = "signed"  #: signs hold now what was paged on a person's word alone
    AGAIN = "again"  #: what was let go, or something after nothing was held, is held again
    REPEATED = "repeated"  #: nobody took it
    SECOND = "second"  #: what somebody asked for waits for a second person
    ALONE = "alone"  #: somebody did alone what wants two
    CALLED = "called"  #: a person wants everybody
    CLOSED = "closed"  #: a person ended it while something was held
    FAILED = "failed"  #: what was begun about it could not be done
    LIMIT = "limit"  #: a playbook has reached a limit, and leaves the rest to people


class PageState(enum.StrEnum):
    """Where a page stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class PageView(msgspec.Struct, frozen=True):
    """One page: ``at`` when it was due first, ``tries`` so far."""

    pager: str
    round: int
    why: Why
    state: PageState
    at: Instant
    tries: int

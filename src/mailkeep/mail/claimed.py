"""What a claim writes: attempts that start, who is exposed by them, and what waits.

All of it in the claim's own transaction, so that no kill hides that a provider may have had a mail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, update

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.ids import new_id
from mailkeep.events.types import Fact
from mailkeep.store.database import Tx
from mailkeep.store.repeated import Repeated

from . import recipients, tables
from .types import Job, Status

_m = tables.messages
_a = tables.attempts


class Due(NamedTuple):
    """A message that may be claimed, and its body: what a claim reads."""

    id: str
    address: str
    copies: str
    secret: bool
    ours: bool
    only: str
    avoid: str
    family: str
    created_at: Instant
    expires_at: Instant
    tries: int
    hour: int | None
    size: int | None
    data: bytes | None
    status: str


class Claimed:
    """What a claim writes, table by table, and the jobs that come of it.

    Args:
        stream: whose mail it is.
        until: for how long what is started is ours.
    """

    def __init__(self, stream: str, until: Instant) -> None:
        self.stream = stream
        self.until = until
        self.jobs: list[Job] = []
        self.attempts: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.waiting: list[dict[str, Any]] = []
        self.exposed: dict[tuple[str, str], dict[str, Any]] = {}
        self.facts: list[Fact] = []

    def start(
        self,
        message: Due,
        provider: str,
        now: Instant,
        *,
        ask: bool = False,
        final: bool = True,
        refused: bool = False,
    ) -> None:
        """Start an attempt at a provider; ``ask``, ``final`` and ``refused``: see ``Job``."""
        attempt = new_id("att", now)
        self.attempts.append(
            {"id": attempt, "message_id": message.id, "provider": provider, "started_at": now}
        )
        self.started.append(
            {"of": message.id, "by": provider, "attempt": attempt, "until": self.until}
        )
        for address in () if message.ours else recipients.exposed(message.address, message.copies):
            exposure = self.exposed.setdefault(
                (address, provider),
                {
                    "address_id": address,
                    "provider": provider,
                    "stream": self.stream,
                    "day": now // DAY,
                    "first_at": now,
                    "last_at": now,
                    "count": 0,
                },
            )
            exposure["count"] += 1
        self.jobs.append(
            Job(
                message=message.id,
                attempt=attempt,
                provider=provider,
                stream=self.stream,
                address=message.address,
                secret=bool(message.secret),
                tries=message.tries + 1,
                started_at=now,
                created_at=message.created_at,
                expires_at=message.expires_at,
                hour=message.hour,
                body=bytes(message.data or b""),
                ask=ask,
                final=final,
                refused=refused,
                size=message.size or 0,
                family=message.family,
                recipients=1 + message.copies.count(",") + 1 if message.copies else 1,
            )
        )

    def wait(self, message: Due, until: Instant) -> None:
        """Look at a message again at an instant, and not before."""
        self.waiting.append({"of": message.id, "until": until})

    def write(self, tx: Tx) -> None:
        """Write it all but the facts, which the caller records."""
        tx.many(_WAIT, self.waiting)
        tx.many(_ATTEMPTS, self.attempts)
        tx.many(_START, self.started)
        # Always in the same order: two writers of the same rows never deadlock.
        tx.many(EXPOSE, [self.exposed[one] for one in sorted(self.exposed)])


_WAIT = Repeated(
    lambda _insert: (
        update(_m)
        .where(_m.c.id == bindparam("of"))
        .values(status=Status.QUEUED.value, next_at=bindparam("until"))
    )
)
_ATTEMPTS = Repeated(lambda insert: insert(_a), ("id", "message_id", "provider", "started_at"))
_START = Repeated(
    lambda _insert: (
        update(_m)
        .where(_m.c.id == bindparam("of"))
        .values(
            status=Status.SENDING.value,
            lease_until=bindparam("until"),
            tries=_m.c.tries + 1,
            provider=bindparam("by"),
            attempt_id=bindparam("attempt"),
        )
    )
)


def _expose(insert: Callable[..., Any]) -> Any:
    ledger = tables.exposures
    first = insert(ledger)
    return first.on_conflict_do_update(
        index_elements=["address_id", "provider", "stream", "day"],
        set_={
            "last_at": first.excluded.last_at,
            "count": ledger.c.count + first.excluded.count,
        },
    )


EXPOSE = Repeated(
    _expose, ("address_id", "provider", "stream", "day", "first_at", "last_at", "count")
)

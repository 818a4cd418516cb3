"""The rows of mail that others sent: a message that was accepted, its attempt, its exposure, and no
body (decision 50). Who tells of it, and whether that is believed, is decided before."""

from typing import Any

from sqlalchemy import insert

from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.types import Fact
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Tx

from . import families, tables
from .claimed import EXPOSE
from .events import AttemptFinished
from .types import TOLD, Status, StreamSettings

STALE = 7 * DAY  #: an older mail says nothing any more
AHEAD = 5 * MINUTE  #: that the clock of who tells may be ahead of ours
LATE = 10 * MINUTE  #: an older mail is for the ledger alone: it says nothing of what goes out now


def in_time(at: Instant, now: Instant) -> bool:
    """Whether a mail of an instant is still, and already, taken in."""
    return now - STALE <= at <= now + AHEAD


class Rows:
    """What mails add, table by table.

    Attributes:
        facts: to be recorded in the same transaction.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._messages: list[dict[str, Any]] = []
        self._attempts: list[dict[str, Any]] = []
        self._names: list[dict[str, Any]] = []
        self._exposed: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        self.facts: list[Fact] = []

    def add(
        self,
        tx: Tx,
        provider: str,
        stream: StreamSettings,
        to: str,
        at: Instant,
        name: str | None,
        *,
        given: int = 1,
    ) -> str:
        """A mail to one recipient; the message's id.

        Args:
            to: in canonical form; a pseudonym is kept.
            at: when it was sent.
            name: the provider's own for it; None: not known.
            given: recipients that the provider was given with it, as it counts them.
        """
        message, attempt = new_id("msg", tx.now, tx.order.next()), new_id("att", tx.now)
        address, family = self._keys.pseudonym("address", to), families.of(to)
        at = min(at, tx.now)
        self._messages.append(
            {
                "id": message,
                "stream": stream.name,
                "priority": stream.priority,
                "address_id": address,
                "status": Status.ACCEPTED.value,
                "secret": stream.secret,
                "only": provider,
                "avoid": "",
                "created_at": at,
                "next_at": at,
                "tries": 1,
                "expires_at": at + round(stream.expires * SECOND),
                "provider": provider,
                "attempt_id": attempt,
                "accepted_at": at,
                "family": family,
            }
        )
        self._attempts.append(
            {
                "id": attempt,
                "message_id": message,
                "provider": provider,
                "started_at": at,
                "seconds": 0.0,
                "detail": TOLD,
                "outcome": OutcomeKind.ACCEPTED.value,
                "provider_message_id": name,
            }
        )
        key = (address, provider, stream.name, at // DAY)
        before = self._exposed.get(key, {"first_at": at, "last_at": at, "count": 0})
        self._exposed[key] = {
            "address_id": address,
            "provider": provider,
            "stream": stream.name,
            "day": at // DAY,
            "count": before["count"] + 1,
            "first_at": min(before["first_at"], at),
            "last_at": max(before["last_at"], at),
        }
        if tx.now - at <= LATE:
            self.facts.append(
                AttemptFinished(
                    message=message,
                    attempt=attempt,
                    provider=provider,
                    stream=stream.name,
                    address=address,
                    outcome=OutcomeKind.ACCEPTED.value,
                    detail=TOLD,
                    seconds=0.0,
                    family=family,
                    recipients=given,
                    told=True,
                )
            )
        return message

    def name(self, tx: Tx, provider: str, mail: str, message: str) -> None:
        """What the provider says of a mail of this name is about a message.

        Args:
            mail: a digest of the provider's own name for it.
        """
        self._names.append(
            {"provider": provider, "mail": mail, "message_id": message, "received_at": tx.now}
        )

    async def write(self, tx: Tx) -> None:
        """Write them down; the facts are the caller's to record."""
        if self._names:
            # A name that another process gave at the same time stands.
            first = tx.upsert(tables.journal).on_conflict_do_nothing()
            await tx.run(first, self._names)
        if not self._messages:
            return
        await tx.run(insert(tables.messages), self._messages)
        await tx.run(insert(tables.attempts), self._attempts)
        # In one order for everybody.
        tx.many(EXPOSE, [self._exposed[key] for key in sorted(self._exposed)])

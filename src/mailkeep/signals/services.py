"""The transmitter: subscribes to events and queues them for receivers."""

import asyncio
from functools import partial

from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.events.types import Recorded
from mailkeep.store.database import Database, Tx

from . import mapping, receivers
from .polling import Polling
from .pushing import Pushing
from .queue import Queue
from .reachable import Outbound
from .streams import Streams
from .types import Receiver, SignalSettings


class Signals:
    """The transmitter of security events.

    Args:
        database: where the queue is.
        keys: name accounts to receivers.
        signing: signs.
        issuer: who we are: our public URL.
        settings: limits.
        loopback: development: receivers may be on this machine.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        signing: SigningKeys,
        issuer: str,
        settings: SignalSettings,
        *,
        loopback: bool,
    ) -> None:
        self._database = database
        self._keys = keys
        self.issuer = issuer.rstrip("/")
        self.settings = settings
        self.queue = Queue(database, keys, settings)
        self.streams = Streams(database, keys, self.queue, self.issuer, settings, loopback=loopback)
        self.pushing = Pushing(
            database,
            keys,
            signing,
            self.queue,
            Outbound(settings.timeout, loopback=loopback),
            self.issuer,
            settings,
            loopback=loopback,
        )
        self.polling = Polling(database, signing, self.queue, self.issuer, settings)

    def told(self, topic: str) -> None:
        """Hear of what was written, here or in another process."""
        self.pushing.told(topic)
        self.polling.told(topic)

    @property
    def awake(self) -> asyncio.Event:
        return self.pushing.awake

    async def authorise(self, presented: str) -> Receiver:
        """The receiver whose token was presented. Raises ``NotSignedIn``."""
        async with self._database.read() as tx:
            return await receivers.authorise(tx, self._keys, presented)

    async def on_fact(self, tx: Tx, recorded: Recorded) -> None:
        """Queue the events of a fact, if it has any."""
        await self.queue.tell(tx, mapping.announcements(recorded.fact, recorded.at))

    async def compromised(self, tx: Tx, account: str, why: str, *, cause: str) -> int:
        """Tell that somebody else may hold an account's password; once for each incident.

        Args:
            why: words for the receivers' operators; nobody is named in them.
            cause: the incident's id.
        """
        told = mapping.compromised(account, tx.now, why)
        return await self.queue.tell(tx, told, cause=cause)

    async def sweep(self) -> int:
        """Disable the streams in which something waited for too long; returns how many."""
        return await self._database.retrying(partial(Queue.sweep, self.queue))

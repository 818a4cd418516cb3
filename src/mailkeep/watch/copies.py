"""Takes copies (BCC) of an application's mail in, for the journal: of a house that puts nothing in
the path of its mail, and whose application cannot say what it sends.

A copy comes to an address that the house gives its provider, and nobody else. It counts when a
domain of ours signed it, which is verified here; everything else is counted and dropped. Nothing of
a copy is kept but whom it was for, when, and a digest of its signature: its text may hold a reset
link, and is forgotten with the connection.

Security: reads hostile input, one mail at a time in a thread. Keys are looked up for domains of
ours only, each seldom, and strangers' guesses of selectors a few times a minute. What is refused is
counted in memory and written down once in a while: a flood writes no rows.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping

import structlog

from mailkeep.base import addresses
from mailkeep.base.errors import Unavailable
from mailkeep.base.workers import STRANGERS
from mailkeep.mail import copies as ledger
from mailkeep.mail.claims import LANE
from mailkeep.mail.copies import Copied, Place
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from . import copied, dkim
from .dkim_keys import Keys
from .received import Ask

log = structlog.get_logger(__name__)

UNKNOWN = "unknown-address"
PREFIX = "copy-"
WAITING = 64  #: copies that wait to be looked at; the next one is to be brought again


class Copies:
    """The door for copies.

    Args:
        journal: where they go.
        places: the addresses for copies, by the address (``mail.copies.places``).
        senders: domains of ours.
        streams: of the settings; a copy may name its own.
        ask: looks TXT records up.

    Attributes:
        domain: of the addresses for copies.
    """

    def __init__(
        self,
        database: Database,
        shared: SharedCommit,
        journal: ledger.Copies,
        places: Mapping[str, Place],
        senders: frozenset[str],
        streams: frozenset[str],
        ask: Ask,
    ) -> None:
        self._database = database
        self._shared = shared
        self._journal = journal
        self._places = places
        self._senders = senders
        self._streams = streams
        self._keys = Keys(ask)
        self.domain = next(addresses.domain(one) for one in places)
        self._one = asyncio.Lock()
        self._waiting = 0
        self._refused: Counter[str] = Counter()

    def ours(self, address: str) -> bool:
        """Whether an address looks as one for copies does: mail to it comes over TLS or not at
        all, whoever guessed it."""
        key = addresses.key(address)
        return key.startswith(PREFIX) and addresses.domain(key) == self.domain

    async def sift(self, recipients: list[str], raw: bytes) -> list[str]:
        """Take in what came to addresses for copies; returns the other recipients.

        Raises:
            Unavailable: it was not stored; whoever brought it tries again.
        """
        mine = [one for one in recipients if self.ours(one)]
        for place in {self._places.get(addresses.key(one)) for one in mine}:
            if place is None:
                self._refused[UNKNOWN] += 1
            else:
                await self._take(place, raw)
        return [one for one in recipients if one not in mine] if mine else recipients

    async def settle(self) -> None:
        """Write down what was refused since."""
        counts, self._refused = self._refused, Counter()
        if not counts:
            return
        try:
            async with self._database.write() as tx:
                for why, count in sorted(counts.items()):
                    await ledger.add(tx, ledger.REFUSED + why, count)
        except Unavailable:
            self._refused.update(counts)
            raise

    async def _take(self, place: Place, raw: bytes) -> None:
        if self._waiting >= WAITING:
            raise Unavailable("too many copies wait to be looked at")
        self._waiting += 1
        try:
            async with self._one:
                found = await self._read(raw)
        finally:
            self._waiting -= 1
        if isinstance(found, str):
            self._refused[found] += 1
            log.info("copy.refused", provider=place.provider, why=found)
            return
        copy = Copied(
            place.provider,
            found.stream if found.stream in self._streams else place.stream,
            found.signature,
            found.to,
            self._database.clock.now() if found.at is None else found.at,
            found.message,
        )
        word = await self._shared.each(self._journal.note, copy, lane=LANE)
        if word != ledger.NEW:
            self._refused[word] += 1

    async def _read(self, raw: bytes) -> copied.Read | str:
        mail = await STRANGERS.run(dkim.take_apart, raw)
        now = self._database.clock.now()
        wanted = {one.asks for one in copied.candidates(mail, self._senders)}
        keys = await self._keys.look_up(wanted, now)
        if wanted and not keys:
            # RFC 6376 section 3.9: it may be there in a while.
            raise Unavailable("the keys of a copy cannot be had now")
        found = await STRANGERS.run(
            copied.read, mail, self._senders, keys, now, self._places.__contains__
        )
        if isinstance(found, copied.Read):
            self._keys.good(wanted & keys.keys())
        return found

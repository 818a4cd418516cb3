"""Honeytokens: addresses that one provider alone was ever given, and what mail to them shows.

A honey address belongs to an account that nobody uses. Our own mail comes to it now and then
(seeds, notices of its account); anybody else's was sent by somebody who read the address at that
provider.

Security: reads hostile input. A mail is parsed only when it came to a honey address, one at a time,
bounded by ``parts``; nothing leaves here but our own words about it. Mail to names beside an
address that do not exist is only counted: whoever guesses names shows it by those that they miss.
That excuses no hit of a name that an hour's guesses do not come to (``DIGITS``): whoever read it
could else write to three made-up names beside it, and it would say nothing. Events of one address
are at most one a minute.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import Iterable

from sqlalchemy import select

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import is_id, made_at
from mailkeep.base.keys import KeyRing
from mailkeep.base.workers import STRANGERS
from mailkeep.events.log import record
from mailkeep.mail import queries
from mailkeep.providers.types import ID_HEADER
from mailkeep.store.database import Database, Tx

from . import reading
from .events import HoneyMailArrived
from .parts import ATTACHED, Parts, take_apart
from .tables import canaries
from .types import HoneyAddress

COUNTED = 1000  #: strays of a domain that are counted
DIGITS = 3  #: in a name that nobody guesses by as many tries as are counted
UNDER_WAY = 3 * DAY  #: an id of ours excuses a mail for so long: it can be copied by who reads it

_c = canaries.c


class HoneyMail:
    """Takes note of mail to honey addresses.

    Args:
        honey: the addresses in canonical form, each with its provider.
        domains: of ours, from which our mail comes.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        honey: Iterable[HoneyAddress],
        domains: Iterable[str],
    ) -> None:
        self._database = database
        self._keys = keys
        self._honey = {one.address: one.provider for one in honey}
        self._domains = frozenset(one.lower() for one in domains)
        self._strays: dict[str, deque[Instant]] = {
            addresses.domain(one): deque(maxlen=COUNTED) for one in self._honey
        }
        self._told: dict[str, Instant] = {}
        self._reading = asyncio.Lock()

    async def receive(self, recipients: list[str], raw: bytes) -> int:
        """Examine a received mail; returns how many honey addresses it hit. Never raises for its
        contents."""
        now = self._database.clock.now()
        hit: dict[str, None] = {}
        for recipient in recipients:
            try:
                key = addresses.key(recipient)
                domain = addresses.domain(key)
            except Invalid:
                continue
            if key in self._honey:
                hit[key] = None
            elif domain in self._strays:
                self._strays[domain].append(now)
        wanted = [one for one in hit if now - self._told.get(one, 0) >= MINUTE]
        if not wanted:
            return 0
        async with self._reading:
            parts = await STRANGERS.run(take_apart, raw)
            markers = (await STRANGERS.run(reading.read, raw, lambda _: False)).markers
        words = self._words(parts)
        told: list[str] = []
        async with self._database.write() as tx:
            for one in wanted:
                if await self._ours(tx, one, parts, markers):
                    continue
                fact = HoneyMailArrived(
                    provider=self._honey[one],
                    honey=self._keys.pseudonym("address", one),
                    words=words,
                    strays=self._strays_beside(one, now),
                )
                await record(self._database, tx, fact)
                told.append(one)
        # Once it is stored: else a mail that is brought again, as it was not, would be passed over.
        self._told.update(dict.fromkeys(told, now))
        return len(told)

    def _words(self, parts: Parts) -> tuple[str, ...]:
        """Our own words about it, and no others."""
        sender = next((value for name, value in parts.fields if name == "from"), "")
        domain = sender.rpartition("@")[2].strip("<> \t\r\n").lower()
        texts = [*(one.text.lower() for one in parts.texts), *parts.aside]
        said = {
            "as_us": domain in self._domains,
            "link": any("http:" in text or "https:" in text for text in texts),
            "attachment": ATTACHED in parts.odd,
        }
        return tuple(word for word, true in said.items() if true)

    async def _ours(self, tx: Tx, address: str, parts: Parts, markers: tuple[str, ...]) -> bool:
        """Whether it is our own seed, by its secret, or a message of ours to this address."""
        hashes = [self._keys.lookup_hash("canary marker", one) for one in markers]
        seeds = await tx.all(
            select(_c.marker_hash).where(
                _c.honey, _c.address_hash == self._keys.lookup_hash("canary address", address)
            )
        )
        if any(hmac.compare_digest(row["marker_hash"], one) for row in seeds for one in hashes):
            return True
        name = next((value for key, value in parts.fields if key == ID_HEADER.lower()), "").strip()
        made = made_at(name) if is_id("msg", name) else None
        if made is None or tx.now - made > UNDER_WAY:
            return False
        return await queries.is_for(tx, name, self._keys.pseudonym("address", address))

    def _strays_beside(self, address: str, now: Instant) -> int:
        name, _, domain = address.rpartition("@")
        if sum(one.isdigit() for one in name) >= DIGITS:
            return 0
        return sum(at > now - HOUR for at in self._strays[domain])

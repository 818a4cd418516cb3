"""Who signed a canary that came to our own listener: the provider, for our domain, or nobody.

Whoever is in the way of our listener can write into a canary what they like; its signature they
cannot make anew. Only keys of our own domains count: the key of a provider's domain signs for every
customer that it has, so whoever has an account there could have a canary signed that they made up.

Security: reads hostile input, but only of mails that hold the secret of a canary. DNS is waited for
briefly, and a name that it did not answer is left for a while: that a canary came is known before,
and must not be known late.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.base.workers import STRANGERS

from . import dkim, reading
from .dkim_keys import KEYS, Keys
from .received import Ask

WAITS = 1.0  #: seconds for DNS
AGAIN = MINUTE  #: after which a name without an answer is asked for again
MOST = 4  #: signatures of one mail


class Vouched(msgspec.Struct, frozen=True):
    """What a signature covers of a mail. ``key``: a name of the key that it was made with."""

    key: str
    part: reading.Reading


class Arrival(msgspec.Struct, frozen=True):
    """A mail that canaries came with.

    Attributes:
        at: when it came.
        failed: as in ``CanaryArrived``.
        signed: by canary, the signatures that cover its secret.
        read: it was read where it came in, and nobody brought it to us.
    """

    found: reading.Reading
    at: Instant
    failed: tuple[str, ...]
    signed: Mapping[str, tuple[Vouched, ...]]
    read: bool


class Signatures:
    """Verifies canaries.

    Args:
        ask: looks TXT records up.
        domains: of ours, for which each provider signs.
    """

    def __init__(self, ask: Ask, domains: Mapping[str, frozenset[str]]) -> None:
        self._ask = ask
        self._domains = domains
        self._keys = Keys(self._briefly)
        self._silent: OrderedDict[str, Instant] = OrderedDict()

    async def of(self, provider: str, raw: bytes, now: Instant) -> tuple[Vouched, ...]:
        """The signatures that hold, each with what it covers; of a mail that nobody signed none."""
        domains = self._domains.get(provider)
        if not domains:
            return ()
        mail = await STRANGERS.run(dkim.take_apart, raw, domains)
        names = {one.asks for one in mail.signatures}
        wanted = {one for one in names if now - self._silent.get(one, -AGAIN) >= AGAIN}
        if not wanted:
            return ()
        keys = await self._keys.look_up(wanted, now)
        for name in wanted - keys.keys():
            self._silent[name] = now
        while len(self._silent) > KEYS:
            self._silent.popitem(last=False)
        return await STRANGERS.run(self._held, mail, keys, now)

    def _held(
        self, mail: dkim.Mail, keys: Mapping[str, tuple[str, ...]], now: Instant
    ) -> tuple[Vouched, ...]:
        out = []
        for one in dkim.all_holding(mail, keys, now // SECOND)[:MOST]:
            self._keys.good({one.asks})
            part = dkim.signed_part(mail, one)
            if part:
                key = dkim.fingerprint(one.domain, keys[one.asks][0])
                out.append(Vouched(key, reading.read(part)))
        return tuple(out)

    async def _briefly(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        try:
            async with asyncio.timeout(WAITS):
                return await self._ask(names)
        except TimeoutError:
            return {}

"""Bounces from SMTP relays: gives messages a return path of ours, and ingests the bounces it
receives.

A relay has no webhooks: it reports a bounce by a mail to the return path. Each relay that has an
option ``return_path_domain`` gets one for every message, authenticated by a key of its own.

Security: whoever was given the mail (the relay, each server on the way) knows its return path, and
may say what they like about that one message: so it is a claim, as any provider's report is. The
number for each message is bounded, and what comes to an address that we did not make is dropped.
Where others were handed the same mail, each of them knows the path too, so it is a path of another
kind, and nobody is believed about another one: such a bounce is kept, and moves nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import func, select

from mailkeep.base import addresses
from mailkeep.base.keys import KeyRing, digest
from mailkeep.base.workers import STRANGERS
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.types import Claim, ProviderConfig
from mailkeep.store.database import Database

from . import bounces, tables, verp
from .claims import Claims

log = structlog.get_logger(__name__)

MOST = 100  #: reports that are believed of one message
FORGED, UNREADABLE, TOO_MANY = "forged-bounce", "unreadable-bounce", "too-many-bounces"


def return_path(keys: KeyRing, config: ProviderConfig, message: str, *, shared: bool) -> str | None:
    """The envelope sender of a message; None where bounces do not come back to us.

    Args:
        shared: others than its recipient are handed the message as well.

    Raises:
        MisconfiguredProvider: the option is no domain.
    """
    domain = _domain(config)
    if domain is None:
        return None
    try:
        return verp.return_path(message, domain, _key(keys, config.name, shared=shared))
    except ValueError as error:
        raise MisconfiguredProvider(
            "return_path_domain is not a domain", field="options.return_path_domain"
        ) from error


class Returns:
    """The door for bounces.

    Args:
        claims: where they go, as claims of the relay that carried the mail.
        providers: by name.

    Attributes:
        domains: to which bounces come back.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        claims: Claims,
        providers: Mapping[str, ProviderConfig],
    ) -> None:
        self._database = database
        self._keys = keys
        self._claims = claims
        self._relays: dict[str, list[str]] = {}
        for name, one in providers.items():
            if (domain := _domain(one)) is not None:
                self._relays.setdefault(domain, []).append(name)
        self.domains = frozenset(self._relays)
        self._reading = asyncio.Lock()

    def ours(self, address: str) -> bool:
        """Whether mail to an address comes to a return path's domain."""
        return addresses.domain(address).lower() in self.domains

    async def receive(self, recipients: Sequence[str], raw: bytes) -> int:
        """Take in what came to return paths; how many claims of it were new.

        Raises:
            Unavailable: it was not stored; whoever brought it tries again.
        """
        found = {}
        for recipient in recipients:
            relays = self._relays.get(addresses.domain(recipient).lower(), [])
            known = [
                (relay, message, shared)
                for relay in relays
                for shared in (False, True)
                if (message := verp.read(recipient, _key(self._keys, relay, shared=shared)))
            ]
            found.update(dict.fromkeys(known))
            if relays and not known:
                await self._claims.refuse(relays[0], FORGED, self._database.clock.now())
        if not found:
            return 0
        async with self._reading:  # one at a time: whatever comes, one thread is busy with it
            returned = await STRANGERS.run(bounces.read, raw)
        return sum([await self._believe(*one, returned, raw) for one in found])

    async def _believe(
        self,
        relay: str,
        message: str,
        shared: bool,
        returned: Sequence[bounces.Returned],
        raw: bytes,
    ) -> int:
        now = self._database.clock.now()
        if not returned:
            await self._claims.refuse(relay, UNREADABLE, now)
            return 0
        c = tables.claims.c
        async with self._database.read() as tx:
            before = await tx.value(
                select(func.count()).where(c.message_id == message, c.provider == relay)
            )
        if (before or 0) + len(returned) > MOST:
            await self._claims.refuse(relay, TOO_MANY, now)
            return 0
        name = digest(message.encode() + b"\0" + raw)
        claims = [
            Claim(
                provider=relay,
                claim_id=f"bounce-{name}-{number}",
                kind=one.kind,
                provider_message_id=None,
                message_id=message,
                recipient=None if shared else one.recipient,
                at=None,
                detail=one.status,
                authenticated="shared_secret",
            )
            for number, one in enumerate(returned)
        ]
        return await self._claims.take(relay, claims)


def _domain(config: ProviderConfig) -> str | None:
    """Where a relay's bounces come back to; an API's bounces are its own affair."""
    domain = config.options.get("return_path_domain", "").strip().lower()
    return domain if domain and config.kind == "smtp" else None


def _key(keys: KeyRing, relay: str, *, shared: bool) -> bytes:
    return keys.pepper("return path of many" if shared else "return path", relay)

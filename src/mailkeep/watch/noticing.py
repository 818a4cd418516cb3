"""Ingests providers' notices: by mail to an address of ours, and from status pages.

A mail is authentic when the provider's own domain signed it, its date and its recipient, which must
be us, and it is new: otherwise anybody with an account at the provider could forward the notice
that they got themselves, or one of last year.

Security: reads hostile input: mail of anyone. Of a mail one word is kept. Pages are fetched from
addresses that an operator named, follow nothing, and are bounded.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from email.errors import MessageError
from email.utils import parsedate_to_datetime

from mailkeep.base import addresses
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import TooMany
from mailkeep.base.keys import digest
from mailkeep.base.workers import STRANGERS
from mailkeep.events import turns
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import dkim, dmarc, notices
from .events import ProviderNoticed
from .notices import Notice
from .received import Received, once
from .report_types import ReportSettings
from .tables import reports

FRESH = 3 * 86_400  #: seconds between the date of a mail and its coming
SAY_AGAIN = 1800.0  #: seconds after which a status page that goes on to say so is a fact again
POLL_SECONDS = 300.0
TOLD = frozenset({Notice.OUTAGE, Notice.SECURITY})  #: words of a page that are told
SIGNED = ("from", "to", "date")

_r = reports

#: Fetches an address; None: there is nothing to be had there.
Fetch = Callable[[str], Awaitable[bytes | None]]


class Notices:
    """The door for notices.

    Args:
        received: who signed a mail, and what was refused.
        fetch: gets a status page.
    """

    def __init__(
        self, database: Database, settings: ReportSettings, received: Received, fetch: Fetch
    ) -> None:
        self._database = database
        self._settings = settings
        self._received = received
        self._fetch = fetch

    async def sift(self, recipients: list[str], raw: bytes) -> list[str]:
        """Take in what came to the address of notices; returns the other recipients.

        Raises:
            Unavailable: it was not stored; whoever brought it tries again.
        """
        wanted = self._settings.notices
        others = [
            one for one in recipients if not wanted or addresses.key(one) != addresses.key(wanted)
        ]
        if len(others) < len(recipients):
            await self._receive(raw)
        return others

    async def poll(self) -> None:
        """Ask every status page once. What cannot be read says nothing."""
        for provider, where in self._settings.status.items():
            notice = await self._ask(where.rstrip("/"), self._settings.components.get(provider, ()))
            if notice is None or notice not in TOLD:
                continue
            async with self._database.write() as tx:
                # Reported once, whichever process does it and however often one is restarted.
                if await turns.take(tx, f"status said {provider} {notice}", SAY_AGAIN):
                    fact = ProviderNoticed(
                        provider=provider, via="status", notice=notice.value, authentic=True
                    )
                    await record(self._database, tx, fact)

    async def _ask(self, where: str, components: Collection[str]) -> Notice | None:
        """What a page says: of its incidents, component by component, or of the whole."""
        text = await self._fetch(f"{where}/api/v2/incidents.json")
        notice = None if text is None else notices.of_incidents(text, components)
        if notice in TOLD or (notice is not None and components):
            return notice
        # Some pages show no incidents, and some have an outage before they write one.
        text = await self._fetch(f"{where}/api/v2/status.json")
        return None if text is None else notices.of_page(text)

    async def _receive(self, raw: bytes) -> None:
        received = self._received
        async with received.one:
            mail = await STRANGERS.run(dkim.take_apart, raw)
        provider = self._provider(mail.sender)
        if provider is None:
            await received.refused("mail", "no-provider")
            return
        to_us = self._to_us(mail.fields)
        keys = await received.keys(mail) if to_us else {}
        async with received.one:
            found = await received.signature(mail, keys, SIGNED)
            authentic = found is not None and self._provider(found.domain) == provider
            mine = _r.c.domain.startswith(f"{provider}: ", autoescape=True)
            try:
                await received.room((_r.c.kind == "notice") & mine if authentic else None)
            except TooMany:
                await received.refused("mail", "too-many")
                return
            notice, about = await STRANGERS.run(notices.of_mail, raw)
            fact = ProviderNoticed(
                provider=provider, via="mail", notice=notice.value, authentic=authentic, about=about
            )
            # Identified by the signature that holds: a copy to which somebody on the way added
            # something, another signature too, is the same.
            same = dkim.octets(found) if found is not None and authentic else mail.body
            name = digest(f"notice\0{authentic}\0{provider}\0".encode() + same)
            await self._database.retrying(lambda tx: self._keep(tx, name, mail.sender, fact))

    def _provider(self, domain: str) -> str | None:
        """Whose domain it is."""
        for provider, domains in self._settings.senders.items():
            if domain and any(dmarc.below(domain, one.lower()) for one in domains):
                return provider
        return None

    def _to_us(self, fields: tuple[tuple[bytes, bytes], ...]) -> bool:
        """Whether the one To field names our address, and the one Date field is of now."""
        found: Mapping[bytes, list[bytes]] = {
            name: [value for field, value in fields if field.strip().lower() == name]
            for name in (b"to", b"date")
        }
        if any(len(values) != 1 for values in found.values()):
            return False
        to, date = (found[name][0].decode("ascii", "replace") for name in (b"to", b"date"))
        try:
            at = parsedate_to_datetime(date.strip()).timestamp()
        except (MessageError, ValueError, TypeError, OverflowError, IndexError):
            return False
        named = [addresses.key(one) for one in dkim.people(to.replace("\r\n", ""))]
        now = self._database.clock.now() / SECOND
        return abs(now - at) < FRESH and addresses.key(self._settings.notices) in named

    async def _keep(self, tx: Tx, name: str, sender: str, fact: ProviderNoticed) -> None:
        now = tx.now // SECOND
        new = await once(
            tx,
            id=name,
            kind="notice",
            reporter=sender,
            believed=fact.authentic,
            domain=f"{fact.provider}: {fact.notice}",
            begins=now,
            ends=now,
        )
        if new:
            await record(self._database, tx, fact)

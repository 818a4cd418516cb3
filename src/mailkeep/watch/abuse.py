"""Ingests the abuse mailbox: somebody reports a mail in our name.

Anyone can write to it, so it is anyone's word: it is weighed beside what we saw ourselves, and
accuses no provider. What is reported counts once, however often it comes. A mail that our own
domain signed is a mail of ours: somebody did not want it, which is no sign of anything; unless the
provider that signed it never had it from us (``unsent``).

Security: reads hostile input, one mail at a time in a thread; what is read in a day is bounded
together with what else anyone may write. Keys are looked up for domains of ours only. Of a mail one
fact is kept: no address, no word of its text.
"""

import contextlib

import msgspec
from sqlalchemy import select

from mailkeep.base import addresses
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import TooMany
from mailkeep.base.keys import digest
from mailkeep.base.workers import STRANGERS
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import abuse_mail, dkim, dmarc
from .abuse_mail import Complaint
from .events import AbuseReported
from .received import Received, once
from .report_types import ReportSettings, Unreadable
from .tables import lookalikes
from .unsent import SIGNED, Asked, Unsent

KIND = "abuse"  #: of its rows among the reports


class Noted(msgspec.Struct, frozen=True):
    """What became of a report. ``new``: it was not there before. The rest as in
    ``AbuseReported``."""

    id: str
    domain: str
    name: str
    said: str
    ours: bool
    new: bool
    unsent: bool = False


class Abuse:
    """The door for reports of abuse.

    Args:
        domains: that we send as.
        received: who signed a mail, and whether there is room for it.
        unsent: looks up whether a mail that was signed is one of ours; without it nobody does.
    """

    def __init__(
        self,
        database: Database,
        settings: ReportSettings,
        *,
        domains: frozenset[str],
        received: Received,
        unsent: Unsent | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._domains = domains
        self._received = received
        self._unsent = unsent

    async def sift(self, recipients: list[str], raw: bytes) -> list[str]:
        """Take in what came to the abuse mailbox; returns the other recipients. What is no report
        is counted and dropped.

        Raises:
            Unavailable: it was not stored; whoever brought it tries again.
        """
        wanted = self._settings.abuse
        others = [
            one for one in recipients if not wanted or addresses.key(one) != addresses.key(wanted)
        ]
        if len(others) < len(recipients):
            with contextlib.suppress(Unreadable, TooMany):
                await self.take(raw, via="mail")
        return others

    async def take(self, raw: bytes, *, via: str) -> Noted:
        """Take a report in: the mail as it came to the mailbox.

        Args:
            via: ``mail``, ``api`` or ``command``.

        Raises:
            Unreadable: it is no report of a mail.
            TooMany: enough for today.
        """
        received = self._received
        try:
            await received.room()
            async with received.one:
                told = await STRANGERS.run(abuse_mail.read, raw)
        except TooMany:
            await received.refused(via, "too-many")
            raise
        except Unreadable as error:
            await received.refused(via, error.why)
            raise
        signature = await self._signature(told)
        asked = Asked("")
        if signature is not None and self._unsent is not None:
            asked = self._unsent.about(told.mail, signature, self._database.clock.now())
        name = digest(b"abuse\0" + told.raw)
        return await self._database.retrying(
            lambda tx: self._keep(tx, name, told, asked, ours=signature is not None)
        )

    async def _signature(self, told: Complaint) -> dkim.Signature | None:
        """The signature of a domain of ours of the mail that is reported: of several one that
        covers whom it is to."""
        if not any(dmarc.below(told.mail.sender, one) for one in self._domains):
            return None
        keys = await self._received.keys(told.mail)
        async with self._received.one:
            found = await self._received.signature(told.mail, keys)
            if found is None or set(SIGNED) <= set(dkim.signed_fields(found.tags)):
                return found
            return await self._received.signature(told.mail, keys, SIGNED) or found

    async def _keep(self, tx: Tx, name: str, told: Complaint, asked: Asked, *, ours: bool) -> Noted:
        domain, alike = await self._about(tx, told.mail.sender)
        now = tx.now // SECOND
        unsent = self._unsent is not None and await self._unsent.of(tx, asked)
        new = await once(
            tx,
            id=name,
            kind=KIND,
            reporter="",
            believed=False,
            domain=domain,
            begins=now,
            ends=now,
            total=1,
            failed=0 if ours else 1,
        )
        if new:
            fact = AbuseReported(
                report=name,
                domain=domain,
                name=alike,
                said=told.kind,
                ours=ours,
                signer=asked.signer,
                unsent=unsent,
            )
            await record(self._database, tx, fact)
        return Noted(name, domain, alike, told.kind, ours, new, unsent)

    async def _about(self, tx: Tx, sender: str) -> tuple[str, str]:
        """Which domain of ours a mail's sender is, or is like, and the name like it."""
        for one in sorted(self._domains):
            if dmarc.below(sender, one):
                return one, ""
        name = addresses.organisation(sender)
        of = select(lookalikes.c.domain).where(lookalikes.c.name.in_({sender, name})).limit(1)
        found = await tx.value(of)
        return (str(found), name) if found is not None else ("", "")

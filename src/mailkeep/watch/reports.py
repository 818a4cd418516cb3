"""Ingests DMARC aggregate reports and TLS reports, each once.

A report is a claim. It counts as a reporter's word only when the mail that it came in is signed by
that reporter's domain and the settings trust it; all others are stored, shown and given to the
detectors, and count as what anyone could have written. A stranger's report with the name and number
of a trusted one neither replaces it nor keeps it out.

Security: reads hostile input. Mails are read one at a time in a thread; the reports of a day are
bounded, those of each trusted reporter apart, so that no flood keeps another's out. Of what is
refused only the reason is kept.
"""

import msgspec
from sqlalchemy import delete, select

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import TooMany
from mailkeep.base.keys import digest
from mailkeep.base.workers import STRANGERS
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import dkim, dmarc, packed, report_mail, tlsrpt
from .events import DmarcReported, TlsReported
from .received import Received, once
from .report_types import ReportSettings, Unreadable
from .tables import reports, reports_refused

STALE = 30 * 86_400  #: seconds after the end of its period: an old report says nothing of now
AHEAD = 86_400  #: seconds that a reporter's clock may be ahead

Read = dmarc.Report | tlsrpt.TlsReport
_BARE = dkim.Mail("", (), (), b"")  #: a report that came in no mail: nobody signed it

_r, _n = reports, reports_refused


class Taken(msgspec.Struct, frozen=True):
    """What became of a report. ``new``: it was not there before."""

    id: str
    kind: str
    reporter: str
    believed: bool
    domain: str
    begin: int
    end: int
    total: int
    failed: int
    new: bool


class Reports:
    """The door for reports.

    Args:
        settings: of the reports.
        domains: that we send as; reports about others are none of ours.
        receiving: domains that mail comes to; TLS reports are about these.
        received: who signed a mail, and what was refused.
    """

    def __init__(
        self,
        database: Database,
        settings: ReportSettings,
        *,
        domains: frozenset[str],
        receiving: frozenset[str],
        received: Received,
    ) -> None:
        self._database = database
        self._settings = settings
        self._domains = domains
        self._receiving = receiving
        self._received = received

    async def sift(self, recipients: list[str], raw: bytes) -> list[str]:
        """Take in what came to the address of reports; returns the other recipients.

        Raises:
            Unavailable: see ``receive``.
        """
        wanted = self._settings.address
        others = [
            one for one in recipients if not wanted or addresses.key(one) != addresses.key(wanted)
        ]
        if len(others) < len(recipients):
            await self.receive(raw)
        return others

    async def receive(self, raw: bytes) -> int:
        """Read a received mail; returns how many of its reports were new. Anything else is counted
        and dropped: a reporter could do nothing about a refusal.

        Raises:
            Unavailable: it was not stored; whoever brought it tries again.
        """
        try:
            return sum(one.new for one in await self.take(raw, via="mail"))
        except (Unreadable, TooMany):
            return 0

    async def take(self, raw: bytes, *, via: str) -> list[Taken]:
        """Take a report in, or a mail with reports.

        Args:
            via: ``mail``, ``api`` or ``command``.

        Raises:
            Unreadable: it cannot be read, or is about a domain that is not ours, or too old.
            TooMany: of today.
        """
        bare = report_mail.is_report(raw)
        received, mail = self._received, _BARE
        if not bare:
            async with received.one:
                mail = await STRANGERS.run(dkim.take_apart, raw)
        keys = await received.keys(mail)
        async with received.one:
            try:
                signature = await received.signature(mail, keys)
                signer = "" if signature is None else signature.domain
                believed = signer in self._settings.believe
                await received.room(_r.c.reporter == signer if believed else None)
                read = await STRANGERS.run(_read, raw, bare)
                now = self._database.clock.now() // SECOND
                for one in read:
                    self._check(one, now)
            except Unreadable as error:
                await received.refused(via, error.why)
                raise
            except TooMany:
                await received.refused(via, "too-many")
                raise
            return await self._database.retrying(
                lambda tx: self._keep(tx, read, signer, believed=believed)
            )

    def _check(self, one: Read, now: int) -> None:
        if one.end > now + AHEAD or one.begin > now + AHEAD:
            raise Unreadable("ahead", "the report is about a time to come")
        if one.end < now - STALE:
            raise Unreadable("stale", "the report is about a time too long ago")
        about, known = _about(one), self._domains | self._receiving
        if not all(any(dmarc.below(name, ours) for ours in known) for name in about):
            raise Unreadable("not-ours", "the report is about a domain that is not ours")

    async def _keep(self, tx: Tx, read: list[Read], signer: str, *, believed: bool) -> list[Taken]:
        out = []
        for one in read:
            kind = "dmarc" if isinstance(one, dmarc.Report) else "tls"
            # The signer has report numbers of their own: nobody can use up another's.
            whose = f"signed:{signer}" if signer else f"said:{one.reporter}"
            about = ",".join(_about(one))
            name = digest("\0".join([kind, whose, one.report, about, str(one.begin)]).encode())
            reporter = signer or one.reporter
            total = one.mails if isinstance(one, dmarc.Report) else one.fine + one.failed
            new = await once(
                tx,
                id=name,
                kind=kind,
                reporter=reporter,
                believed=believed,
                domain=_about(one)[0],
                begins=one.begin,
                ends=one.end,
                total=total,
                failed=one.failed,
            )
            out.append(
                Taken(
                    id=name,
                    kind=kind,
                    reporter=reporter,
                    believed=believed,
                    domain=_about(one)[0],
                    begin=one.begin,
                    end=one.end,
                    total=total,
                    failed=one.failed,
                    new=new,
                )
            )
            if new:
                await record(self._database, tx, _fact(name, reporter, one, believed=believed))
        return out


def _read(raw: bytes, bare: bool) -> list[Read]:
    parts = [raw] if bare else report_mail.find(raw)
    out: list[Read] = []
    for part in parts:
        text = report_mail.text(packed.unpack(part))
        out.append(tlsrpt.read(text) if text.startswith(b"{") else dmarc.read(text))
    return out


def _about(one: Read) -> tuple[str, ...]:
    return (one.domain,) if isinstance(one, dmarc.Report) else one.domains


def _fact(name: str, reporter: str, one: Read, *, believed: bool) -> DmarcReported | TlsReported:
    if isinstance(one, dmarc.Report):
        return DmarcReported(
            report=name,
            reporter=reporter,
            believed=believed,
            domain=one.domain,
            begin=one.begin,
            end=one.end,
            mails=one.mails,
            failed=one.failed,
            sources=one.sources,
        )
    return TlsReported(
        report=name,
        reporter=reporter,
        believed=believed,
        domains=one.domains,
        begin=one.begin,
        end=one.end,
        fine=one.fine,
        failed=one.failed,
        results=one.results,
    )


async def forget_reports(tx: Tx, before: Instant, limit: int) -> int:
    """Forget which reports were read before an instant; returns how many.

    One that comes again after that would count as new: keep them longer than ``STALE``.
    """
    old = select(_r.c.id).where(_r.c.received_at < before).order_by(_r.c.received_at).limit(limit)
    await tx.run(delete(_n).where(_n.c.day < before // DAY))
    return await tx.run(delete(_r).where(_r.c.id.in_(old)))

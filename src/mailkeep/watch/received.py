"""Shared checks of reports and notices that come by mail: signatures, daily limits, refusals.

Security: reads hostile input, one mail at a time in a thread. Of what is refused only the reason is
kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from sqlalchemy import ColumnElement, func, select

from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import TooMany
from mailkeep.base.workers import STRANGERS
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import dkim
from .events import ReportRefused
from .tables import reports, reports_refused

log = structlog.get_logger(__name__)

#: TXT records of names; what DNS does not answer is missing.
Ask = Callable[[tuple[str, ...]], Awaitable[Mapping[str, tuple[str, ...]]]]

_r, _n = reports, reports_refused


class Received:
    """Who signed a mail, and whether there is room for it today.

    Args:
        per_day: mails and reports of each who is believed, and as many of all others together.
        ask: looks TXT records up.

    Attributes:
        one: held while a mail is looked at: whatever comes, one thread is busy with it.
    """

    def __init__(self, database: Database, ask: Ask, per_day: int) -> None:
        self._database = database
        self._ask = ask
        self._per_day = per_day
        self.one = asyncio.Lock()

    async def keys(self, mail: dkim.Mail) -> Mapping[str, tuple[str, ...]]:
        """The TXT records that a mail's signatures ask for. Not to be asked for under ``one``:
        whose domain it is answers as slowly as they like."""
        if not mail.signatures:
            return {}
        return await self._ask(tuple(dict.fromkeys(one.asks for one in mail.signatures)))

    async def signature(
        self, mail: dkim.Mail, keys: Mapping[str, tuple[str, ...]], signed: tuple[str, ...] = ()
    ) -> dkim.Signature | None:
        """The signature of the sender's domain that holds; None: none does.

        Args:
            keys: as ``keys`` found them.
            signed: fields that must be among what was signed.
        """
        now = self._database.clock.now() // SECOND
        return await STRANGERS.run(dkim.holding, mail, keys, now, signed)

    async def room(self, of: ColumnElement[bool] | None = None) -> None:
        """Raises ``TooMany`` when today's are enough.

        Args:
            of: rows of one who is believed. Each has room of their own: one in a thief's hands
                keeps out nobody else. None: of all others, for whom what is refused is work as
                well.
        """
        theirs = _r.c.believed & of if of is not None else ~_r.c.believed & (_r.c.kind != "claim")
        async with self._database.read() as tx:
            day = tx.now // DAY
            taken = await tx.value(
                select(func.count()).where(_r.c.received_at >= day * DAY, theirs)
            )
            refused = 0
            if of is None:
                refused = await tx.value(
                    select(func.coalesce(func.sum(_n.c.count), 0)).where(_n.c.day == day)
                )
        if int(taken or 0) + int(refused or 0) >= self._per_day:
            raise TooMany("so many reports came today that no more are read", retry_after=3600.0)

    async def refused(self, via: str, why: str) -> None:
        """Count a refusal, and record an event at the first of a day, the second, the fourth,
        ..."""

        async def count(tx: Tx) -> None:
            first = tx.upsert(_n).values(day=tx.now // DAY, why=why, count=1)
            await tx.run(
                first.on_conflict_do_update(
                    index_elements=["day", "why"], set_={"count": _n.c.count + 1}
                )
            )
            number = await tx.value(
                select(_n.c.count).where(_n.c.day == tx.now // DAY, _n.c.why == why)
            )
            if number is not None and not number & (number - 1):
                await record(self._database, tx, ReportRefused(via=via, why=why, count=number))

        await self._database.retrying(count)
        log.info("report.refused", via=via, why=why)


async def once(tx: Tx, **row: object) -> bool:
    """Note what came, in a row of its table; False when it is there already."""
    values = {"total": 0, "failed": 0, "received_at": tx.now, **row}
    return bool(await tx.run(tx.upsert(_r).values(**values).on_conflict_do_nothing()))

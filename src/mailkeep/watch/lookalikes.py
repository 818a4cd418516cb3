"""Watches for lookalike domains: looks candidate names up in DNS, slowly, and reports new ones.

A name that gets an MX can write to our customers and read what they answer; one that gets an
address can show them a page. Which of them are our own, the settings say.

Security: reads hostile input, which here is only whether there is an answer. Our queries tell
whoever runs the resolver which names we fear, and nothing else. Never more than ``per_day`` names
in a day.
"""

from collections.abc import Awaitable, Callable

import msgspec
import structlog
from sqlalchemy import delete, func, insert, select, update

from mailkeep.base.clock import DAY
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import permutations
from .events import LookalikeSeen
from .report_types import LookalikeSettings
from .tables import lookalikes

log = structlog.get_logger(__name__)

AGAIN = 7 * DAY  #: a name is looked up again after so long

#: Whether DNS has records of a type for a name; None: nobody answered.
Look = Callable[[str, str], Awaitable[bool | None]]
_l = lookalikes


class Progress(msgspec.Struct, frozen=True):
    """The progress of the look-ups. ``seen``: names that accept mail or show a page."""

    names: int
    looked_up: int
    seen: tuple["Seen", ...]


class Seen(msgspec.Struct, frozen=True):
    """A name that is in use. ``since``: when that was seen; ``fresh``: it was not, before."""

    domain: str
    name: str
    way: str
    mx: bool
    address: bool
    since: int
    fresh: bool


class Lookalikes:
    """Looks one name up at a time.

    Args:
        domains: that we send as.
        look: asks DNS.
    """

    def __init__(
        self,
        database: Database,
        settings: LookalikeSettings,
        *,
        domains: frozenset[str],
        look: Look,
    ) -> None:
        self._database = database
        self._settings = settings
        self._domains = domains
        self._look = look
        self._planned = False

    @property
    def seconds(self) -> float:
        """Between two names."""
        return 86_400.0 / self._settings.per_day

    async def step(self) -> None:
        """Look the next name up, if one is due and today's number is not used up."""
        if not self._planned:
            await self._database.retrying(self._plan)
            self._planned = True
        async with self._database.read() as tx:
            today = await tx.value(select(func.count()).where(_l.c.checked_at > tx.now - DAY))
            due = await tx.one(
                select(_l)
                .where(_l.c.checked_at.is_(None) | (_l.c.checked_at <= tx.now - AGAIN))
                .order_by(_l.c.checked_at.is_not(None), _l.c.checked_at, _l.c.place, _l.c.name)
                .limit(1)
            )
        if due is None or int(today or 0) >= self._settings.per_day:
            return
        mx = await self._look(due["name"], "MX")
        address = await self._look(due["name"], "A")
        if not address:
            newer = await self._look(due["name"], "AAAA")
            address = newer if address is False or newer else None
        await self._database.retrying(
            lambda tx: self._note(tx, due["name"], mx=mx, address=address)
        )

    async def _plan(self, tx: Tx) -> None:
        """Names that are not known yet are added, and those of domains no longer ours go."""
        wanted: dict[str, tuple[str, str, int]] = {}
        ours = self._domains.union(self._settings.ours)
        for domain in sorted(self._domains):
            for place, (name, way) in enumerate(permutations.of(domain).items()):
                if name not in ours:
                    wanted.setdefault(name, (domain, way, place))
        rows = await tx.all(select(_l.c.name))
        known = {row["name"] for row in rows}
        gone = sorted(known - wanted.keys())
        for start in range(0, len(gone), 500):
            await tx.run(delete(_l).where(_l.c.name.in_(gone[start : start + 500])))
        new = [
            {"name": name, "domain": domain, "way": way, "place": place, "fresh": False}
            for name, (domain, way, place) in wanted.items()
            if name not in known
        ]
        for start in range(0, len(new), 100):
            await tx.run(insert(_l).values(new[start : start + 100]))

    async def _note(self, tx: Tx, name: str, *, mx: bool | None, address: bool | None) -> None:
        row = await tx.one(select(_l).where(_l.c.name == name).with_for_update())
        if row is None:
            return
        first = row["checked_at"] is None
        # A name that nobody answered for stays as it was.
        now_mx = bool(row["mx"]) if mx is None else mx
        now_address = bool(row["address"]) if address is None else address
        newly = (now_mx and not row["mx"]) or (now_address and not row["address"])
        changed: dict[str, object] = {"mx": now_mx, "address": now_address}
        if not (first and mx is None and address is None):
            changed["checked_at"] = tx.now
        else:  # tried again, after the others
            changed["place"] = row["place"] + permutations.MOST
        if newly:
            changed |= {"seen_at": tx.now, "fresh": not first}
            fact = LookalikeSeen(
                domain=row["domain"],
                name=name,
                way=row["way"],
                mx=now_mx,
                address=now_address,
                fresh=not first,
            )
            await record(self._database, tx, fact)
            log.warning("lookalike.seen", domain=row["domain"], name=name, mx=now_mx)
        await tx.run(update(_l).where(_l.c.name == name).values(**changed))


async def progress(tx: Tx) -> Progress:
    """How far it is."""
    names = await tx.value(select(func.count()).select_from(_l))
    done = await tx.value(select(func.count()).where(_l.c.checked_at.is_not(None)))
    rows = await tx.all(
        select(_l)
        .where(_l.c.seen_at.is_not(None), _l.c.mx | _l.c.address)
        .order_by(_l.c.seen_at.desc(), _l.c.name)
        .limit(500)
    )
    seen = tuple(
        Seen(
            domain=row["domain"],
            name=row["name"],
            way=row["way"],
            mx=row["mx"],
            address=row["address"],
            since=row["seen_at"],
            fresh=row["fresh"],
        )
        for row in rows
    )
    return Progress(int(names or 0), int(done or 0), seen)


async def in_use(tx: Tx, domain: str) -> tuple[int, int]:
    """Of the names like a domain: how many are looked up, and how many are in use."""
    used = func.count().filter(_l.c.mx | _l.c.address)
    row = await tx.one(
        select(func.count().label("names"), used.label("used")).where(_l.c.domain == domain)
    )
    return (0, 0) if row is None else (int(row["names"]), int(row["used"]))

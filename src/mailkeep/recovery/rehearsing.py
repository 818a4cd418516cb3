"""Dry run: an application that still does its own resets reports each, and Mailkeep works out,
after the reply, how it would have gone here, with the code that decides real ones.

Nothing is mailed, minted or voided, no try of an owner's is used up, and no device becomes known: a
rehearsal reads the current state and writes its own row.

Attacks met here, each by who holds an application's API key: asking who is a customer (the same
statements and reply for every name; results are for operators), sending somebody the weaker way
(the place is drawn by our key, the share is set at the command line), teaching an account a device
(names of devices are the application's, never ours), and reporting resets that nobody asked for
(bounded by the day, and an event of a kind of its own, which detectors treat as a claim).
"""

from typing import NamedTuple

import structlog
from sqlalchemy import func, insert, select, update

from mailkeep.accounts import applications, registration, throttle
from mailkeep.accounts import queries as accounts
from mailkeep.accounts.registration import Factor
from mailkeep.accounts.subject_views import whose
from mailkeep.accounts.types import Origin
from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Invalid, NotAllowed, Unavailable
from mailkeep.base.ids import new_id
from mailkeep.events.log import record
from mailkeep.store.database import Tx

from . import limiting, policy, sharing, tables
from .context import Context, Row
from .events import RecoveryRehearsed
from .holds import Holds
from .planning import ENOUGH, Planner
from .types import Way, Would

log = structlog.get_logger(__name__)

BATCH = 50
LANE = "rehearse"  #: tries are counted apart from real ones
_t = tables.rehearsals
_MAILED = (Would.AT_ONCE.value, Would.HELD.value)


class Told(NamedTuple):
    """What an application says of a reset. Personal.

    Attributes:
        address: as it was typed; "" where none was.
        subject: whom the application means, by its own name; "" where it knows nobody.
        device: the application's own name for the browser; "" not known.
        network: the network that it came from, as ``base.networks.network`` writes it.
        agent: family and system of the browser.
    """

    address: str = ""
    subject: str = ""
    device: str = ""
    network: str = ""
    agent: str = ""

    def __repr__(self) -> str:
        return "Told(…)"


class _Outcome(NamedTuple):
    """What would have become of one."""

    would: Would
    account: str | None = None
    why: str = ""
    pair: policy.Pair | None = None
    factor: str = ""
    length: Instant = 0
    reasons: tuple[str, ...] = ()


class Rehearsing:
    """Says where a reset goes on, and rehearses what goes on there.

    Args:
        context: the services of the room.
        planner: draws the routes of real ones.
        holds: judges real ones.
    """

    def __init__(self, context: Context, planner: Planner, holds: Holds) -> None:
        self._context = context
        self._planner = planner
        self._holds = holds

    async def ask(self, tx: Tx, application: str, told: Told) -> Way:
        """An application was asked for a reset: where it goes on. The work and the reply are the
        same whether anybody is registered by that name or not.

        Raises:
            Invalid: neither an address nor a subject, or one that cannot be one.
            NotAllowed: the application is revoked.
        """
        context, keys = self._context, self._context.keys
        if not told.address and not told.subject:
            raise Invalid("say the address that was typed, or the subject", field="address")
        if told.subject:
            registration.subject(told.subject)
        name = keys.pseudonym("subject", f"{application}\0{told.subject}")
        typed = ""
        if told.address:
            parsed = addresses.parse(told.address, field="address")
            name = typed = context.accounts.address_key(parsed)
        view = await applications.get(tx, application)
        if view.revoked_at is not None:
            raise NotAllowed("this key is bound to no application that is in use")
        found = await accounts.known(tx, application, subject=told.subject, address_key=typed)
        drawn = name if found is None else found.first
        way = sharing.way_of(keys, context.reach, view, drawn)
        most = context.settings.rehearsals
        if await throttle.take(tx, application, LANE, limit=most, window=DAY):
            device = f"{application}\0{told.device}"
            await tx.run(
                insert(_t).values(
                    id=new_id("reh", tx.now),
                    application=application,
                    account_id=None if found is None else found.account,
                    address_key=name,
                    browser=keys.pseudonym("device", device) if told.device else "",
                    network=keys.pseudonym("network", told.network) if told.network else "",
                    agent=keys.pseudonym("agent", told.agent) if told.agent else "",
                    way=way.value,
                    asked_at=tx.now,
                    due_at=tx.now if way is Way.THERE else None,
                )
            )
        return way

    async def step(self) -> int:
        """Work out what is due; returns how many. One that fails is left out, and told."""
        database = self._context.database
        async with database.read() as tx:
            due = await tx.all(
                select(_t.c.id)
                .where(_t.c.due_at <= tx.now)
                .order_by(_t.c.due_at, _t.c.id)
                .limit(BATCH)
            )
        for row in due:
            try:
                async with database.write() as tx:
                    await self._settle(tx, row["id"])
            except Unavailable:
                raise
            except Exception as error:
                log.exception("rehearsal.failed", rehearsal=row["id"], error=type(error).__name__)
                async with database.write() as tx:
                    await tx.run(update(_t).where(_t.c.id == row["id"]).values(due_at=None))
        return len(due)

    async def _settle(self, tx: Tx, rehearsal: str) -> None:
        row = await tx.one(
            select(_t).where(_t.c.id == rehearsal, _t.c.due_at.is_not(None)).with_for_update()
        )
        if row is None:
            return
        heard = await self._heard(tx, row["network"])
        found = await self._outcome(tx, row) if heard else _Outcome(Would.LIMIT, why="network")
        await tx.run(
            update(_t)
            .where(_t.c.id == rehearsal)
            .values(
                due_at=None,
                account_id=found.account,
                would=found.would.value,
                why=found.why,
                factor=found.factor,
                reasons=",".join(found.reasons),
                length=found.length,
            )
        )
        if not heard:
            return  # what one network asks for beyond its share is not looked at, as of real ones
        fact = RecoveryRehearsed(
            rehearsal=rehearsal,
            application=row["application"],
            account=found.account,
            address=row["address_key"],
            network=row["network"],
            browser=row["browser"],
            would=found.would.value,
            why=found.why,
            link=found.pair.link if found.pair else "",
            code=found.pair.code if found.pair else "",
            factor=found.factor,
            seconds=found.length / SECOND,
            reasons=found.reasons,
        )
        await record(self._context.database, tx, fact)

    async def _heard(self, tx: Tx, network: str) -> bool:
        if not network:
            return True
        settings = self._context.settings
        window = round(settings.window * SECOND)
        return await throttle.take(tx, network, LANE, limit=settings.asks, window=window)

    async def _outcome(self, tx: Tx, row: Row) -> _Outcome:
        context = self._context
        account = await self._whose(tx, row)
        if account is None:
            return _Outcome(Would.NOT_REGISTERED)
        why = await limiting.refusal(
            context, tx, account, lane=LANE, usable=await self._usable(tx, account)
        )
        if why is not None:
            return _Outcome(Would(why), account)
        pair = await self._planner.pair(tx, account)
        if pair is None:
            routes = await context.routes_now(tx, context.settings.stream)
            lack = policy.lack(routes, await context.standing(tx), context.independent)
            return _Outcome(Would.WAITS, account, lack)
        bound = await accounts.has_factor(tx, account, settled=True)
        hold, _ = await self._holds.weigh(
            *(tx, account, {pair.link, pair.code}),
            Origin(row["browser"], row["network"], row["agent"]),
            degraded=pair.link == pair.code,
            factor=bound,
        )
        return _Outcome(
            Would.HELD if hold else Would.AT_ONCE,
            account,
            pair=pair,
            factor=await self._factor(tx, account, bound=bound),
            length=hold.length,
            reasons=tuple(one.value for one in hold.reasons),
        )

    async def _whose(self, tx: Tx, row: Row) -> str | None:
        """Whose a reset would have been: the address that was typed says it, as on our form."""
        if row["address_key"].startswith("subject_"):
            account: str | None = row["account_id"]
            return account
        point = await accounts.for_recovery(tx, row["address_key"], row["application"])
        return None if point is None else point.account

    async def _usable(self, tx: Tx, account: str) -> int:
        """How many would have been mailed of late whose mails would still do."""
        settings = self._context.settings
        life = round(min(settings.link_life, settings.code_life) * SECOND)
        return int(
            await tx.value(
                select(func.count()).where(
                    _t.c.account_id == account,
                    _t.c.would.in_(_MAILED),
                    _t.c.asked_at > tx.now + ENOUGH - life,
                )
            )
            or 0
        )

    async def _factor(self, tx: Tx, account: str, *, bound: bool) -> str:
        """Who would have asked for a second factor, as a verdict says it."""
        subject = await whose(tx, account)
        if subject is not None and subject.stands.factor is Factor.KEPT_THERE:
            return Factor.KEPT_THERE.value
        return Factor.KEPT_HERE.value if bound else Factor.NONE.value

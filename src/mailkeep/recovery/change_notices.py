"""Notifies owners of changes made by a signed-in visitor, at every address and over two routes.

A change settles only when these notices have left over two routes that no party can read both of:
otherwise whoever holds mail back at one provider, or has it fail, could let the hold run out in
silence.
"""

from collections.abc import Set
from itertools import permutations

from sqlalchemy import delete, insert, select

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.events import ChangeHeld, ChangesStopped
from mailkeep.accounts.types import Change, ChangeKind
from mailkeep.accounts.wording import Words
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import NotFound
from mailkeep.events.types import Recorded
from mailkeep.mail import queries as mail_queries
from mailkeep.store.database import Tx

from . import change_mails, factor_words, tables
from .change_mails import Told
from .context import Context
from .denied import denied_with
from .notices import Notices

BATCH = 100  #: changes whose notices have not left that one sweep looks at

_n = tables.change_notices


class ChangeNotices:
    """Writes notices of changes into the outbox.

    Args:
        context: the services of the room.
        notices: know the ways.
    """

    def __init__(self, context: Context, notices: Notices) -> None:
        self._context = context
        self._notices = notices
        self._after = ""  # the last change that a sweep looked at: many may wait for one route

    async def on_held(self, tx: Tx, recorded: Recorded) -> None:
        """Tell every address; each that was there before can stop the change, over each route."""
        if isinstance(recorded.fact, ChangeHeld):
            await self._tell(tx, recorded.fact)

    async def on_accepted(self, tx: Tx, message: str) -> None:
        """A provider took a mail: where it was the notice that was missing, the change is told."""
        change = await tx.value(select(_n.c.change_id).where(_n.c.message_id == message))
        if change is not None:
            await self._left(tx, change)

    async def sweep(self, tx: Tx) -> None:
        """Look again at changes whose notices have not left: over another route, where one
        stands."""
        waiting = await tx.all(
            select(_n.c.change_id)
            .where(_n.c.change_id > self._after)
            .distinct()
            .order_by(_n.c.change_id)
            .limit(BATCH)
        )
        self._after = waiting[-1]["change_id"] if len(waiting) == BATCH else ""
        for row in waiting:
            change = await self._left(tx, row["change_id"])
            if change is None:
                continue
            told = await tx.all(select(_n.c.provider).where(_n.c.change_id == change.id).distinct())
            points = await accounts.contact_points(tx, change.account)
            about = [one.address for one in points if one.id == change.contact_point]
            key = self._context.accounts.address_key(about[0]) if about else None
            fact = ChangeHeld(
                account=change.account,
                change=change.id,
                what=change.what.value,
                address=key,
                until=change.until,
                factor=change.factor,
            )
            await self._tell(tx, fact, {one["provider"] for one in told})

    async def _left(self, tx: Tx, held: str) -> Change | None:
        """See whether enough notices of a change have left; returns it while they have not."""
        context = self._context
        change = await context.accounts.changes.one(tx, held)
        of = _n.c.change_id == held
        if change is not None:
            notices = [one["message_id"] for one in await tx.all(select(_n.c.message_id).where(of))]
            took = await mail_queries.took(tx, notices)
            if not self._two(took):
                if tx.now < change.at + round(context.settings.hold_most * SECOND):
                    return change
                # No owner is kept from their own for ever: where no second route comes back, one
                # is enough, but none that was cut off since, as it may have dropped them; and where
                # the old mailbox is gone, two that say so.
                dealt = await mail_queries.answered(tx, notices)
                if not await mail_queries.standing(tx, took) and not self._two(dealt):
                    return change
            await context.accounts.changes.told(tx, change)
        await tx.run(delete(_n).where(of))
        return None

    def _two(self, providers: Set[str]) -> bool:
        """Whether two of them are there that no party can read both of."""
        pairs = permutations(providers, 2)
        return any(self._context.independent({one}, {other}) for one, other in pairs)

    async def _tell(self, tx: Tx, fact: ChangeHeld, without: Set[str] = frozenset()) -> None:
        """Write the notices; not over the ways in ``without``, which have theirs already."""
        context = self._context
        try:
            view = await accounts.account(tx, fact.account)
        except NotFound:
            return
        keyed = {
            context.accounts.address_key(point.address): point
            for point in await accounts.contact_points(tx, fact.account)
        }
        changes, house = context.accounts.changes, await context.house_of(tx, fact.account)
        about = await self._about(tx, fact, house.words)
        if about is None:
            point = keyed.get(fact.address or "")
            about = point.address if point is not None else ""
        told = Told(
            ChangeKind(fact.what),
            about,
            fact.until,
            context.accounts.classes.holding(view).recovers_by_mail,
        )
        ways = [only for only in await self._notices.ways(tx) if "".join(only) not in without]
        for point in keyed.values():
            for only in ways:
                provider, denial = "".join(only), None
                # One that is new has no say yet but of itself: who read its code at one provider
                # may have added it to an account of theirs.
                if point.added_by in {None, fact.change}:
                    denial = await changes.denial(tx, fact.change, point.id, provider)
                content = change_mails.held(house, point.address, told, denial)
                sealed = denial is not None
                sent = await self._notices.mail(tx, house, content, only, sealed=sealed)
                if point.counts:
                    await tx.run(
                        insert(_n).values(message_id=sent, change_id=fact.change, provider=provider)
                    )

    async def _about(self, tx: Tx, fact: ChangeHeld, words: Words) -> str | None:
        """What kind of factor a change bound; None where it is about something else."""
        if fact.what != ChangeKind.FACTOR:
            return None
        bound = await self._context.accounts.factors.bound(tx, fact.account)
        kinds = [one.kind for one in bound if one.held_by == fact.change]
        return factor_words.named(words, kinds[0]) if kinds else words.say("factor.gone")

    async def on_stopped(self, tx: Tx, recorded: Recorded) -> None:
        """Tell every address that is left, and of the factors that went with what was denied."""
        fact = recorded.fact
        if not isinstance(fact, ChangesStopped):
            return
        lost = (await denied_with(tx, recorded, fact.account)).factors
        house = await self._context.house_of(tx, fact.account)
        removed = factor_words.removed(house.words, lost) if lost else ""
        for point in await accounts.contact_points(tx, fact.account):
            content = change_mails.stopped(house, point.address, removed)
            for only in await self._notices.ways(tx):
                await self._notices.mail(tx, house, content, only)

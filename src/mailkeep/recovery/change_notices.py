"""Notifies owners of changes made by a signed-in visitor, at every address and over two routes."""

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.events import ChangeHeld, ChangesStopped
from mailkeep.accounts.types import ChangeKind
from mailkeep.base.errors import NotFound
from mailkeep.events.types import Recorded
from mailkeep.store.database import Tx

from . import change_mails, factor_words
from .change_mails import Told
from .context import Context
from .denied import denied_with
from .notices import Notices


class ChangeNotices:
    """Writes notices of changes into the outbox.

    Args:
        context: the services of the room.
        notices: know the ways.
    """

    def __init__(self, context: Context, notices: Notices) -> None:
        self._context = context
        self._notices = notices

    async def on_held(self, tx: Tx, recorded: Recorded) -> None:
        """Tell every address; each that was there before can stop the change, over each route."""
        fact = recorded.fact
        if not isinstance(fact, ChangeHeld):
            return
        context = self._context
        try:
            view = await accounts.account(tx, fact.account)
        except NotFound:
            return
        keyed = {
            context.accounts.address_key(point.address): point
            for point in await accounts.contact_points(tx, fact.account)
        }
        about = await self._about(tx, fact)
        if about is None:
            point = keyed.get(fact.address or "")
            about = point.address if point is not None else ""
        told = Told(
            ChangeKind(fact.what),
            about,
            fact.until,
            context.accounts.classes.holding(view).recovers_by_mail,
        )
        changes, house = context.accounts.changes, await context.house_of(tx, fact.account)
        for point in keyed.values():
            for only in await self._notices.ways(tx):
                denial = None
                # One that is new has no say yet but of itself: who read its code at one provider
                # may have added it to an account of theirs.
                if point.added_by in {None, fact.change}:
                    provider = "".join(only)
                    denial = await changes.denial(tx, fact.change, point.id, provider)
                content = change_mails.held(house, point.address, told, denial)
                await self._notices.mail(tx, content, only, sealed=denial is not None)
        await changes.told(tx, fact.change)

    async def _about(self, tx: Tx, fact: ChangeHeld) -> str | None:
        """What kind of factor a change bound; None where it is about something else."""
        if fact.what != ChangeKind.FACTOR:
            return None
        bound = await self._context.accounts.factors.bound(tx, fact.account)
        kinds = [one.kind for one in bound if one.held_by == fact.change]
        return factor_words.named(kinds[0]) if kinds else "it is gone already"

    async def on_stopped(self, tx: Tx, recorded: Recorded) -> None:
        """Tell every address that is left, and of the factors that went with what was denied."""
        fact = recorded.fact
        if not isinstance(fact, ChangesStopped):
            return
        lost = (await denied_with(tx, recorded, fact.account)).factors
        removed = factor_words.removed(lost) if lost else ""
        house = await self._context.house_of(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            content = change_mails.stopped(house, point.address, removed)
            for only in await self._notices.ways(tx):
                await self._notices.mail(tx, content, only)

"""Offboards a provider that is left for good: a dated checklist, kept until every item is done.

Mailkeep does its own items when they are due; a person confirms theirs. Afterwards the provider's
reports change no message (``mail.services.distrust``): they are verified, stored and given to the
detectors, and clear nothing.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select, update

from mailkeep.base import reasons
from mailkeep.base.clock import HOUR, Instant, iso
from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.base.ids import new_id
from mailkeep.base.wording import nearest
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.mail import queries as mail
from mailkeep.mail import services as mail_services
from mailkeep.mail import shifting
from mailkeep.store.database import Database, Tx

from . import looks, tables
from .checklist import How, Item, Leaving, checklist
from .events import OffboardingStarted, ProviderOffboarded
from .gates import CutoverConfiguration, two_routes
from .keeping import BY, without_proofs
from .types import Gate

#: Of Mailkeep's own items those that are wrong while the provider carries mail.
HARM = frozenset({"weight", "events"})

_o, _i = tables.offboardings, tables.offboarding_items


class ItemView(msgspec.Struct, frozen=True):
    """An item, and who did it. ``note``: what they said of it."""

    name: str
    how: How
    text: str
    due_at: Instant
    done_at: Instant | None
    done_by: str | None
    note: str


class OffboardingView(msgspec.Struct, frozen=True):
    """A provider that is left."""

    id: str
    provider: str
    hostile: bool
    by: str
    started_at: Instant
    done_at: Instant | None
    items: tuple[ItemView, ...]


class Offboarding:
    """The providers that are left."""

    def __init__(self, database: Database, house: CutoverConfiguration) -> None:
        self._database = database
        self._house = house

    async def start(
        self, tx: Tx, leaving: Leaving, *, hostile: bool, by: str, anyway: bool = False
    ) -> OffboardingView:
        """Begin to leave a provider. A hostile one is cut off and distrusted at once.

        A provider that is being left in peace can be found hostile meanwhile: the list is then
        dated anew, and what was done stays done. One that was left before, and came back, is left
        by a list of its own: what was done then was done to other keys and records.

        Args:
            anyway: though recovery keeps no two independent routes. A hostile one is left at once:
                what nobody can read is worth more than a reset today.

        Raises:
            Conflict: it still carries mail by its weight, or is being left already; or recovery
                keeps no two independent routes.
            Invalid: no such provider.
        """
        name = leaving.provider
        if name not in self._house.providers:
            raise Invalid(f"no provider {name!r}", field="provider")
        streams = await carries(tx, self._house, name)
        if streams and not hostile:
            raise Conflict(f"{name} still carries {', '.join(streams)}: move it first (cutover)")
        before = await view(tx, name, lock=True)
        if before is not None and before.done_at is not None:
            await self._forget(tx, before)
            before = None
        if before is not None and (before.hostile or not hostile):
            raise Conflict(f"{name} is being left already")
        if not (hostile or anyway) and (gate := await against(tx, self._house, name)) is not None:
            raise Conflict(
                f"{gate.meaning} {gate.next[:1].upper()}{gate.next[1:]}, or leave it all the same"
                " with --anyway"
            )
        items = checklist(leaving, tx.now, hostile=hostile)
        if before is None:
            which = new_id("off", tx.now)
            await tx.run(
                insert(_o).values(
                    id=which, provider=name, hostile=hostile, by=by, started_at=tx.now
                )
            )
        else:
            which = before.id
            await tx.run(
                update(_o).where(_o.c.id == which).values(hostile=True, by=by, done_at=None)
            )
            # Records are told apart by number: what is another one by now is not done.
            texts = {one.name: one.text for one in items}
            for one in before.items:
                if one.name.startswith("dns.") and texts.get(one.name, one.text) != one.text:
                    await tx.run(
                        delete(_i).where(_i.c.offboarding_id == which, _i.c.name == one.name)
                    )
        await self._write(tx, which, items)
        said = {"provider": name, "hostile": hostile}
        await audit.write(tx, by, "offboard_provider", said)
        await record(self._database, tx, OffboardingStarted(provider=name, hostile=hostile, by=by))
        await self._do_due(tx, await self._get(tx, name))
        return await self._get(tx, name)

    async def stop(self, tx: Tx, provider: str, *, by: str, reason: str) -> bool:
        """Leave a provider no more: its list goes, and its word counts again from now on. What was
        taken away is not brought back. Returns whether its word had counted no more.

        Raises:
            NotFound: it is not being left.
            Conflict: it is cut off, and so nothing counts that it says.
            Invalid: no reason, or one that is too long.
        """
        why = reasons.given(reason)
        found = await self._get(tx, provider)
        if provider in await mail.cut(tx):
            raise Conflict(
                f"{provider} is cut off: `mailkeep providers restore {provider} --reason …` first"
            )
        await self._forget(tx, found)
        await audit.write(tx, by, "stop_offboarding", {"provider": provider, "reason": why})
        return await mail_services.trust(self._database, tx, provider, by=by, reason=why)

    async def _forget(self, tx: Tx, found: OffboardingView) -> None:
        await tx.run(delete(_i).where(_i.c.offboarding_id == found.id))
        await tx.run(delete(_o).where(_o.c.id == found.id))

    async def ready(self, tx: Tx, provider: str, item: str | None = None) -> OffboardingView:
        """That what a provider has of ours may be taken away: it carries nothing, and it is time.

        Args:
            item: of the list, for which it is to be time.

        Raises:
            NotFound: no such provider is being left.
            Conflict: its list is done, or it carries mail again, or the item is not due.
        """
        found = await self._get(tx, provider)
        if found.done_at is not None:
            raise Conflict(f"{provider} was left by {iso(found.done_at)}: begin anew")
        if streams := await carries(tx, self._house, provider):
            raise Conflict(f"{provider} carries {', '.join(streams)}: move it first (cutover)")
        if any(one.name == item and one.due_at > tx.now for one in found.items):
            raise Conflict(f"{item} is not due yet: see `mailkeep offboard status`")
        return found

    async def done(
        self, tx: Tx, provider: str, item: str, *, by: str, note: str = ""
    ) -> OffboardingView:
        """Say that a person has done an item.

        Raises:
            NotFound: no such provider is being left, or no such item.
            Conflict: Mailkeep does it itself, or it is done.
            Invalid: the note is too long.
        """
        found = await self._get(tx, provider)
        known = by_hand(found, item)
        if len(note) > looks.LONGEST:
            raise Invalid(f"say it in {looks.LONGEST} characters at most", field="note")
        await self._tick(tx, found, known.name, by, note.strip())
        return await self._get(tx, provider)

    async def step(self) -> bool:
        """Do the items that are due and Mailkeep's own; returns whether any was."""
        async with self._database.read() as tx:
            due = [
                one
                for one in await open_ones(tx)
                if any(_is_due(item, tx.now) for item in one.items)
            ]
        did = False
        for one in due:

            async def work(tx: Tx, name: str = one.provider) -> bool:
                return await self._do_due(tx, await self._get(tx, name))

            did = await self._database.retrying(work) or did
        return did

    async def _do_due(self, tx: Tx, found: OffboardingView) -> bool:
        did, name = False, found.provider
        reason = f"offboarding {found.id}"
        for item in found.items:
            if not _is_due(item, tx.now):
                continue
            if item.name == "cut" and name not in await mail.cut(tx):
                await mail_services.cut_off(
                    self._database, tx, name, by=found.by, reason=reason, since=tx.now - HOUR
                )
            elif item.name in HARM and await carries(tx, self._house, name):
                continue  # somebody gave it mail again: it stays open, and is seen
            elif item.name == "events":
                await mail_services.distrust(self._database, tx, name, by=found.by, reason=reason)
            await self._tick(tx, found, item.name, BY, "")
            did = True
        return did

    async def _tick(self, tx: Tx, found: OffboardingView, item: str, by: str, note: str) -> None:
        values = {"done_at": tx.now, "done_by": by, "note": note}
        await tx.run(
            update(_i).where(_i.c.offboarding_id == found.id, _i.c.name == item).values(**values)
        )
        said = {"provider": found.provider, "item": item}
        await audit.write(tx, by, "offboarding_item", said)
        left = await tx.value(
            select(_i.c.name)
            .where(_i.c.offboarding_id == found.id, _i.c.done_at.is_(None))
            .limit(1)
        )
        if left is None:
            await tx.run(update(_o).where(_o.c.id == found.id).values(done_at=tx.now))
            await record(self._database, tx, ProviderOffboarded(provider=found.provider, by=by))

    async def _write(self, tx: Tx, which: str, items: Sequence[Item]) -> None:
        """Write the list down; an item that is there is dated anew."""
        for place, one in enumerate(items):
            values = {"place": place, "how": one.how.value, "text": one.text, "due_at": one.due_at}
            kept = one.how is How.KEPT
            await tx.run(
                tx.upsert(_i)
                .values(
                    offboarding_id=which,
                    name=one.name,
                    done_at=tx.now if kept else None,
                    note="",
                    **values,
                )
                .on_conflict_do_update(index_elements=["offboarding_id", "name"], set_=values)
            )

    async def _get(self, tx: Tx, provider: str) -> OffboardingView:
        found = await view(tx, provider, lock=True)
        if found is None:
            raise NotFound(f"{provider} is not being left")
        return found


def by_hand(found: OffboardingView, item: str) -> ItemView:
    """An item that a person may say is done (pure).

    Raises:
        NotFound: no such item.
        Conflict: Mailkeep does it itself, or it is done.
    """
    known = next((one for one in found.items if one.name == item), None)
    if known is None:
        hint = nearest(item[:64], [one.name for one in found.items])
        raise NotFound(f"no item {item[:64]!r} on the list of {found.provider}{hint}", field="item")
    if known.how is not How.HAND or known.done_at is not None:
        raise Conflict(f"{item} is done, or is not done by hand")
    return known


async def carries(tx: Tx, house: CutoverConfiguration, provider: str) -> list[str]:
    """The streams in which a provider has weight, or is kept warm: it is left only without any."""
    if provider in await mail.cut(tx):
        return []
    return [
        name
        for name, stream in house.streams.items()
        if any(
            route.provider == provider and (route.weight > 0 or route.warm > 0)
            for route in await shifting.routes(tx, stream)
        )
    ]


async def against(tx: Tx, house: CutoverConfiguration, provider: str) -> Gate | None:
    """What stands against recovery once a provider is gone from its routes."""
    return two_routes(house, house.streams, provider, await without_proofs(tx))


async def warnings(
    tx: Tx, house: CutoverConfiguration, provider: str, *, hostile: bool
) -> list[str]:
    """What stands against a start, each with the next step."""
    gate = await against(tx, house, provider)
    streams = [] if hostile else await carries(tx, house, provider)
    moved = f"It still carries {', '.join(streams)}. Next: move its mail (mailkeep cutover)."
    routes = [] if gate is None else [f"{gate.meaning} Next: {gate.next}."]
    return [*([moved] if streams else []), *routes]


def is_ticked(view: OffboardingView, item: str) -> bool:
    """Whether an item that a person does is done."""
    return any(
        one.name == item and one.how is How.HAND and one.done_at is not None for one in view.items
    )


def _is_due(item: ItemView, now: Instant) -> bool:
    return item.how is How.HERE and item.done_at is None and item.due_at <= now


async def is_hostile(tx: Tx, provider: str) -> bool:
    """Whether a provider is left as one that somebody else may command."""
    query = select(_o.c.id).where(_o.c.provider == provider, _o.c.hostile, _o.c.done_at.is_(None))
    return await tx.value(query.limit(1)) is not None


async def view(tx: Tx, provider: str, *, lock: bool = False) -> OffboardingView | None:
    """A provider that is left; None: it is not."""
    query = select(_o).where(_o.c.provider == provider)
    row = await tx.one(query.with_for_update() if lock else query)
    if row is None:
        return None
    items = await tx.all(
        select(_i).where(_i.c.offboarding_id == row["id"]).order_by(_i.c.place, _i.c.name)
    )
    return OffboardingView(
        row["id"],
        row["provider"],
        bool(row["hostile"]),
        row["by"],
        row["started_at"],
        row["done_at"],
        tuple(
            ItemView(
                one["name"],
                How(one["how"]),
                one["text"],
                one["due_at"],
                one["done_at"],
                one["done_by"],
                one["note"],
            )
            for one in items
        ),
    )


async def open_ones(tx: Tx) -> list[OffboardingView]:
    """The providers whose list is not done."""
    rows = await tx.all(select(_o.c.provider).where(_o.c.done_at.is_(None)).order_by(_o.c.id))
    found = [await view(tx, row["provider"]) for row in rows]
    return [one for one in found if one is not None]


async def listing(tx: Tx) -> list[OffboardingView]:
    """Every provider that was left, the newest first."""
    rows = await tx.all(select(_o.c.provider).order_by(_o.c.id.desc()))
    found = [await view(tx, row["provider"]) for row in rows]
    return [one for one in found if one is not None]

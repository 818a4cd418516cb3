"""Stores the last reading of each account, and finds the differences to the next one.

Security: items may hold addresses of people (senders, users), so they are sealed; their names in
the log are keyed digests. Secrets of the account never come here: the modules write digests.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import and_, delete, insert, select, update

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.providers.posture.types import Item, Kind, Trouble, Value
from mailkeep.store.database import Database, Tx
from mailkeep.watch import drift
from mailkeep.watch.drift import Change, FieldChange
from mailkeep.watch.events import FieldDigest, PostureBlind, PostureChanged, PostureRead
from mailkeep.watch.posture import PURPOSE, ListState, announced, opened
from mailkeep.watch.tables import posture_accounts, posture_changes, posture_items

MOST_TOLD = 32  #: changes of one reading that are told singly
MOST_KEPT = 200  #: changes of one reading that are kept
MAX_WORD = 200  #: characters of a safe word in a fact
TOLD_EVERY = HOUR  #: that an account was read, where nothing else is to be said
FIRM = 2  #: failed readings in a row that no outage explains, before they are told

_a, _i, _c = posture_accounts, posture_items, posture_changes

#: By list, its items or why there are none.
Found = Mapping[str, tuple[Item, ...] | Trouble]


async def take_turn(tx: Tx, account: str, interval: float) -> str | None:
    """The lease to read an account, for one process at a time; None: it is not due yet.

    Args:
        interval: seconds until the next turn.
    """
    turn = new_id("pst", tx.now)
    due = tx.now + round(interval * SECOND)
    insertion = tx.upsert(_a).values(account=account, due_at=due, turn=turn, lists="{}")
    if await tx.run(insertion.on_conflict_do_nothing(index_elements=["account"])):
        return turn
    mine = update(_a).where(_a.c.account == account, _a.c.due_at <= tx.now)
    return turn if await tx.run(mine.values(due_at=due, turn=turn)) else None


class Snapshots:
    """Keeps the last reading of each account and records what differs from it.

    Args:
        ours: hosts and domains of our own, in lower case.
        patience: failed readings in a row before an outage of an account's API is told.
    """

    def __init__(
        self, database: Database, keys: KeyRing, ours: frozenset[str], patience: int
    ) -> None:
        self._database = database
        self._keys = keys
        self._ours = ours
        self._patience = patience

    async def keep(
        self, account: str, turn: str, found: Found, *, can_send: bool | None = None
    ) -> bool:
        """Write down a reading; False: another process has read the account since.

        Args:
            found: by list, its items or why there are none.
        """
        async with self._database.read() as tx:
            known, torn = await self._items(tx, account)
        # If not all of it can be unsealed, it is read anew, as if for the first time.
        known = {name: items for name, items in known.items() if name not in torn}
        everything = (item for items in known.values() for item in items.values())
        places = self._ours | drift.places(everything)
        changes = {
            name: drift.compare(known.get(name, {}), drift.by_key(items), places)
            for name, items in found.items()
            if not isinstance(items, Trouble)
        }

        async def work(tx: Tx) -> bool:
            mine = _a.c.account == account
            row = await tx.one(select(_a).where(mine).with_for_update())
            if row is None or row["turn"] != turn:
                return False
            before = msgspec.json.decode(row["lists"], type=dict[str, ListState])
            after = {name: self._next(before.get(name), items) for name, items in found.items()}
            for name, items in found.items():
                if not isinstance(items, Trouble):
                    if name in torn:
                        whole = and_(_i.c.account == account, _i.c.list == name)
                        await tx.run(delete(_i).where(whole))
                    await self._replace(tx, account, name, known.get(name, {}), items)
            real = [
                change
                for name, several in changes.items()
                if before.get(name, ListState()).read and name not in torn
                for change in several
            ]
            await self._tell_changes(tx, account, real)
            told = await self._tell_lists(
                tx, account, before, after, found, row["told_at"], can_send
            )
            values: dict[str, object] = {
                "lists": msgspec.json.encode(after).decode(),
                "can_send": can_send,
            }
            if any(not one.failures for one in after.values()):
                values["read_at"] = tx.now
            if told:
                values["told_at"] = tx.now
            await tx.run(update(_a).where(mine).values(**values))
            return True

        return await self._database.retrying(work)

    def _next(self, state: ListState | None, items: tuple[Item, ...] | Trouble) -> ListState:
        state = state or ListState()
        if not isinstance(items, Trouble):
            return ListState(read=True)
        failures = state.failures + 1
        enough = self._patience if items.transient else min(FIRM, self._patience)
        return ListState(state.read, failures, items.value, state.told or failures >= enough)

    async def _tell_lists(
        self,
        tx: Tx,
        account: str,
        before: Mapping[str, ListState],
        after: Mapping[str, ListState],
        found: Found,
        told_at: Instant | None,
        can_send: bool | None,
    ) -> bool:
        """Say what can be read, and what cannot be any more."""
        nothing = ListState()
        blind: dict[tuple[str, bool], list[str]] = {}
        for name, one in after.items():
            was = before.get(name, nothing)
            # Reported once; and again when it becomes one that no outage explains.
            if one.told and (not was.told or _is_worse(one, was)):
                blind.setdefault((one.trouble, one.read), []).append(name)
        whole = all(one.failures for one in after.values())
        for (reason, read), names in sorted(blind.items()):
            fact = PostureBlind(
                provider=account,
                lists=tuple(sorted(names)),
                reason=reason,
                before=read,
                whole=whole,
            )
            await record(self._database, tx, fact)
        seen = tuple(sorted(name for name, one in after.items() if not one.failures))
        anew = tuple(
            name
            for name in seen
            if not before.get(name, nothing).read or before.get(name, nothing).told
        )
        if not seen or not (anew or told_at is None or tx.now - told_at >= TOLD_EVERY):
            return False
        counts: dict[str, int] = {}
        for items in found.values():
            for item in () if isinstance(items, Trouble) else items:
                counts[item.kind.value] = counts.get(item.kind.value, 0) + 1
        await record(
            self._database,
            tx,
            PostureRead(provider=account, lists=seen, anew=anew, items=counts, can_send=can_send),
        )
        return True

    async def _tell_changes(self, tx: Tx, account: str, changes: list[Change]) -> None:
        if not changes:
            return
        # Changes that are reported singly are the weightiest, not the first in the alphabet.
        ordered = sorted(changes, key=lambda one: (not one.strange, one.what == drift.REMOVED))
        for number, one in enumerate(ordered[:MOST_KEPT]):
            used = await announced(tx, account, one.kind)
            change = new_id("chg", tx.now, tx.order.next())
            await tx.run(
                insert(_c).values(
                    id=change,
                    account=account,
                    kind=one.kind.value,
                    what=one.what,
                    strange=one.strange,
                    sealed=self._keys.seal(PURPOSE, msgspec.json.encode(one)),
                    at=tx.now,
                    expected=used,
                )
            )
            if number >= MOST_TOLD:
                continue
            last = number == MOST_TOLD - 1
            fact = PostureChanged(
                provider=account,
                change=change,
                item_kind=one.kind.value,
                item=self._name(account, one.kind, one.id),
                what=one.what,
                fields=tuple(map(self._digest, one.fields)),
                strange=one.strange,
                expected=used is not None,
                more=len(changes) - MOST_TOLD if last else 0,
            )
            await record(self._database, tx, fact)

    async def _replace(
        self,
        tx: Tx,
        account: str,
        name: str,
        known: Mapping[drift.Key, Item],
        items: tuple[Item, ...],
    ) -> None:
        """Make a list's rows those of the reading."""
        now = drift.by_key(items)
        of_list = and_(_i.c.account == account, _i.c.list == name)
        for key in known.keys() - now.keys():
            await tx.run(delete(_i).where(of_list, _i.c.item == self._name(account, *key)))
        for key, item in now.items():
            if known.get(key) == item:
                continue
            values = {
                "kind": item.kind.value,
                "sealed": self._keys.seal(PURPOSE, msgspec.json.encode(item)),
            }
            row = {"account": account, "list": name, "item": self._name(account, *key)}
            statement = tx.upsert(_i).values(**row, **values, since=tx.now)
            await tx.run(
                statement.on_conflict_do_update(
                    index_elements=["account", "list", "item"], set_=values
                )
            )

    async def _items(
        self, tx: Tx, account: str
    ) -> tuple[dict[str, dict[drift.Key, Item]], frozenset[str]]:
        """The last reading, by list; and the lists of which something cannot be unsealed: with
        other keys nothing can be compared."""
        rows = await tx.all(select(_i.c.list, _i.c.sealed).where(_i.c.account == account))
        out: dict[str, dict[drift.Key, Item]] = {}
        torn = set()
        for row in rows:
            item = opened(self._keys, row["sealed"], Item)
            if item is None:
                torn.add(row["list"])
            else:
                out.setdefault(row["list"], {})[item.kind, item.id] = item
        return out, frozenset(torn)

    def _name(self, account: str, kind: Kind, item: str) -> str:
        return self._keys.pseudonym("item", f"{account}\0{kind.value}\0{item}")

    def _digest(self, one: FieldChange) -> FieldDigest:
        def name(value: Value | None) -> str:
            return "" if value is None else self._keys.pseudonym("value", value.text)

        def said(value: Value | None) -> str:
            return value.text[:MAX_WORD] if value is not None and value.safe else ""

        return FieldDigest(one.name, name(one.old), name(one.new), said(one.old), said(one.new))


def _is_worse(now: ListState, was: ListState) -> bool:
    return now.trouble != was.trouble and not Trouble(now.trouble).transient

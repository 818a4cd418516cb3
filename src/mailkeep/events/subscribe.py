"""Subscribers: each reads the log at its own pace and stores its checkpoint with its effect.

Because the checkpoint is written in the transaction of the effect, an event takes effect exactly
once, whatever is killed when. An event whose handler fails is retried a few times and then set
aside, on record (a dead letter): those behind it must not wait for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set

import structlog
from sqlalchemy import bindparam, literal_column, select

from mailkeep.base.errors import Unavailable
from mailkeep.store.database import Database, Tx
from mailkeep.store.errors import passes
from mailkeep.store.repeated import Among, Repeated

from .events import FactSetAside
from .log import HEAD, after, head, record
from .tables import checkpoints, events
from .types import Fact, Recorded

log = structlog.get_logger(__name__)

Handler = Callable[[Tx, Recorded], Awaitable[None]]
#: Whether a fact of a kind that is heard is for its handlers at all (pure).
Wants = Callable[[Fact], bool]

_PLACE = Repeated(
    lambda _insert: select(checkpoints.c.position).where(
        checkpoints.c.subscriber == bindparam("name")
    )
)
#: Whether anything is for a reader in a stretch of the log.
_WANTED = Repeated(
    lambda _insert: (
        select(events.c.position)
        .where(
            events.c.position > bindparam("after"),
            events.c.position <= bindparam("until"),
            Among(events.c.kind, "kinds"),
        )
        .limit(literal_column("1"))
    )
)

#: What kinds there are in a stretch of the log.
_KINDS_OF = Repeated(
    lambda _insert: (
        select(events.c.kind)
        .where(events.c.position > bindparam("after"), events.c.position <= bindparam("until"))
        .distinct()
    )
)

SPAN = 5000  #: facts that one step passes over at most: most are not for this reader
KEEP = 20_000  #: facts passed over before a place without an effect is written down
TRIES = 5  #: how often a fact is handed to handlers that raise, about a second apart


class Subscriber:
    """One named reader of the log.

    Args:
        name: under which its checkpoint is kept; renaming it reads the log from the beginning.
        handlers: what to call for each kind of fact.
        only: a filter for frequent kinds of which few are for the handlers; the others cost neither
            a transaction nor a savepoint.

    Attributes:
        set_aside: facts that were given up since the start; each is on the log as well.
        awake: set when something may be for it.
    """

    def __init__(
        self,
        name: str,
        handlers: Mapping[type[Fact], Sequence[Handler]],
        only: Mapping[type[Fact], Wants] | None = None,
    ) -> None:
        self.name = name
        self.set_aside = 0
        self.awake = asyncio.Event()
        self._only = only or {}
        self._handlers = {fact: tuple(calls) for fact, calls in handlers.items()}
        self._kinds = frozenset(fact.kind for fact in handlers)
        self._passed = 0  # up to here nothing was for us; ahead of the place that is written down
        self._place = 0  # as it is written down, as far as this process knows
        self._failed = (0, 0)  # the fact that failed last, by its place, and how often

    @property
    def passed(self) -> int:
        """The position up to which this process has read, whether or not it is written down."""
        return self._passed

    async def step(self, database: Database, limit: int = 200) -> int:
        """Handle the next facts in one transaction; returns how many of the log were passed.

        Where none of them is for us nothing is written: after a kill they are passed over again.

        Raises:
            Unavailable: the database is away; nothing was handled.
            Exception: what a handler raised. What came before it is handled and stays so; the
                fact itself is tried again by the next step.
        """
        idle = await self._pass(database, limit)
        if idle is not None:
            return idle
        failure: Exception | None = None
        async with database.write() as tx:
            place = await take_place(tx, self.name)
            start = done = max(place, self._passed)
            # Read before the facts are: whatever has a position by then is among them.
            last = min(await head(tx), start + SPAN)
            batch = await after(tx, start, limit, self._kinds)
            for position, recorded in batch:
                if recorded is not None and self._wants(recorded.fact):
                    failure = await self._handle(database, tx, recorded)
                if failure is not None:
                    break
                done = position
            if failure is None and len(batch) < limit:
                done = max(done, last)
            if done > place:
                await save_place(tx, self.name, done)
        self._passed, self._place = max(self._passed, done), max(place, done)
        if failure is not None:
            raise failure
        return done - start

    def told(self, kinds: Set[str], seen: int, last: int) -> None:
        """Told that these are all the kinds between two positions of the log: wake it if one is for
        it, otherwise pass over them."""
        if self._passed < seen or last - self._place > KEEP or not kinds.isdisjoint(self._kinds):
            self.awake.set()
        else:
            self._passed = max(self._passed, last)

    def _wants(self, fact: Fact) -> bool:
        only = self._only.get(type(fact))
        return only is None or only(fact)

    async def _pass(self, database: Database, limit: int) -> int | None:
        """Pass over facts that are not for us. Returns how many; None when the next ones are for
        us, or the checkpoint has to be written."""
        kinds, passed = sorted(self._kinds), self._passed
        async with database.glance() as tx:
            # In this order: whatever had a position when the head was read is among the facts read
            # after it.
            places, heads, wanted = await tx.fetch_each(
                (_PLACE, {"name": self.name}),
                (HEAD, {}),
                (_WANTED, {"after": passed, "until": passed + SPAN, "kinds": kinds}),
            )
        place = self._place = places[0][0] if places else 0
        if place > passed:  # this process has only begun, or another one reads too
            self._passed = place
            return await self._pass(database, limit)
        last = min(heads[0][0] if heads else 0, passed + SPAN)
        if last <= passed:
            return 0
        if last - place > KEEP or (wanted and not self._only):
            return None
        if wanted:
            async with database.glance() as tx:
                batch = await after(tx, passed, limit, self._kinds)
            if any(one is not None and self._wants(one.fact) for _, one in batch):
                return None
            # Facts that got their position after the head was read are left to the next step.
            last = batch[-1][0] if len(batch) == limit else last
        self._passed = last
        return last - passed

    async def _handle(self, database: Database, tx: Tx, recorded: Recorded) -> Exception | None:
        """Apply the effects of a fact, all or none; returns the error that prevents them for
        now."""
        calls = self._handlers.get(type(recorded.fact), ())
        if not calls:
            return None
        try:
            async with tx.savepoint():
                for call in calls:
                    await call(tx, recorded)
        except Unavailable:
            raise
        except Exception as error:
            if passes(error):
                raise
            position, times = self._failed
            times = times + 1 if position == recorded.position else 1
            self._failed = (recorded.position, times)
            if times < TRIES:
                return error
            await self._give_up(database, tx, recorded, error)
        return None

    async def _give_up(
        self, database: Database, tx: Tx, recorded: Recorded, error: Exception
    ) -> None:
        kind, why = recorded.fact.kind, type(error).__name__
        log.error(
            "fact.set_aside", subscriber=self.name, fact=recorded.id, kind=kind, exc_info=error
        )
        await record(
            database, tx, FactSetAside(subscriber=self.name, fact=recorded.id, of=kind, error=why)
        )
        tx.after_commit.append(self._count)

    def _count(self) -> None:
        self.set_aside += 1


class Audience:
    """The subscribers of a process, and one look at the log for all of them: most of what is placed
    is for none, and otherwise each would ask for itself. A subscriber that misses a look polls by
    itself a moment later."""

    def __init__(self, subscribers: Sequence[Subscriber]) -> None:
        self._ones = tuple(subscribers)
        self._seen: int | None = None

    async def look(self, database: Database) -> bool:
        """Wake the subscribers that something new may concern; returns whether there is more to
        look at.

        Raises:
            Unavailable: the database is away.
        """
        seen = self._seen or 0
        stretch = {"after": seen, "until": seen + SPAN}
        async with database.glance() as tx:
            # In this order: whatever had a position when the head was read is among the kinds.
            heads, kinds = await tx.fetch_each((HEAD, {}), (_KINDS_OF, stretch))
        newest = heads[0][0] if heads else 0
        if self._seen is None:  # what was there before, each reads for itself
            self._seen = newest
            for one in self._ones:
                one.awake.set()
            return False
        last = min(newest, seen + SPAN)
        if last <= seen:
            return False
        new = {kind for (kind,) in kinds}
        for one in self._ones:
            one.told(new, seen, last)
        self._seen = last
        return last < newest


async def take_place(tx: Tx, subscriber: str) -> int:
    """A subscriber's checkpoint. Its row is locked to the end of the transaction: of two processes
    that run the subscriber, one waits for the effects of the other."""
    first = (
        tx.upsert(checkpoints)
        .values(subscriber=subscriber, position=0, state=None)
        .on_conflict_do_nothing()
    )
    await tx.run(first)
    place = await tx.value(
        select(checkpoints.c.position)
        .where(checkpoints.c.subscriber == subscriber)
        .with_for_update()
    )
    return int(place)


async def save_place(tx: Tx, subscriber: str, position: int, state: str | None = None) -> None:
    """Write a subscriber's checkpoint, with the state that it has reached."""
    values = {"position": position, "state": state}
    await tx.run(
        tx.upsert(checkpoints)
        .values(subscriber=subscriber, **values)
        .on_conflict_do_update(index_elements=["subscriber"], set_=values)
    )

"""A cache of what-if answers, kept while nothing that they depend on changed.

What falls with 300 parties takes a second of CPU time to compute, and its pages are opened by
people who click, and by whoever wants to use up the CPU. So each answer is computed once for one
state of the system, in a thread beside the event loop, and one at a time: whoever asks for much
makes only themselves wait.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TypeVar

from mailkeep.store.database import Database

from . import changes, counts, drawing, model, queries, scene, services
from .counts import Counts
from .types import Change, Fall, Live, Ranked, Sets, SinglePoint, TrustConfiguration
from .whatif import Model

T = TypeVar("T")
FALLS = 100  #: questions whose answers are kept


class Answers:
    """Answers about one state of the system; each computed when it is first asked for.

    Args:
        found: the state.
    """

    def __init__(self, found: Model) -> None:
        self.found = found
        self._falls: OrderedDict[tuple[str, ...], Fall] = OrderedDict()

    @cached_property
    def ranked(self) -> list[Ranked]:
        return self.found.ranked()

    @cached_property
    def single_points(self) -> list[SinglePoint]:
        return self.found.single_points()

    @cached_property
    def smallest(self) -> list[Sets]:
        return self.found.smallest()

    @cached_property
    def changes(self) -> list[Change]:
        return changes.ranked(self.found.world, self.found.live.today)

    @cached_property
    def written(self) -> model.ThreatModel:
        return model.written(self.found)

    @cached_property
    def picture(self) -> drawing.Picture:
        """Of everybody, with nobody chosen."""
        return drawing.picture(self.found.world)

    def fall(self, parties: tuple[str, ...]) -> Fall:
        """See ``Model.fall``. Raises ``NotFound``."""
        some = tuple(sorted(self.found.known(parties)))
        if some not in self._falls:
            self._falls[some] = self.found.fall(some)
        self._falls.move_to_end(some)
        while len(self._falls) > FALLS:
            self._falls.popitem(last=False)
        return self._falls[some]


class Ready:
    """Answers what-if questions about the current state.

    Args:
        database: what is counted, keys, what stands.
        house: what the settings say.
    """

    def __init__(self, database: Database, house: TrustConfiguration) -> None:
        self._database, self._house = database, house
        self._counting = asyncio.Lock()
        self._counted: Counts | None = None  # where nobody counts on a schedule
        # A single thread: whoever asks and goes away leaves no second one at work.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trust")
        self._answers: Answers | None = None

    async def ask(self, question: Callable[[Answers], T]) -> T:
        """The answer to a question, computed in a thread where it is not cached.

        Raises:
            NotFound: what the question raises.
        """
        live = await self._live()
        work = partial(self._answered, live, question)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def kept(self) -> list[services.Kept]:
        """The threat models that were kept, the newest first."""
        async with self._database.read() as tx:
            return await services.kept(tx)

    async def threat_model(self, day: str) -> model.ThreatModel:
        """The threat model as it stands (``now``), or as it was at the end of a day.

        Raises:
            Invalid: it is no day.
            NotFound: none was kept before it.
        """
        if day == services.NOW:
            return await self.ask(lambda answers: answers.written)
        async with self._database.read() as tx:
            return await services.as_of(tx, services.end_of(day))

    async def difference(self, before: str, after: str) -> model.Difference:
        """What became different between two days, of which each may be ``now``; raises likewise."""
        old, new = await self.threat_model(before), await self.threat_model(after)
        work = partial(model.difference, old, new)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _answered(self, live: Live, question: Callable[[Answers], T]) -> T:
        if self._answers is None or self._answers.found.live != live:
            self._answers = Answers(Model(self._house, live, scene.world(self._house, live)))
        return question(self._answers)

    async def _live(self) -> Live:
        async with self._database.read() as tx:
            counted = await counts.newest(tx, self._house)
            if counted is not None:
                return await queries.live(tx, self._house, counted)
        async with self._counting, self._database.read() as tx:
            counted = self._counted
            if counted is None or tx.now - counted.at >= self._house.every:
                self._counted = counted = await counts.at_once(tx, self._house)
            return await queries.live(tx, self._house, counted)

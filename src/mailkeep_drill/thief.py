"""The thief of the drill: reads at the fallen provider, and tries everything on everyone."""

import asyncio
import random
from collections.abc import Callable, Coroutine

from .cast import passwords, thief_sources
from .record import Attempt
from .systems.base import Clock, Robbery, Said, System
from .systems.providers import Provider

_MARKS = ("/recover/proof", "/password/reset/")  # what a mail that is worth reading has in it
_AGAIN_AFTER = 6.0  # seconds until he asks once more for what he lacks
_POLL = 1.0


class Thief:
    """One thief at one system.

    Args:
        provider: where he reads.
        totp: who of his victims uses an authenticator; he does not know, the scorecard does.
    """

    def __init__(
        self,
        system: System,
        provider: Provider,
        totp: dict[str, bool],
        chance: random.Random,
        clock: Clock,
        say: Said,
    ) -> None:
        self._system = system
        self._provider = provider
        self._totp = totp
        self._clock = clock
        self._say = say
        self._source: Callable[[], str] = thief_sources()
        self._password = passwords(chance)
        self._robberies: dict[str, Robbery] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self.read = 0

    @property
    def attempts(self) -> list[Attempt]:
        """What he did, account by account."""
        return [robbery.attempt for robbery in self._robberies.values()]

    def begin_to_read(self) -> None:
        """Turn to the provider's feed, for good."""
        self._reading = asyncio.create_task(self._read())

    async def attack(self, victims: list[str], seconds: float) -> None:
        """Ask for resets of the victims, evenly over so many seconds; then for what he lacks."""
        pause = seconds / max(1, len(victims))
        for address in victims:
            self._spawn(self._ask(address))
            await asyncio.sleep(pause)
        await asyncio.sleep(_AGAIN_AFTER)
        for robbery in list(self._robberies.values()):
            if robbery.wants_another and robbery.attempt.asked is not None:
                self._spawn(self._ask(robbery.attempt.address))
                await asyncio.sleep(pause / 2)

    async def give_up(self) -> None:
        """Try what he has once more, then stop."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for robbery in self._robberies.values():
            await robbery.finish()

    async def _ask(self, address: str) -> None:
        robbery = self._robbery(address)
        if robbery.attempt.asked is None:
            robbery.attempt.asked = self._clock()
        async with self._locks[address]:
            await robbery.ask()

    async def _read(self) -> None:
        after = 0
        while True:
            after, mails = await self._provider.leak(after, _POLL)
            for mail in mails:
                self.read += 1
                if any(mark in (mail["text"] or "") for mark in _MARKS) and mail["to"]:
                    self._spawn(self._use(mail["to"][0], mail))

    async def _use(self, address: str, mail: dict[str, object]) -> None:
        robbery = self._robbery(address)
        async with self._locks[address]:
            await robbery.use(mail)

    def _robbery(self, address: str) -> Robbery:
        if address not in self._robberies:
            self._locks[address] = asyncio.Lock()
            self._robberies[address] = self._system.robbery(
                Attempt(address, self._totp.get(address, False)),
                self._source(),
                self._password(),
                self._clock,
                self._say,
            )
        return self._robberies[address]

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._say(f"a try of the thief failed: {task.exception()!r}"[:160])

"""Polls the configuration of our accounts at providers, each at its own pace, and passes it to the
snapshots.

An account is still read while its provider is cut off: a cut ends mail, and what is done in the
account then is what an incident wants to know. The reading key carries no mail.

Security: reads hostile input, bounded in octets, items, pages and seconds; whatever comes is items
or a word of `Trouble`, so that no answer ends the loop. Redirects are not followed: the key is in
the request. Holds the reading keys, and no sending ones where the operator kept them apart.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from yarl import URL

from mailkeep.base.clock import Clock
from mailkeep.base.keys import KeyRing
from mailkeep.base.loops import Keeper
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import (
    MAX_ITEMS,
    MAX_LIST,
    AccountConfig,
    Item,
    Kind,
    ShowsAccount,
    Trouble,
)
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure
from mailkeep.store.database import Database
from mailkeep.watch.types import PostureSettings

from .snapshots import Found, Snapshots, take_turn

if TYPE_CHECKING:
    import aiohttp  # imported when somebody is asked: not by who only wants the settings

REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 120.0  #: for one reading of an account
MOST_REQUESTS = 400  #: for one reading of an account
MOST_OF_LIST = 100  #: requests for one list
LOOK_SECONDS = 1.0  #: between two looks whether it is this process's turn, where it was not

Carry = Callable[[HttpRequest], Awaitable[HttpReply | TransportFailure]]


class Posture:
    """Reads all accounts.

    Args:
        accounts: by name.
        ours: hosts and domains of our own, in lower case.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        clock: Clock,
        settings: PostureSettings,
        *,
        accounts: Mapping[str, AccountConfig],
        ours: frozenset[str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._accounts = accounts
        self._snapshots = Snapshots(database, keys, ours, settings.patience)
        self._chance = random.SystemRandom()

    async def run(self, keep: Keeper) -> None:
        """Read for ever, each account at its own pace."""
        async with asyncio.TaskGroup() as group:
            for name in self._accounts:
                group.create_task(keep(partial(self._look, name), LOOK_SECONDS, of=name))

    async def read(self, name: str) -> bool:
        """Read one account, if it is due and no other process reads it; returns whether that was
        done."""
        interval = self._settings.interval * self._chance.uniform(0.9, 1.1)

        async with self._database.write() as tx:
            turn = await take_turn(tx, name, interval)
        if turn is None:
            return False
        config = self._accounts[name]
        module = registry.get(config.kind)
        async with session() as http:
            found = await collect(
                module, config, carrier(http), clock=self._clock, gap=self._settings.gap
            )
        items: dict[Kind, list[Item]] = {}
        for several in found.values():
            for item in () if isinstance(several, Trouble) else several:
                items.setdefault(item.kind, []).append(item)
        can_send = module.can_send(config, items)
        return await self._snapshots.keep(name, turn, found, can_send=can_send)

    async def _look(self, name: str) -> None:
        await self.read(name)  # whether it was done or not, nothing is due at once


async def collect(
    module: ShowsAccount,
    config: AccountConfig,
    carry: Carry,
    *,
    clock: Clock,
    gap: float,
    within: float = WHOLE_SECONDS,
) -> Found:
    """Read every list of an account; what each holds, or why it could not be read.

    A list is read whole or not at all: half of one would look as if the rest had been removed.

    Raises:
        MisconfiguredProvider: ``config`` cannot be used.
    """
    asks = deque(module.ask(config, clock.now()))
    items: dict[str, list[Item]] = {one.list: [] for one in asks}
    troubles: dict[str, Trouble] = {}
    requests: dict[str, int] = {}
    deadline = asyncio.get_running_loop().time() + within
    count = 0
    while asks:
        asked = asks.popleft()
        if asked.list in troubles:
            continue
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or count >= MOST_REQUESTS:
            # A server that answers slowly on purpose holds back no other reading.
            troubles[asked.list] = Trouble.UNREACHABLE if left <= 0 else Trouble.TOO_MANY
            continue
        if count:
            await asyncio.sleep(gap)
        count += 1
        requests[asked.list] = requests.get(asked.list, 0) + 1
        try:
            async with asyncio.timeout(min(left, REQUEST_SECONDS)):
                reply = await carry(asked.request)
        except TimeoutError:
            reply = TransportFailure("timeout_after_send")
        reading = module.read(config, asked, reply, clock.now())
        items[asked.list] += reading.items
        if reading.trouble is not None:
            troubles[asked.list] = reading.trouble
        elif (
            len(items[asked.list]) > MAX_ITEMS
            or requests[asked.list] + len(reading.more) > MOST_OF_LIST
        ):
            troubles[asked.list] = Trouble.TOO_MANY
        else:
            asks.extend(reading.more)
    return {name: troubles.get(name, tuple(several)) for name, several in items.items()}


def carrier(session: "aiohttp.ClientSession") -> Carry:
    """Carries a request over the network; never raises for what the other side does."""
    import aiohttp

    async def carry(request: HttpRequest) -> HttpReply | TransportFailure:
        try:
            async with session.request(
                request.method,
                # As it was written: a normalised URL would not be what was signed.
                URL(request.url, encoded=True),
                headers=dict(request.headers),
                data=request.body or None,
                allow_redirects=False,
            ) as reply:
                body = bytearray()
                async for chunk in reply.content.iter_any():
                    body += chunk
                    if len(body) > MAX_LIST:
                        break
                return HttpReply(reply.status, dict(reply.headers), bytes(body))
        except (aiohttp.ClientError, OSError, ValueError):
            return TransportFailure("reset_after_send")

    return carry


def session() -> "aiohttp.ClientSession":
    """For requests to accounts: bounded in time, without cookies."""
    import aiohttp

    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )

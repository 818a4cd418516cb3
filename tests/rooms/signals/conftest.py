"""A transmitter, and receivers that are real: servers that verify with another library's eyes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet

from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.events import AccountFrozen, PasswordSet, SessionsEnded
from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.events.log import Relay, record
from mailkeep.events.subscribe import Subscriber
from mailkeep.events.types import Fact
from mailkeep.signals import mapping, queries, receivers
from mailkeep.signals.services import Signals
from mailkeep.signals.streams import DeliveryIn, StreamIn
from mailkeep.signals.types import PUSH, Heard, Receiver, SignalSettings
from mailkeep.store.database import Database, Tx

ISSUER = "https://mail.example.com"
ACCOUNT = "acc_00000000000000000000000000"
OTHER = "acc_00000000000000000000000001"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Inbox:
    """A receiver's endpoint.

    Attributes:
        tokens: what came, as it came.
        answer: what it answers; 202 unless a test says otherwise.
    """

    url: str = ""
    tokens: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Answer | None = None
    elsewhere: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append((await request.read()).decode())
        self.headers.append(dict(request.headers))
        self.arrived.set()
        return web.Response(status=202) if self.answer is None else await self.answer(request)

    async def other(self, _request: web.Request) -> web.StreamResponse:
        self.elsewhere += 1
        return web.Response(status=202)

    def claims(self, signing: SigningKeys, audience: str) -> list[dict[str, Any]]:
        return [verified(one, signing.key_set(), audience) for one in self.tokens]


def verified(token: str, key_set: dict[str, Any], audience: str) -> dict[str, Any]:
    """The claims, when it is a security event from us for that audience (RFC 8417, SSF 1.0)."""
    found = jwt.decode(token, KeySet.import_key_set(key_set), algorithms=["RS256"])
    assert found.header["typ"] == "secevent+jwt"
    registry = jwt.JWTClaimsRegistry(
        now=None,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": audience},
        jti={"essential": True},
        txn={"essential": True},
    )
    claims: dict[str, Any] = found.claims
    registry.validate({name: one for name, one in claims.items() if name != "iat"})
    assert "exp" not in claims
    assert "sub" not in claims
    assert len(claims["events"]) == 1
    return claims


class House:
    """The transmitter of a test.

    Args:
        home: where its signing keys are.
    """

    def __init__(
        self, database: Database, keys: KeyRing, signing: SigningKeys, clock: ManualClock
    ) -> None:
        self.database = database
        self.keys = keys
        self.signing = signing
        self.clock = clock
        self.started: list[Signals] = []
        self.signals = self.start()

    def start(self, settings: SignalSettings | None = None) -> Signals:
        """Another process of the same house."""
        made = Signals(
            self.database,
            self.keys,
            self.signing,
            ISSUER,
            settings or SignalSettings(poll_wait=0.0),
            loopback=True,
        )
        self.database.hear(made.told)
        self.signals = made
        self.started.append(made)
        return made

    async def receiver(self, name: str = "shop", *origins: str, application: str = "") -> Receiver:
        async with self.database.write() as tx:
            found, _ = await receivers.add(
                tx,
                self.keys,
                name,
                f"https://{name}.example",
                origins,
                application=application,
                loopback=True,
                by="uid:0",
            )
        return found

    async def pushed(self, inbox: Inbox, name: str = "shop", **wanted: Any) -> Receiver:
        """A receiver with a stream that is pushed to the inbox."""
        receiver = await self.receiver(name, inbox.url)
        delivery = DeliveryIn(PUSH, f"{inbox.url}/events", wanted.pop("authorization", None))
        await self.signals.streams.create(receiver, StreamIn(delivery=delivery, **wanted))
        return receiver

    async def polled(self, name: str = "shop", **wanted: Any) -> tuple[Receiver, str]:
        """A receiver that polls, and its stream."""
        receiver = await self.receiver(name, application=wanted.pop("application", ""))
        made = await self.signals.streams.create(receiver, StreamIn(**wanted))
        return receiver, str(made["stream_id"])

    async def happens(self, *facts: Fact) -> None:
        """Record facts as their rooms do, and have the subscriber hear them."""
        async with self.database.write() as tx:
            named = {getattr(fact, "account", None) for fact in facts} - {None}
            await self._accounts(tx, sorted(named))
            await record(self.database, tx, *facts)
        await Relay(self.database, "relay").place()
        hears = {fact: [self.signals.on_fact] for fact in mapping.TABLE}
        reader = Subscriber("signals", hears)
        while await reader.step(self.database):
            pass

    async def _accounts(self, tx: Tx, names: list[str]) -> None:
        """Accounts of ours, where there are none of these names."""
        for name in names:
            row = {"id": name, "class": "customer", "created_at": tx.now}
            await tx.run(tx.upsert(account_tables.accounts).values(row).on_conflict_do_nothing())

    async def push(self) -> None:
        await self.signals.pushing.step()
        await self.signals.pushing.drain()

    async def heard(self, account: str = ACCOUNT) -> list[Heard]:
        async with self.database.read() as tx:
            return await queries.acknowledged(tx, account, 0)

    async def poll(
        self,
        receiver: Receiver,
        stream: str,
        *acks: str,
        most: int = 100,
        errors: dict[str, str] | None = None,
        wait: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """Poll; the claims by their jti."""
        polled = await self.signals.polling.poll(
            receiver, stream, acks=acks, errors=errors or {}, most=most, wait=wait
        )
        key_set = self.signing.key_set()
        return {jti: verified(one, key_set, receiver.audience) for jti, one in polled.sets.items()}


def frozen(clock: ManualClock, why: str = "incident", hours: float = 1.0) -> AccountFrozen:
    return AccountFrozen(account=ACCOUNT, until=clock.now() + round(hours * HOUR), why=why)


def ended(account: str = ACCOUNT, why: str = "recovery") -> SessionsEnded:
    return SessionsEnded(account=account, count=1, why=why)


def changed(account: str = ACCOUNT, by: str = "recovery") -> PasswordSet:
    return PasswordSet(account=account, by=by)


@pytest.fixture(scope="session")
def signing_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To make a key takes a while; one will do."""
    home = tmp_path_factory.mktemp("signing")
    SigningKeys(home).keep(ManualClock().now())
    return home


@pytest.fixture
async def house(
    database: Database, keys: KeyRing, clock: ManualClock, signing_home: Path
) -> AsyncIterator[House]:
    made = House(database, keys, SigningKeys(signing_home), clock)
    yield made
    for one in made.started:
        await one.pushing.close()


@pytest.fixture
async def inboxes() -> AsyncIterator[Callable[[], Awaitable[Inbox]]]:
    """Makes endpoints on loopback."""
    runners: list[web.AppRunner] = []

    async def make() -> Inbox:
        inbox = Inbox()
        app = web.Application()
        app.router.add_post("/events", inbox.take)
        app.router.add_route("*", "/elsewhere", inbox.other)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return inbox

    yield make
    await asyncio.gather(*(one.cleanup() for one in runners))


@pytest.fixture
async def inbox(inboxes: Callable[[], Awaitable[Inbox]]) -> Inbox:
    return await inboxes()

"""A mail room with two providers and a secret and an ordinary stream."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import ProviderConfig
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

ROUTES = (RouteSettings("one"), RouteSettings("two"))

STREAMS = {
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, expires=3600),
    "bulk": StreamSettings("bulk", 9, ROUTES, concurrency=5),
}


def provider(name: str, port: int, kind: str = "mandrill") -> ProviderConfig:
    """A provider on loopback; ``kind`` mandrill reports deliveries, smtp does not."""
    scheme = "smtp" if kind == "smtp" else "http"
    return ProviderConfig(
        name=name,
        kind=kind,
        base_url=f"{scheme}://127.0.0.1:{port}",
        secret=Secret("key-of-" + name),
        webhook_secret=Secret("webhook-key-of-" + name),
        webhook_url=f"http://localhost/hooks/{name}",
        options={},
        party=name,
    )


def new(stream: str = "bulk", to: str = "ada@example.net", **more: object) -> NewMessage:
    fields = {"sender": "us@example.com", "to": to, "subject": "Hello", "text": "plain words"}
    return NewMessage(stream=stream, content=Content(**fields), **more)


@pytest.fixture
def intake(database: Database, keys: KeyRing) -> Intake:
    return Intake(database, keys, STREAMS)


@pytest.fixture
def accept(database: Database, intake: Intake) -> Callable[[NewMessage], Awaitable[str]]:
    """Check and store one message."""

    async def run(message: NewMessage) -> str:
        checked = intake.check(message)
        async with database.write() as tx:
            return await intake.accept(tx, checked)

    return run


@pytest.fixture
def dispatcher(
    database: Database, keys: KeyRing
) -> Callable[[dict[str, ProviderConfig]], Dispatcher]:
    def make(providers: dict[str, ProviderConfig]) -> Dispatcher:
        return Dispatcher(database, SharedCommit(database), keys, SystemClock(), STREAMS, providers)

    return make

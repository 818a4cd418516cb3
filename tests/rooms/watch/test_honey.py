"""Mail to honey addresses on both engines: of ours, of others, of who tries names."""

import contextlib
from collections.abc import AsyncIterator
from email.message import EmailMessage

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.events.types import decode
from mailkeep.mail import outbox
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, Job, NewMessage, RouteSettings, StreamSettings
from mailkeep.store.database import Database, Tx
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.events import HoneyMailArrived
from mailkeep.watch.honey import HoneyMail
from mailkeep.watch.types import CanarySettings, HoneyAddress

STREAM = StreamSettings("alert", 2, (RouteSettings("one"), RouteSettings("two")))
HONEY = (HoneyAddress("iris.q7@honey.example", "one"), HoneyAddress("vera@other.example", "two"))
TO = HONEY[0].address


class House:
    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database, self.keys = database, keys
        self.intake = Intake(
            database, keys, {"alert": STREAM}, honey={one.address: one.provider for one in HONEY}
        )
        self.honey = HoneyMail(database, keys, HONEY, ["example.com"])

    async def claim(self) -> list[Job]:
        async with self.database.write() as tx:
            return await outbox.claim(self.database, tx, STREAM, {}, 50)

    async def facts(self) -> list[HoneyMailArrived]:
        async with self.database.read() as tx:
            rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, HoneyMailArrived)]


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys)


def _raw(text: str = "Dear customer", sender: str = "x@evil.example", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["Subject"] = "secret subject"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


async def test_mail_of_others_is_noted_in_our_own_words(house: House) -> None:
    raw = _raw("See https://evil.example/private", sender="Us <alerts@Example.com>")
    assert await house.honey.receive([TO.upper(), "else@nowhere.example"], raw) == 1
    (fact,) = await house.facts()
    assert fact == HoneyMailArrived(
        provider="one", honey=house.keys.pseudonym("address", TO), words=("as_us", "link"), strays=0
    )
    seen = str(msgspec.to_builtins(fact))
    assert not [word for word in ("evil", "secret", "private", TO, "iris") if word in seen]


async def test_a_mail_that_could_not_be_stored_counts_when_it_is_brought_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = house.database.write

    @contextlib.asynccontextmanager
    async def failing() -> AsyncIterator[Tx]:
        async with real() as tx:
            yield tx
            raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "write", failing)
        with pytest.raises(Unavailable):
            await house.honey.receive([TO], _raw())
    assert await house.honey.receive([TO], _raw()) == 1
    assert await house.honey.receive([TO], _raw()) == 0  # that was within the minute
    assert len(await house.facts()) == 1


async def test_mail_of_our_own_is_none(house: House) -> None:
    """A seed is known by its secret, a notice to the account by its id; neither excuses another."""
    seeds = Canaries(
        house.database,
        house.keys,
        house.intake,
        CanarySettings("post.example", "us@example.com"),
        honey=HONEY,
        public_url="https://ours.example",
        providers={},
    )
    assert await seeds.seed() == 2
    for job in await house.claim():
        content = msgspec.json.decode(job.body, type=Content)
        if content.to == TO:
            seed = content.text or ""
    assert await house.honey.receive([TO], _raw(seed)) == 0
    new = NewMessage("alert", Content("us@example.com", TO, "Hello", text="Hello"))
    async with house.database.write() as tx:
        message = await house.intake.accept(tx, house.intake.check(new))
    assert await house.honey.receive([TO], _raw(X_Mailkeep_Id=message)) == 0
    assert await house.facts() == []
    other = HONEY[1].address
    assert await house.honey.receive([other], _raw(X_Mailkeep_Id=message)) == 1
    assert await house.honey.receive([TO], _raw(X_Mailkeep_Id="msg_" + "0" * 26)) == 1


async def test_an_id_of_ours_excuses_for_some_days_only(house: House, clock: ManualClock) -> None:
    new = NewMessage("alert", Content("us@example.com", TO, "Hello", text="Hello"))
    async with house.database.write() as tx:
        message = await house.intake.accept(tx, house.intake.check(new))
    clock.advance(4 * 86_400)
    assert await house.honey.receive([TO], _raw(X_Mailkeep_Id=message)) == 1


async def test_who_tries_names_shows_himself_by_those_that_he_misses(
    house: House, clock: ManualClock
) -> None:
    for n in range(40):
        assert await house.honey.receive([f"name{n}@honey.example"], _raw()) == 0
    assert await house.honey.receive([TO], _raw()) == 1
    clock.advance(3700)
    assert await house.honey.receive([TO], _raw()) == 1
    assert [one.strays for one in await house.facts()] == [40, 0]


async def test_made_up_names_beside_one_that_nobody_guesses_excuse_nothing(
    database: Database, keys: KeyRing
) -> None:
    """Whoever read it writes to some of them as well."""
    honey = HoneyMail(
        database, keys, [HoneyAddress("anna.becker482@honey.example", "one")], ["example.com"]
    )
    for n in range(40):
        assert await honey.receive([f"name{n}@honey.example"], _raw()) == 0
    assert await honey.receive(["anna.becker482@honey.example"], _raw()) == 1
    (fact,) = await House(database, keys).facts()
    assert fact.strays == 0


async def test_a_flood_to_one_address_is_a_fact_a_minute(house: House, clock: ManualClock) -> None:
    assert sum([await house.honey.receive([TO], _raw()) for _ in range(20)]) == 1
    clock.advance(61)
    assert await house.honey.receive([TO], b"\0\xff" * 4000) == 1

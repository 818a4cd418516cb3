"""Canaries on both engines: sent through one provider, known again once, forged by nobody."""

import asyncio
import time
from collections.abc import Callable
from email.message import EmailMessage

import msgspec
import pytest
from sqlalchemy import select, update
from supervised import NAME, keeper, until

from mailkeep.app.loops import Pulse
from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.base.tokens import link_secret
from mailkeep.events import log
from mailkeep.events import tables as event_tables
from mailkeep.events.subscribe import Subscriber
from mailkeep.events.types import Fact, decode
from mailkeep.mail import outbox, outcomes, services
from mailkeep.mail.events import AttemptFinished
from mailkeep.mail.intake import Intake
from mailkeep.mail.tables import message_bodies, messages
from mailkeep.mail.types import Content, Job, RouteSettings, StreamSettings
from mailkeep.providers.types import Outcome, OutcomeKind, ProviderConfig
from mailkeep.store.database import Database, Tx
from mailkeep.watch import reading
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.decoys import Decoys
from mailkeep.watch.events import CanaryArrived, CanaryRefused, CanarySent
from mailkeep.watch.mailbox_types import CanaryMailbox
from mailkeep.watch.tables import canaries as table
from mailkeep.watch.types import DECOY_MAILBOX, CanarySettings, HoneyAddress

STREAM = StreamSettings("alert", 2, (RouteSettings("one"), RouteSettings("two")))
SETTINGS = CanarySettings("post.example", "us@example.com", allow=("cdn.example",))
HONEY = (HoneyAddress("iris@example.org", "one"), HoneyAddress("vera@example.org", "two"))


def _provider(name: str, kind: str, **options: str) -> ProviderConfig:
    return ProviderConfig(
        name, kind, "http://127.0.0.1:9", Secret("key"), None, None, options, name
    )


PROVIDERS = {
    "one": _provider("one", "mandrill", return_path_domain="bounce.example.com"),
    "two": _provider("two", "postmark"),
}


class House:
    """Canaries, the outbox that carries them, and the facts that come of it."""

    def __init__(
        self, database: Database, keys: KeyRing, settings: CanarySettings = SETTINGS
    ) -> None:
        self.database = database
        honey = {one.address: one.provider for one in HONEY}
        self.canaries = Canaries(
            database,
            keys,
            Intake(database, keys, {"alert": STREAM}, honey=honey),
            settings,
            honey=HONEY,
            public_url="https://ours.example",
            providers=PROVIDERS,
        )

    async def claim(self) -> list[Job]:
        async with self.database.write() as tx:
            return await outbox.claim(self.database, tx, STREAM, {}, 50)

    async def accept(self, job: Job) -> None:
        async with self.database.write() as tx:
            await outcomes.finish(
                self.database,
                tx,
                [outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, True)],
            )

    async def note(self) -> None:
        """What the subscriber does once the log has its places."""
        await log.Relay(self.database, "test").place()
        reader = Subscriber("canaries", {AttemptFinished: [self.canaries.on_attempt]})
        while await reader.step(self.database):
            pass

    async def canary(self, provider: str = "one") -> Content:
        """Send one, have it taken; its content."""
        message = await self.canaries.send(provider)
        assert message is not None
        (job,) = [one for one in await self.claim() if one.message == message]
        assert job.provider == provider
        await self.accept(job)
        return msgspec.json.decode(job.body, type=Content)

    async def facts(self) -> list[Fact]:
        async with self.database.read() as tx:
            rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, CanarySent | CanaryArrived)]


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys)


def _raw(content: Content, *, html: str = "", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = content.sender
    message["To"] = content.to
    message["Subject"] = content.subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(content.text or "")
    message.add_alternative((content.html or "") + html, subtype="html")
    return message.as_bytes()


async def test_a_canary_is_sent_taken_and_comes_in_once(house: House, clock: ManualClock) -> None:
    content = await house.canary()
    await house.note()
    clock.advance(3)
    raw = _raw(content, Return_Path="<b@bounce.example.com>", DKIM_Signature="d=mandrillapp.com")
    arrived = await asyncio.gather(*(house.canaries.receive([content.to], raw) for _ in range(3)))
    await house.note()
    assert sum(arrived) == 1
    sent, came = await house.facts()
    assert isinstance(sent, CanarySent)
    assert isinstance(came, CanaryArrived)
    assert (sent.provider, sent.message) == (came.provider, came.message) == ("one", sent.message)
    assert (came.seconds, came.strangers) == (3.0, ())


async def test_one_that_arrives_before_we_know_that_it_was_taken_is_no_loss(house: House) -> None:
    """An arrival that stood before its sending in the log would look overdue for ever."""
    content = await house.canary()
    assert await house.canaries.receive([content.to.upper()], _raw(content)) == 1
    await house.note()
    assert [type(one) for one in await house.facts()] == [CanarySent, CanaryArrived]


async def test_a_stranger_is_named_and_what_this_provider_adds_is_not(house: House) -> None:
    for provider, strangers in (("one", ("click.pstmrk.it",)), ("two", ("mandrillapp.com",))):
        content = await house.canary(provider)
        html = (
            '<img src="https://cdn.example/x"><a href="https://click.pstmrk.it/x">x</a>'
            '<a href="https://mandrillapp.com/x">x</a>'
        )
        raw = _raw(content, html=html, Reply_To="support@arxxwalls.example")
        assert await house.canaries.receive([content.to], raw) == 1
        came = (await house.facts())[-1]
        assert isinstance(came, CanaryArrived)
        assert came.strangers == tuple(sorted(("arxxwalls.example", *strangers)))
        assert came.planted == ("arxxwalls.example",)


async def test_a_new_return_path_is_a_stranger_and_no_sender(house: House) -> None:
    content = await house.canary()
    raw = _raw(content, Return_Path="<x@new.example>", Sender="us@new.example")
    await house.canaries.receive([content.to], raw)
    came = (await house.facts())[-1]
    assert isinstance(came, CanaryArrived)
    assert (came.strangers, came.planted) == (("new.example",), ())


async def test_one_that_was_sent_by_other_settings_accuses_nobody_of_its_sender(
    house: House, keys: KeyRing, clock: ManualClock
) -> None:
    """A sender that was changed since: canaries on their way had the one from before."""
    content = await house.canary()
    clock.advance(3)
    changed = msgspec.structs.replace(SETTINGS, sender="us@new.example")
    later = House(house.database, keys, changed)
    await later.canaries.receive([content.to], _raw(content))
    came = (await house.facts())[-1]
    assert isinstance(came, CanaryArrived)
    assert (came.strangers, came.planted) == (("example.com",), ())


async def test_an_unaltered_copy_sent_ahead_hides_no_altered_one(house: House) -> None:
    content = await house.canary()
    assert await house.canaries.receive([content.to], _raw(content)) == 1
    altered = _raw(content, Reply_To="support@arxxwalls.example")
    for raw in (_raw(content), altered, altered, _raw(content)):
        assert await house.canaries.receive([content.to], raw) == 0
    await house.note()
    _, first, second = await house.facts()
    assert isinstance(first, CanaryArrived)
    assert isinstance(second, CanaryArrived)
    assert (first.message, first.strangers) == (second.message, ())
    assert second.strangers == ("arxxwalls.example",)


async def test_what_an_outsider_forges_does_not_count(house: House) -> None:
    content = await house.canary()
    other = await house.canary()
    without = msgspec.structs.replace(content, text="Hello", html="<p>Hello</p>")
    mixed = msgspec.structs.replace(content, text=other.text, html=other.html)
    for recipients, raw in (
        ([content.to], _raw(without)),  # the address alone
        ([content.to], _raw(mixed)),  # the secret of another one
        (["someone@post.example"], _raw(content)),  # the secret at another address
        ([HONEY[0].address], _raw(content)),
        ([], b""),
    ):
        assert await house.canaries.receive(recipients, raw) == 0
    assert await house.canaries.receive([content.to], _raw(content)) == 1


async def test_mails_are_read_one_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of mails to a canary's address keeps one thread busy, not all."""
    content = await house.canary()
    real, busy, most = reading.read, 0, 0

    def read(raw: bytes, known: Callable[[tuple[str, ...]], bool]) -> reading.Reading:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        time.sleep(0.01)
        busy -= 1
        return real(raw, known)

    monkeypatch.setattr(reading, "read", read)
    stranger = _raw(msgspec.structs.replace(content, text="Hello", html="<p>Hello</p>"))
    mails = [stranger] * 8 + [_raw(content)]
    came = await asyncio.gather(*(house.canaries.receive([content.to], one) for one in mails))
    assert sum(came) == 1
    assert most == 1


async def test_a_mailbox_that_others_keep_has_its_own_name_and_hosts(
    database: Database, keys: KeyRing
) -> None:
    """It is sent to the mailbox, comes in where that forwards to, and is nobody else's arrival."""
    mailbox = CanaryMailbox(
        "ann.varga@gmail.com", "g@post.example", "gmail", allow=("forwarder.example",)
    )
    house = House(database, keys, msgspec.structs.replace(SETTINGS, mailbox=(mailbox,)))
    message = await house.canaries.send("one", mailbox)
    (job,) = [one for one in await house.claim() if one.message == message]
    await house.accept(job)
    await house.note()
    content = msgspec.json.decode(job.body, type=Content)
    assert content.to == "ann.varga@gmail.com"
    html = '<a href="https://forwarder.example">x</a><a href="https://evil.example">x</a>'
    raw = _raw(content, html=html)
    assert await house.canaries.receive(["g@post.example"], raw) == 1
    assert await house.canaries.receive(["g@post.example"], raw) == 0
    sent, came = await house.facts()
    assert isinstance(sent, CanarySent)
    assert isinstance(came, CanaryArrived)
    assert (sent.mailbox, came.mailbox) == ("gmail", "gmail")
    assert came.strangers == ("evil.example",)


async def test_a_canary_that_a_provider_would_not_have_is_on_the_record(house: House) -> None:
    message = await house.canaries.send("one")
    await house.canaries.seed()
    for job in await house.claim():
        async with house.database.write() as tx:
            refused = Outcome(OutcomeKind.SUPPRESSED_THERE, "")
            await outcomes.finish(house.database, tx, [outcomes.Finished(job, refused, 0.1, True)])
    await house.note()
    async with house.database.read() as tx:
        rows = await tx.all(select(event_tables.events))
    facts = [decode(row["kind"], row["data"]) for row in rows]
    refusals = [one for one in facts if isinstance(one, CanaryRefused)]
    assert refusals == [
        CanaryRefused(provider="one", message=str(message), outcome="suppressed_there")
    ]


async def test_a_cut_provider_gets_none_and_a_resting_one_does(house: House) -> None:
    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "one", by="op", reason="x", since=0)
        await services.rest_provider(house.database, tx, "two", by="op", reason="x", since=0)
    assert await house.canaries.send("one") is None
    assert await house.canaries.send("two") is not None
    assert [job.provider for job in await house.claim()] == ["two"]


async def test_all_processes_together_send_as_many_as_one_would(
    house: House, clock: ManualClock
) -> None:
    async def sent(count: int) -> int:
        """What so many processes send at once."""
        each = [house.canaries.send("one", every=5.0) for _ in range(count)]
        return sum(one is not None for one in await asyncio.gather(*each))

    assert await sent(4) == 1
    clock.advance(3.7)
    assert await sent(4) == 0
    clock.advance(0.1)
    assert await sent(4) == 1
    assert await house.canaries.send("two", every=5.0) is not None  # another one's


async def test_two_processes_do_not_both_write_to_a_honey_address(house: House) -> None:
    written = await asyncio.gather(*(house.canaries.seed() for _ in range(4)))
    assert sum(written) == 2
    assert len(await house.claim()) == 2


async def test_a_canary_does_not_name_itself_and_the_table_does_not_name_its_address(
    house: House,
) -> None:
    """Its words can be known all the same, where the house has none of its own: the doctor says
    so."""
    content = await house.canary()
    seen = str(msgspec.to_builtins(content)).lower()
    assert not [word for word in ("canary", "mailkeep", "test") if word in seen]
    async with house.database.read() as tx:
        (row,) = await tx.all(select(table))
    kept = " ".join(str(value) for value in row.values())
    assert content.to not in kept
    assert content.to.partition("@")[0] not in kept


async def test_a_honey_address_hears_through_its_provider_once_and_now_and_then(
    house: House, clock: ManualClock
) -> None:
    assert await house.canaries.seed() == 2
    assert await house.canaries.seed() == 0
    jobs = await house.claim()
    to = {msgspec.json.decode(one.body, type=Content).to: one.provider for one in jobs}
    assert to == {"iris@example.org": "one", "vera@example.org": "two"}
    for job in jobs:
        await house.accept(job)
    await house.note()
    assert await house.facts() == []  # nobody waits for one, so none can be overdue
    clock.advance(22 * DAY / 1_000_000)
    assert await house.canaries.seed() == 2


async def test_what_can_arrive_no_more_is_forgotten_and_a_seed_is_not(
    house: House, clock: ManualClock
) -> None:
    content = await house.canary()
    await house.canaries.seed()
    for job in await house.claim():
        await house.accept(job)
    clock.advance(DAY / 1_000_000 + 1)
    await house.canaries.sweep()
    async with house.database.read() as tx:
        assert [row["honey"] for row in await tx.all(select(table.c.honey))] == [True, True]
        assert await tx.all(select(messages.c.id)) == []
        assert await tx.all(select(message_bodies.c.message_id)) == []
    assert await house.canaries.receive([content.to], _raw(content)) == 0
    assert await house.canaries.seed() == 0


async def test_one_that_nobody_took_in_time_is_not_sent_late(
    house: House, clock: ManualClock
) -> None:
    await house.canaries.send("one")
    async with house.database.write() as tx:
        await tx.run(update(messages).values(next_at=tx.now))
    clock.advance(61)
    assert await house.claim() == []


async def test_a_decoy_goes_in_the_recovery_stream_and_comes_in_as_one(
    database: Database, keys: KeyRing
) -> None:
    written: list[Content] = []

    async def write(_tx: Tx, _provider: str, to: str) -> tuple[Content, str]:
        secret = link_secret()
        link = f"https://ours.example/recover/proof#{secret}"
        text, html = f"Open this link: {link}\n", f'<a href="{link}">x</a>'
        written.append(Content("reset@accounts.example", to, "Reset your password", text, html))
        return written[-1], secret

    recovery = StreamSettings("recovery", 0, STREAM.routes, secret=True, expires=3600)
    canaries = Canaries(
        database,
        keys,
        Intake(database, keys, {"alert": STREAM, "recovery": recovery}),
        SETTINGS,
        public_url="https://ours.example",
        providers=PROVIDERS,
        decoys=Decoys("recovery", ("one", "two"), ("accounts.example",), write),
    )
    house = House(database, keys)
    house.canaries = canaries
    message = await canaries.plant("two")
    async with database.write() as tx:
        (job,) = await outbox.claim(database, tx, recovery, {}, 50)
        assert (job.message, job.provider) == (message, "two")
    await house.accept(job)
    (content,) = written
    assert (content.text or "").encode() not in job.body  # sealed, as what it looks like is
    assert await canaries.receive([content.to], _raw(content)) == 1
    came = (await house.facts())[-1]
    assert isinstance(came, CanaryArrived)
    assert (came.provider, came.mailbox, came.strangers) == ("two", DECOY_MAILBOX, ())
    # Recovery mail is never tracked: a provider's redirection leads wherever who is there likes.
    html = '<a href="https://click.pstmrk.it/3s/x">x</a>'
    tracked = _raw(content, html=html, Return_Path="<pm_bounces@pm.mtasv.net>")
    assert await canaries.receive([content.to], tracked) == 0
    came = (await house.facts())[-1]
    assert isinstance(came, CanaryArrived)
    assert came.strangers == came.planted == ("click.pstmrk.it",)
    async with database.write() as tx:
        await services.cut_off(database, tx, "two", by="op", reason="x", since=0)
    assert await canaries.plant("two") is None


async def test_no_decoy_is_sent_where_the_settings_want_none(house: House) -> None:
    assert await house.canaries.plant("one") is None


async def test_a_canary_that_cannot_be_sent_is_counted_and_ends_no_other(
    database: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = msgspec.structs.replace(SETTINGS, interval=0.05)
    canaries, pulse = House(database, keys, settings).canaries, Pulse()
    sent: list[str] = []

    async def send(provider: str, _mailbox: object, *, every: float) -> str:
        assert every == 0.05
        if provider == "one":
            raise KeyError
        sent.append(provider)
        return "msg_1"

    monkeypatch.setattr(canaries, "send", send)
    started = asyncio.get_running_loop().time()
    await until([canaries.run(keeper(pulse))], lambda: len(sent) > 4 and bool(pulse.failures))
    assert asyncio.get_running_loop().time() - started >= 4 * 0.04, "at their own pace"
    assert (set(pulse.failures), pulse.well.keys()) == ({(NAME, "fault")}, {NAME})
    async with database.read() as tx:
        seeds = await tx.all(select(table).where(table.c.honey))
    assert len(seeds) == len(HONEY), "the honey is seeded beside them"

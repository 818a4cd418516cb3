"""Canaries that a provider signs for us: what a signature covers, and what anybody may add."""

import asyncio
import time
from collections.abc import Mapping

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim_signing import RSA, record, sign
from test_canaries import PROVIDERS, House

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, RouteSettings, StreamSettings
from mailkeep.store.database import Database
from mailkeep.watch import dkim
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.mailbox_types import CanaryMailbox, ImapSettings
from mailkeep.watch.signatures import AGAIN, Signatures
from mailkeep.watch.types import CanarySettings

STREAM = StreamSettings("alert", 2, (RouteSettings("one"), RouteSettings("two")))
FORWARDED = CanaryMailbox("ann@elsewhere.example", "ann@post.example", "elsewhere")
READ = CanaryMailbox("ann@read.example", name="read", imap=ImapSettings("h", "env:X"))
SETTINGS = CanarySettings("post.example", "us@example.com", mailbox=(FORWARDED, READ))
OURS = "r._domainkey.example.com"
KEY = dkim.fingerprint("example.com", record())
OTHER = rsa.generate_private_key(65537, 2048)
SIGNED = ("from", "to", "subject", "reply-to", "content-type")
EVIL = ("arxxwalls.example",)
EVIL_REPLY = b"Reply-To: x@arxxwalls.example\r\n"


class Signed(House):
    """Canaries of which the signatures are verified, and a DNS of our own."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        super().__init__(database, keys)
        self.dns: dict[str, tuple[str, ...]] = {OURS: (record(),)}
        self.asked = 0
        self.hangs = False
        ours = {one: frozenset({"example.com"}) for one in PROVIDERS}
        self.canaries = Canaries(
            database,
            keys,
            Intake(database, keys, {"alert": STREAM}),
            SETTINGS,
            public_url="https://ours.example",
            providers=PROVIDERS,
            signatures=Signatures(self._ask, ours),
        )

    async def _ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(60)
        return {one: self.dns[one] for one in names if one in self.dns}

    async def comes(self, raw: bytes, to: str) -> CanaryArrived:
        await self.canaries.receive([to], raw)
        came = (await self.facts())[-1]
        assert isinstance(came, CanaryArrived)
        return came


@pytest.fixture
def house(database: Database, keys: KeyRing) -> Signed:
    return Signed(database, keys)


def _mail(content: Content, *more: bytes, sender: str = "us@example.com") -> bytes:
    head = f"From: {sender}\r\nTo: {content.to}\r\nSubject: x\r\n".encode() + b"".join(more)
    kind = b"Content-Type: text/plain; charset=utf-8\r\n"
    return head + kind + b"\r\n" + (content.text or "").replace("\n", "\r\n").encode()


async def test_a_canary_is_signed_by_the_key_of_our_domain(house: Signed) -> None:
    content = await house.canary()
    came = await house.comes(sign(_mail(content), "example.com", fields=SIGNED), content.to)
    assert (came.strangers, came.signed) == ((), (KEY,))


async def test_one_that_nobody_signed_is_none_and_asks_dns_nothing(house: Signed) -> None:
    content = await house.canary()
    came = await house.comes(_mail(content), content.to)
    assert came.signed == ()
    assert house.asked == 0


async def test_what_the_provider_writes_before_it_signs_is_signed(house: Signed) -> None:
    content = await house.canary()
    raw = sign(_mail(content, EVIL_REPLY), "example.com", fields=SIGNED)
    came = await house.comes(raw, content.to)
    assert (came.planted, came.signed) == (EVIL, (KEY,))


@pytest.mark.parametrize(
    ("fields", "altered"),
    [
        (SIGNED, (b"Subject: x\r\n", b"Subject: x\r\n" + EVIL_REPLY)),
        (("from", "to", "content-type"), (b"Subject: x\r\n", b"Subject: x\r\n" + EVIL_REPLY)),
        (SIGNED, (b"us@example.com", b"us@arxxwalls.example")),
        (SIGNED, (b"Subject: x\r\n", b"Subject: x\r\nMail-Reply-To: x@arxxwalls.example\r\n")),
    ],
)
async def test_what_was_altered_on_the_way_is_not(
    house: Signed, fields: tuple[str, ...], altered: tuple[bytes, bytes]
) -> None:
    """Nor what was added where the signature does not reach, though it still holds."""
    content = await house.canary()
    raw = sign(_mail(content), "example.com", fields=fields).replace(*altered)
    came = await house.comes(raw, content.to)
    assert (came.planted, came.signed) == (EVIL, ())


async def test_a_second_reply_to_beside_the_signed_one_is_not(house: Signed) -> None:
    content = await house.canary()
    reply = b"Reply-To: us@example.com\r\n"
    raw = EVIL_REPLY + sign(_mail(content, reply), "example.com", fields=SIGNED)
    came = await house.comes(raw, content.to)
    assert (came.planted, came.signed) == (EVIL, ())


async def test_a_host_that_is_signed_in_the_text_vouches_for_no_reply_to(house: Signed) -> None:
    """Whoever is in the way could else name what the provider's redirections do."""
    content = await house.canary()
    text = f"{content.text}\nhttps://{EVIL[0]}/\n"
    raw = sign(_mail(Content("", content.to, "", text)), "example.com", fields=SIGNED)
    came = await house.comes(EVIL_REPLY + raw, content.to)
    assert (came.planted, came.signed) == (EVIL, ())


async def test_how_the_text_is_read_must_be_signed_too(house: Signed) -> None:
    content = await house.canary()
    raw = sign(_mail(content), "example.com", fields=("from", "to", "subject"))
    assert (await house.comes(raw, content.to)).signed == ()


async def test_a_part_of_the_text_or_another_key_is_nothing(house: Signed) -> None:
    for raw_of in (
        lambda mail: sign(mail, "example.com", fields=SIGNED, more=" l=3;"),
        lambda mail: sign(mail, "example.com", fields=SIGNED, key=OTHER),
        # The domain of a provider signs for every customer that it has.
        lambda mail: sign(mail, "mandrillapp.com", fields=SIGNED),
    ):
        content = await house.canary()
        house.dns["r._domainkey.mandrillapp.com"] = (record(),)
        assert (await house.comes(raw_of(_mail(content)), content.to)).signed == ()


async def test_a_key_that_somebody_puts_into_dns_is_another_one(house: Signed) -> None:
    house.dns[OURS] = (record(key=OTHER),)
    content = await house.canary()
    raw = sign(_mail(content, EVIL_REPLY), "example.com", fields=SIGNED, key=OTHER)
    came = await house.comes(raw, content.to)
    assert len(came.signed) == 1
    assert came.signed != (KEY,)


async def test_a_dns_that_hangs_makes_no_canary_late(house: Signed, clock: ManualClock) -> None:
    house.hangs = True
    for _ in range(3):
        content = await house.canary()
        clock.advance(2)
        began = time.monotonic()
        raw = sign(_mail(content), "example.com", fields=SIGNED)
        came = await house.comes(raw, content.to)
        assert (came.seconds, came.signed) == (pytest.approx(2.0), ())
        assert time.monotonic() - began < 5
    assert house.asked == 1
    house.hangs = False
    clock.advance(AGAIN / 1_000_000)
    content = await house.canary()
    raw = sign(_mail(content), "example.com", fields=SIGNED)
    assert (await house.comes(raw, content.to)).signed == (KEY,)


async def test_keys_are_asked_for_seldom(house: Signed) -> None:
    for _ in range(5):
        content = await house.canary()
        raw = sign(_mail(content), "example.com", fields=SIGNED)
        assert (await house.comes(raw, content.to)).signed == (KEY,)
    assert house.asked == 1


async def test_what_others_forward_to_our_listener_plants_nothing(house: Signed) -> None:
    """Whoever is in the way of it could have altered that too."""
    message = await house.canaries.send("one", FORWARDED)
    (job,) = [one for one in await house.claim() if one.message == message]
    await house.accept(job)
    content = msgspec.json.decode(job.body, type=Content)
    raw = sign(_mail(content, EVIL_REPLY), "example.com", fields=SIGNED, key=RSA)
    came = await house.comes(raw, "ann@post.example")
    assert (came.mailbox, came.strangers) == ("elsewhere", EVIL)
    assert (came.planted, came.signed) == ((), ())


async def test_a_canary_that_is_read_elsewhere_vouches_for_the_key_and_a_forwarded_one_does_not(
    house: Signed,
) -> None:
    """Who answers for our DNS has what we are forwarded, and not what is read where it came in."""
    signed = []
    for mailbox in (READ, FORWARDED):
        message = await house.canaries.send("one", mailbox)
        (job,) = [one for one in await house.claim() if one.message == message]
        await house.accept(job)
        content = msgspec.json.decode(job.body, type=Content)
        raw = sign(_mail(content), "example.com", fields=SIGNED, key=RSA)
        if mailbox is READ:
            await house.canaries.read_at(mailbox, raw, None)
        else:
            await house.canaries.receive([mailbox.arrives_as], raw)
        came = (await house.facts())[-1]
        assert isinstance(came, CanaryArrived)
        signed.append((came.mailbox, came.signed))
    assert signed == [("read", (KEY,)), ("elsewhere", ())]

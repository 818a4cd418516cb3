"""Bounces of relays: which message they are believed of, and what they can do to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from mailkeep.base.keys import KeyRing
from mailkeep.mail import building, lives, outbox, outcomes, returns, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.returns import Returns
from mailkeep.mail.types import Job, NewMessage
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.message import Address, Shown
from mailkeep.providers.types import (
    Claim,
    ClaimKind,
    Outcome,
    OutcomeKind,
    ProviderConfig,
    SmtpRequest,
)
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]

REPORT = b"""MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1

--b--
"""


def _relay(name: str, domain: str = "B.example.com", kind: str = "smtp") -> ProviderConfig:
    options = {"return_path_domain": domain, "starttls": "off"}
    return msgspec.structs.replace(provider(name, 9, kind), options=options)


RELAYS = {name: _relay(name) for name in ("one", "two")}  # one domain, a key for each


class Room:
    """A message that a relay took, and the door for what comes back."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database, self._keys = database, keys
        self.claims = Claims(database, SharedCommit(database), RELAYS)
        self.returns = Returns(database, keys, self.claims, RELAYS)

    async def sent(self, accept: Accept, message: NewMessage | None = None) -> tuple[Job, str]:
        """(what a relay took, the return path that it was given)."""
        await accept(message or new())
        async with self._database.write() as tx:
            [job] = await outbox.claim(self._database, tx, STREAMS["bulk"], {}, 5)
        config = RELAYS[job.provider]
        request, _, _ = await building.request(
            self._keys, registry.get(config.kind), config, job, STREAMS["bulk"]
        )
        assert isinstance(request, SmtpRequest)
        async with self._database.write() as tx:
            done = outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, False)
            await outcomes.finish(self._database, tx, [done])
        return job, request.mail_from

    async def told(self, message: str) -> tuple[str, list[str]]:
        """(status, what was said of it)."""
        async with self._database.read() as tx:
            events = await lives.events(tx, message)
            return (await lives.one(tx, message)).status, [one.event for one in events]


@pytest.fixture
def room(database: Database, keys: KeyRing) -> Room:
    return Room(database, keys)


async def test_a_bounce_is_believed_once(room: Room, accept: Accept) -> None:
    job, path = await room.sent(accept)
    assert path.endswith("@b.example.com")
    assert room.returns.ours(path.upper())
    assert await room.returns.receive([path.upper(), path], REPORT) == 1
    assert await room.told(job.message) == ("bounced", ["bounced"])
    assert await room.returns.receive([path], REPORT) == 0
    assert await room.told(job.message) == ("bounced", ["bounced"])
    assert room.claims.duplicates[job.provider] == 1


EVE = (Address("eve@example.net"),)


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ({"bcc": EVE}, "accepted"),
        ({"shown": Shown((Address("ada@example.net"),), EVE)}, "bounced"),
        ({"shown": Shown((), EVE), "bcc": (Address("mallory@example.net"),)}, "accepted"),
    ],
)
async def test_who_was_handed_the_same_mail_is_not_believed_about_another_one(
    room: Room, accept: Accept, beside: dict[str, Any], status: str
) -> None:
    """The path stands in all of them; whom a submitted mail only shows has one of their own."""
    message = new()
    content = msgspec.structs.replace(message.content, **beside)
    job, path = await room.sent(accept, msgspec.structs.replace(message, content=content))
    assert await room.returns.receive([path], REPORT) == 1
    assert await room.told(job.message) == (status, ["bounced"])


async def test_what_may_pass_moves_nothing(room: Room, accept: Accept) -> None:
    job, path = await room.sent(accept)
    assert await room.returns.receive([path], REPORT.replace(b"failed", b"delayed")) == 1
    assert await room.returns.receive([path], REPORT.replace(b"5.1.1", b"5.2.2")) == 1
    status, events = await room.told(job.message)
    assert (status, sorted(events)) == ("accepted", ["deferred", "soft_bounced"])


async def test_what_arrived_stays_so(room: Room, accept: Accept) -> None:
    job, path = await room.sent(accept)
    claim = Claim(job.provider, "c", ClaimKind.DELIVERED, None, job.message, None, None, "", "none")
    await room.claims.take(job.provider, [claim])
    assert await room.returns.receive([path], REPORT) == 1
    assert (await room.told(job.message))[0] == "delivered"


async def test_an_address_that_was_not_made_here_is_dropped_and_counted(
    room: Room, accept: Accept, database: Database
) -> None:
    job, path = await room.sent(accept)
    other, _ = await room.sent(accept)
    local, _, domain = path.partition("@")
    changed = local[:-1] + ("0" if local[-1] != "0" else "1")
    stolen = f"b-{other.message.removeprefix('msg_')}-{local[-20:]}"
    for forged in (changed, stolen, "postmaster", ""):
        assert await room.returns.receive([f"{forged}@{domain}"], REPORT) == 0
    assert await room.told(job.message) == ("accepted", [])
    assert await room.told(other.message) == ("accepted", [])
    assert room.claims.refused["one", returns.FORGED] == 4
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.claims)) == 0


async def test_a_relay_that_never_had_the_message_says_nothing_of_it(
    room: Room, accept: Accept, keys: KeyRing
) -> None:
    job, _ = await room.sent(accept)
    (other,) = set(RELAYS) - {job.provider}
    path = returns.return_path(keys, RELAYS[other], job.message, shared=False)
    assert path is not None
    await room.returns.receive([path], REPORT)
    assert await room.told(job.message) == ("accepted", [])


async def test_no_mail_that_comes_back_fills_the_database(
    room: Room, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "MOST", 2)
    job, path = await room.sent(accept)
    assert await room.returns.receive([path], b"Subject: I am away\n\nUntil May.\n") == 0
    assert room.claims.refused[job.provider, returns.UNREADABLE] == 1
    for number in range(4):
        delayed = REPORT.replace(b"failed", b"delayed") + b"%d" % number
        assert await room.returns.receive([path], delayed) == (number < 2)
    assert room.claims.refused[job.provider, returns.TOO_MANY] == 2


def test_only_a_relay_with_the_option_has_return_paths(keys: KeyRing) -> None:
    message = "msg_" + "0" * 26
    for config in (provider("one", 9, "smtp"), _relay("one", ""), _relay("one", kind="mandrill")):
        assert returns.return_path(keys, config, message, shared=False) is None
    with pytest.raises(MisconfiguredProvider) as caught:
        returns.return_path(keys, _relay("one", "not a domain"), message, shared=False)
    assert caught.value.field == "options.return_path_domain"

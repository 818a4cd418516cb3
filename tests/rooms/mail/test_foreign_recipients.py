"""Mail to strangers under an id of ours: a claim about somebody whom the message never had."""

import msgspec
import pytest

from mailkeep.mail import tables
from mailkeep.mail.types import Job
from mailkeep.providers.message import Address
from mailkeep.providers.types import Claim, ClaimKind, OutcomeKind, WebhookAuth, WebhookRequest
from mailkeep.store.database import Database

from .conftest import new
from .test_claims import Accept, Room, room

__all__ = ["room"]

CC = ("Bob.Smith+news@Example.net", "eve@bücher.example", "c.arl@gmail.com")


async def _sent(room: Room, accept: Accept, *cc: str, theirs: str | None = "their_1") -> Job:
    """A message to Ada, with copies, that a provider has."""
    one = new()
    content = msgspec.structs.replace(one.content, cc=tuple(Address(name) for name in cc))
    await accept(msgspec.structs.replace(one, content=content))
    job = await room.claim()
    kind = OutcomeKind.AMBIGUOUS if theirs is None else OutcomeKind.ACCEPTED
    await room.finish(job, kind, theirs)
    return job


async def _said(
    room: Room,
    database: Database,
    job: Job,
    recipient: str | None,
    name: str,
    kind: ClaimKind = ClaimKind.DELIVERED,
    authenticated: WebhookAuth = "signature",
) -> None:
    claim = Claim(
        job.provider, f"c {name}", kind, name, job.message, recipient, None, "", authenticated
    )
    room._said = [claim]
    request = WebhookRequest("", {}, b"", database.clock.now())
    await room._claims.receive(job.provider, request)


async def test_mail_to_a_stranger_under_an_id_of_several_is_foreign(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await _sent(room, accept, "bob@example.net")
    for number in range(3):
        await _said(room, database, job, f"victim{number}@example.org", f"phish_{number}")
    assert await room.foreign() == [(job.provider, "not_given")] * 3
    assert (await room.state())[0] == "accepted"


async def test_mail_to_a_stranger_under_an_id_whose_answer_was_lost_is_foreign(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await _sent(room, accept, theirs=None)
    await _said(room, database, job, "victim@example.org", "phish")
    assert await room.foreign() == [(job.provider, "not_given")]
    await _said(room, database, job, "ADA@example.net", "their_1")
    assert len(await room.foreign()) == 1
    assert (await room.state())[0] == "delivered"


@pytest.mark.parametrize(
    "recipient",
    [
        None,
        "ada@example.net",
        "BOB.SMITH+NEWS@EXAMPLE.NET",
        "Bob Smith <bob.smith+news@example.net>",
        '"bob.smith+news"@example.net.',
        "bob.smith@example.net",
        "eve@xn--bcher-kva.example",
        "eve@BÜCHER.example",
        "carl@googlemail.com",
        "rfc822;carl@gmail.com",
        # What hides whom it is about is no word about a stranger.
        "b***@example.org",
        "[redacted]",
        "redacted@example.org",
        "example.org",
        "gateway@[192.0.2.1]",
    ],
)
async def test_however_a_provider_writes_a_recipient_of_ours_it_is_no_stranger(
    room: Room, accept: Accept, database: Database, recipient: str | None
) -> None:
    job = await _sent(room, accept, *CC)
    await _said(room, database, job, recipient, "their_2")
    assert await room.foreign() == []


@pytest.mark.parametrize(
    "kind",
    [
        *(ClaimKind.BOUNCED, ClaimKind.SOFT_BOUNCED, ClaimKind.COMPLAINED),
        *(ClaimKind.OPENED, ClaimKind.UNSUBSCRIBED),
    ],
)
async def test_a_bounce_may_name_the_one_to_whom_the_mail_was_passed_on(
    room: Room, accept: Accept, database: Database, kind: ClaimKind
) -> None:
    """RFC 3464 section 2.3.2: Final-Recipient, after an alias; a feedback loop names its own."""
    job = await _sent(room, accept, "bob@example.net")
    await _said(room, database, job, "bob.at.home@example.org", "their_2", kind)
    assert await room.foreign() == []


async def test_a_report_by_mail_of_who_passed_it_on_is_no_word_of_the_provider(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await _sent(room, accept, "bob@example.net")
    await _said(room, database, job, "bob@example.org", "x", ClaimKind.DEFERRED, "none")
    await _said(room, database, job, "bob@example.org", "y", ClaimKind.DELIVERED, "none")
    assert await room.foreign() == []
    assert await room.reports() == 2


async def test_mail_that_the_provider_names_as_ours_may_be_to_whomever_it_says(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await _sent(room, accept, "bob@example.net")
    await _said(room, database, job, "bob@elsewhere.example", "their_1")
    assert await room.foreign() == []


async def test_where_somebody_was_erased_nobody_can_tell_whom_it_had(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await _sent(room, accept, "bob@example.net")
    async with database.write() as tx:
        a = tables.addresses
        await tx.run(a.delete().where(a.c.address == "bob@example.net"))
    await _said(room, database, job, "bob@example.net", "their_2")
    assert await room.foreign() == []

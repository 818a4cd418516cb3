"""A provider that answers 200 and drops the mail is noticed in seconds, and left."""

import asyncio
import time

import pytest
from sqlalchemy import select

from mailkeep.base.clock import SECOND, SystemClock
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import services
from mailkeep.mail.events import DeliveryReported
from mailkeep.store.database import Database
from mailkeep.watch import queries
from mailkeep.watch.types import Hypothesis, WatchSettings, provider_subject

from .conftest import Up

LEARNING = 60  #: seconds of ordinary mail, one a second: enough reports for a rate to be believed
NOTICED = 15  #: seconds within which it shall be noticed
SLACK = 15  #: what a busy machine may add


class Sender:
    """One alert a second, to nobody twice."""

    def __init__(self, up: Up) -> None:
        self.sent: list[str] = []
        self._up = up
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            answer = await self._up.send(to=f"user{len(self.sent)}@example.net")
            self.sent.append(answer["id"])
            await asyncio.sleep(1)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _last_report(database: Database, provider: str) -> int:
    async with database.read() as tx:
        rows = await tx.all(
            select(events.c.kind, events.c.data, events.c.at)
            .where(events.c.kind == DeliveryReported.kind)
            .order_by(events.c.id.desc())
            .limit(500)
        )
    for row in rows:
        fact = decode(row["kind"], row["data"])
        assert isinstance(fact, DeliveryReported)
        if fact.provider == provider and fact.event == "delivered":
            return int(row["at"])
    raise AssertionError("nothing was delivered")


async def _silent(database: Database, provider: str) -> bool:
    async with database.read() as tx:
        found = await queries.opinions(tx, WatchSettings())
    return any(
        one.open
        and one.hypothesis is Hypothesis.PROVIDER_SILENT
        and one.subject == provider_subject(provider)
        for one in found
    )


async def _until_silent(database: Database, *, silent: bool, within: float) -> None:
    async with asyncio.timeout(within):
        while True:
            await asyncio.sleep(0.2)
            if await _silent(database, "mandrill") is silent:
                return


@pytest.mark.timeout(240)
async def test_a_silent_provider_is_noticed_left_and_taken_back(up: Up) -> None:
    database = Database(f"sqlite:///{up.home / 'mailkeep.db'}", SystemClock())
    sender = Sender(up)
    await asyncio.sleep(LEARNING)
    assert not await _silent(database, "mandrill")
    await up.fault("mandrill", suspend={"kind": "silent"})
    await _until_silent(database, silent=True, within=60)
    last = await _last_report(database, "mandrill")
    seconds = time.time() - last / SECOND
    print(f"silence noticed {seconds:.1f} s after the last delivery")
    assert seconds <= NOTICED + SLACK
    assert not await _silent(database, "postmark")

    # What the response room does: leave it, and send again what nobody saw arrive.
    async with database.write() as tx:
        again = await services.rest_provider(
            database, tx, "mandrill", by="test", reason="silent", since=last - 5 * SECOND
        )
    assert again >= 3
    rested = len(sender.sent)
    await asyncio.sleep(6)
    await sender.stop()
    for message in sender.sent:
        life = await up.until(message, "delivered")
        if message in sender.sent[rested + 1 :]:
            assert [one["provider"] for one in life["attempts"]] == ["postmark"]

    # Canaries still go, so that its return is seen.
    await up.fault("mandrill", suspend=False)
    await _until_silent(database, silent=False, within=60)
    async with up.session.get(f"{up.url}/mailbox") as page:
        assert "post.example.org" not in await page.text()
    await database.close()

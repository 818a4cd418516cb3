"""A suspended provider is noticed, with its reason, while the mail goes on."""

import asyncio
from pathlib import Path

import warm
from sqlalchemy import select

from mailkeep.base.clock import SystemClock
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Database
from mailkeep.watch.events import CanaryArrived

from .conftest import Up


async def _watch(home: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        *("watch", "--home", str(home)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_a_suspension_is_noticed_and_explained(up: Up) -> None:
    assert "Nothing speaks" in await _watch(up.home)
    await up.fault("mandrill", suspend=True)
    for number in range(12):
        sent = await up.send(to=f"user{number}@example.net")
        await up.until(sent["id"], "delivered")
    printed = ""
    async with asyncio.timeout(30):
        while "provider_refusal" not in printed:
            await asyncio.sleep(0.3)
            printed = await _watch(up.home)
    assert "of mandrill" in printed
    assert "of postmark" not in printed


async def _canaries(home: Path) -> dict[str, list[CanaryArrived]]:
    """Canaries that have arrived, by provider, in their order."""
    database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
    async with database.read() as tx:
        rows = await tx.all(
            select(events.c.kind, events.c.data)
            .where(events.c.kind == CanaryArrived.kind)
            .order_by(events.c.id)
        )
    await database.close()
    found: dict[str, list[CanaryArrived]] = {"mandrill": [], "postmark": []}
    for row in rows:
        fact = decode(row["kind"], row["data"])
        assert isinstance(fact, CanaryArrived)
        found[fact.provider].append(fact)
    return found


async def test_a_stranger_in_our_mail_is_noticed_and_what_providers_add_is_not(up: Up) -> None:
    """As the customers saw it on 7 August 2022: a reply address that was never ours."""
    await up.fault("postmark", rewrite_links={"force": True})
    async with asyncio.timeout(30):
        came = await _canaries(up.home)
        while not all(came.values()):
            await asyncio.sleep(0.2)
            came = await _canaries(up.home)
    await up.fault("mandrill", foreign_sender={"kinds": ["reply_to", "link"]})
    printed = ""
    async with asyncio.timeout(30):
        while "stranger_in_mail" not in printed:
            await asyncio.sleep(0.3)
            printed = await _watch(up.home)
    assert "arxxwalls.com" in printed
    found = await _canaries(up.home)
    assert {one.strangers for one in found["postmark"]} == {()}
    assert {one.strangers for one in found["mandrill"]} == {(), ("arxxwalls.com",)}
    assert found["mandrill"][0].strangers == ()
    async with up.session.get(f"{up.url}/mailbox") as page:
        assert "post.example.org" not in await page.text()

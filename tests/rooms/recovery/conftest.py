"""A recovery room over three providers, and an owner whose mails can be read."""

import re
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select, update

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.keys import KeyRing
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, RouteSettings, StreamSettings
from mailkeep.recovery.context import Context
from mailkeep.recovery.services import Recovery
from mailkeep.recovery.types import RecoverySettings
from mailkeep.store.database import Database
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph

ADDRESS = "ada@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
NEW = "a-lantern-for-the-quiet-moor"

ROUTES = (RouteSettings("a"), RouteSettings("b"), RouteSettings("c", weight=0))
STREAMS = {
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, expires=3600),
    "security": StreamSettings("security", 1, ROUTES),
}
#: Most of what is tested has nothing to do with waiting; ``test_holds`` has.
WITHOUT_HOLDS = RecoverySettings(hold=0.0)
PARTIES = {"a": "house_a", "b": "house_b", "c": "house_c"}


class Room:
    """The recovery room, with hands to read the mail that it would send."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        accounts: Accounts,
        settings: RecoverySettings = WITHOUT_HOLDS,
    ) -> None:
        self.database, self.keys, self.accounts = database, keys, accounts
        self.settings = settings
        self.ailing: set[str] = set()
        self.graph([{"id": one} for one in PARTIES.values()])

    def graph(self, parties: list[dict[str, object]]) -> None:
        """Set the register of parties."""
        slow = SlowHash(self.keys, memory_kib=64, passes=1)
        self.context = Context(
            self.database,
            self.keys,
            self.accounts,
            slow,
            Intake(self.database, self.keys, STREAMS),
            STREAMS,
            PARTIES,
            TrustGraph(register.load(parties)),
            "https://example.com",
            self.settings,
            lambda: frozenset(self.ailing),
        )
        self.recovery = Recovery(self.context)

    async def ask(self, browser: str = "thief", address: str = ADDRESS) -> None:
        self.database.clock.advance(0.01)
        await self.recovery.ask(address, browser=browser, network="network_1")
        await self.recovery.planner.step()

    async def mails(self, stream: str = "recovery") -> list[dict[str, object]]:
        """Every mail that waits in a stream, opened, oldest first: what the owner would read."""
        m, b = mail_tables.messages, mail_tables.message_bodies
        async with self.database.read() as tx:
            rows = await tx.all(
                select(m.c.id, m.c.only, b.c.hour, b.c.data)
                .join(b, b.c.message_id == m.c.id)
                .where(m.c.stream == stream, m.c.status == "queued")
                .order_by(m.c.id)
            )
        return [self._open(row) for row in rows]

    def _open(self, row: dict[str, object]) -> dict[str, object]:
        data = row["data"]
        if row["hour"] is not None:
            data = self.keys.unseal_hour(row["hour"], f"body {row['id']}", data)
        content = msgspec.json.decode(data, type=Content)
        found = {"id": row["id"], "provider": row["only"], "to": content.to, "text": content.text}
        found["subject"] = content.subject
        for name, pattern in (
            ("link", r"/recover/proof#(\w+)"),
            ("code", r"^Code: (\S+)"),
            ("denial", r"/(?:deny|change)#(\w+)"),
        ):
            match = re.search(pattern, content.text, re.MULTILINE)
            found[name] = match[1] if match else None
        return found

    async def denials(self) -> list[str]:
        """The denial secrets of every notice, also of those that have left, oldest first."""
        m, b = mail_tables.messages, mail_tables.message_bodies
        async with self.database.read() as tx:
            rows = await tx.all(
                select(m.c.id, m.c.only, b.c.hour, b.c.data)
                .join(b, b.c.message_id == m.c.id)
                .where(m.c.stream == "security")
                .order_by(m.c.id)
            )
        return [str(self._open(row)["denial"]) for row in rows]

    async def proofs(self, skip: int = 0) -> tuple[dict[str, object], dict[str, object]]:
        """(the link mail, the code mail), the newest of each."""
        mails = (await self.mails())[skip:]
        return (
            [one for one in mails if one["link"]][-1],
            [one for one in mails if one["code"]][-1],
        )

    async def attempt(self, mail: dict[str, object], provider: str, outcome: str | None) -> None:
        """Write an attempt as the dispatcher would."""
        async with self.database.write() as tx:
            await tx.run(
                mail_tables.attempts.insert().values(
                    id=f"att_{mail['id']}{provider}"[:40],
                    message_id=mail["id"],
                    provider=provider,
                    started_at=tx.now,
                    outcome=outcome,
                )
            )
            if outcome == "accepted":
                await tx.run(
                    update(mail_tables.messages)
                    .where(mail_tables.messages.c.id == mail["id"])
                    .values(status="accepted")
                )

    async def facts(self, prefix: str = "recovery.") -> list[tuple[str, dict[str, object]]]:
        """What is on the log, in order."""
        from mailkeep.events.tables import events

        async with self.database.read() as tx:
            rows = await tx.all(select(events).order_by(events.c.id))
        return [
            (row["kind"].removeprefix(prefix), msgspec.json.decode(row["data"]))
            for row in rows
            if row["kind"].startswith(prefix)
        ]


@pytest.fixture
def room(database: Database, keys: KeyRing) -> Room:
    accounts = Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1))
    return Room(database, keys, accounts)


@pytest.fixture
def owner(room: Room) -> Callable[[], Awaitable[str]]:
    """Signs up and confirms; returns the account."""

    async def run() -> str:
        made = await room.accounts.sign_up(ADDRESS, PASSWORD, "network_a")
        assert made.code is not None
        return await room.accounts.confirm(made.confirmation, made.code.reveal(), "n")

    return run

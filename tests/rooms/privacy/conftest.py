"""A house in which one person has an account, mail and a recovery, and another one has the same."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import insert

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import HOUR, MINUTE
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.mail import outbox, outcomes
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage, RouteSettings, StreamSettings
from mailkeep.privacy import people
from mailkeep.privacy.services import Privacy
from mailkeep.privacy.types import PrivacySettings
from mailkeep.providers.message import Address
from mailkeep.providers.types import Outcome, OutcomeKind
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database, Tx

ADDRESS = "ada@example.net"
OTHER = "grace@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
STREAM = StreamSettings("alert", 3, (RouteSettings("one"),), keep=0.0)
SETTINGS = PrivacySettings(wait=12.0, erasures=3, exports=3)


class House:
    """The rooms that an erasure goes through."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database, self.keys = database, keys
        self.accounts = Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1))
        self.intake = Intake(database, keys, {"alert": STREAM})
        self.privacy = Privacy(database, keys, SETTINGS, lead=3600.0)

    def key(self, address: str) -> str:
        return self.keys.pseudonym("address", address)

    async def person(self, address: str) -> str:
        """Somebody with an account, who was mailed and recovered; returns the account."""
        made = await self.accounts.sign_up(address, PASSWORD, "network_a")
        assert made.code is not None
        account = await self.accounts.confirm(made.confirmation, made.code.reveal(), "n")
        await self.accounts.sign_in(address, PASSWORD, browser="b", network="n")
        await self.mail(address)
        await self.send()
        await self.recover(account, address)
        return account

    async def mail(self, to: str, *, cc: str = "", key: str | None = None) -> str:
        content = Content("us@example.com", to, "Hello", "plain words", tags=("of-" + to[:3],))
        if cc:
            content = Content("us@example.com", to, "Hello", "plain words", cc=(Address(cc, ""),))
        async with self.database.write() as tx:
            new = NewMessage("alert", content)
            return await self.intake.accept(tx, self.intake.check(new))

    async def send(self) -> None:
        async with self.database.write() as tx:
            for job in await outbox.claim(self.database, tx, STREAM, {}, 50):
                done = outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, False)
                await outcomes.finish(self.database, tx, [done])

    async def recover(self, account: str, address: str) -> None:
        async with self.database.write() as tx:
            recovery = new_id("rec", tx.now)
            await tx.run(
                insert(recovery_tables.recoveries).values(
                    id=recovery,
                    state="completed",
                    address_key=self.key(address),
                    account_id=account,
                    asked_by="browser_1",
                    network="network_1",
                    known_browser=True,
                    asked_at=tx.now,
                    expires_at=tx.now + HOUR,
                    factor_tries=0,
                    ended_at=tx.now,
                )
            )
            await tx.run(
                insert(recovery_tables.proofs).values(
                    id=new_id("prf", tx.now),
                    recovery_id=recovery,
                    kind="link",
                    lookup=recovery,
                    message_id=new_id("msg", tx.now),
                    provider="one",
                    minted_at=tx.now,
                    expires_at=tx.now + MINUTE,
                )
            )


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys)


@pytest.fixture
def erase(house: House) -> Callable[[str], Awaitable[str]]:
    """Asks for an erasure, and waits until its time has come and it is done; returns its id."""

    async def run(who: str) -> str:
        async def ask(tx: Tx) -> str:
            person = await people.find(tx, house.keys, who)
            return (await house.privacy.erasing.ask(tx, person, by="key_1")).id

        found = await house.database.retrying(ask)
        house.database.clock.advance(SETTINGS.wait * 3600 + 1)
        while await house.privacy.erasing.step():
            pass
        return found

    return run

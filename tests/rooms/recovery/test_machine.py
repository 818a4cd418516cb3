"""Recovery under everything at once: a machine that asks, sends, fails, reads, shows, denies, cuts,
restarts and lets time pass, in any order.

Held to whatever happens: nothing redeems twice; no proof is skipped; no denied recovery completes;
no two proofs count that one party could have read; a stranger with both waits; and the owner is in
again within the time that is stated. ``RECOVERY_EXAMPLES`` makes it as long as you like.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select, update

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import Origin
from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.errors import MailkeepError
from mailkeep.base.keys import KeyRing
from mailkeep.events.types import Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.events import AttemptFinished
from mailkeep.recovery import tables
from mailkeep.recovery.types import RecoverySettings
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

from .conftest import ADDRESS, PASSWORD, Room

EXAMPLES = int(os.environ.get("RECOVERY_EXAMPLES", "8"))
STEPS = 30
PROVIDERS = ("a", "b", "c")
LIMITS = RecoverySettings()
#: The longest that anybody can bring upon an owner: the notices, then the longest hold.
STATED = LIMITS.hold_most + LIMITS.hold_long

WHO = {
    "owner": Origin("laptop", "home", "agent_firefox"),
    "phone": Origin("phone", "home", "agent_safari"),  # the owner's, which the account knows not
    "mallory": Origin("mallory", "far", "agent_chrome"),  # reads the owner's mailbox
    "reader": Origin("reader", "away", "agent_chrome"),  # reads at provider a
}
who = st.sampled_from(sorted(WHO))
at = st.integers(0, 40)


class Letter(msgspec.Struct):
    """A mail of ours, as whoever reads it sees it."""

    id: str
    stream: str
    only: str
    link: str | None
    code: str | None
    denial: str | None
    tried: dict[str, str] = {}  # what became of it at each provider

    @property
    def arrived(self) -> bool:
        return "accepted" in self.tried.values()


def _template() -> Path:
    """A home with an owner who was signed in to from a laptop; copied for each example."""
    home = Path(tempfile.mkdtemp(prefix="recovery-machine-"))

    async def make() -> None:
        clock = ManualClock()
        database = Database(f"sqlite:///{home / 'test.db'}", clock)
        await upgrade(database)
        slow = SlowHash(KeyRing(home), memory_kib=64, passes=1)
        room = Accounts(database, KeyRing(home), slow)
        made = await room.sign_up(ADDRESS, PASSWORD, "home")
        assert made.code is not None
        await room.confirm(made.confirmation, made.code.reveal(), "home")
        for _ in range(3):
            clock.advance(3600)
            await room.sign_in(
                ADDRESS, PASSWORD, browser="laptop", network="home", agent="agent_firefox"
            )
        slow.close()
        await database.close()

    asyncio.run(make())
    return home


class Machine(RuleBasedStateMachine):
    """One account, its owner, and two thieves."""

    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        if Machine.template is None:
            Machine.template = _template()
        self.home = Path(tempfile.mkdtemp(prefix="recovery-machine-"))
        shutil.copytree(Machine.template, self.home, dirs_exist_ok=True)
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.clock.advance(4 * 3600)
        self.letters: dict[str, Letter] = {}
        self.done = 0  # completed, by what the calls said
        self.words = 0  # passwords tried
        self._open()

    def run(self, work: Awaitable[Any]) -> Any:
        async def call() -> Any:
            return await work

        return self.runner.run(call())

    def _open(self) -> None:
        self.database = Database(f"sqlite:///{self.home / 'test.db'}", self.clock)
        keys = KeyRing(self.home)
        self.slow = SlowHash(keys, memory_kib=64, passes=1)
        self.room = Room(self.database, keys, Accounts(self.database, keys, self.slow), LIMITS)

    def _close(self) -> None:
        self.slow.close()
        self.room.context.slow.close()
        self.run(self.database.close())

    def teardown(self) -> None:
        """Whatever was done to them, the owner is in again within what is stated."""
        try:
            self._comes_back()
        finally:
            self._close()
            self.runner.close()
            shutil.rmtree(self.home)

    # --- what happens ---------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.ask("owner")
        self.plan()

    @rule(actor=who)
    def ask(self, actor: str) -> None:
        origin = WHO[actor]
        self.clock.advance(0.01)
        self.run(self.room.recovery.ask(ADDRESS, browser=origin.browser, network=origin.network))

    @rule()
    def plan(self) -> None:
        self.run(self.room.recovery.planner.step())
        self.collect()

    @rule(n=at, outcome=st.sampled_from(["accepted"] * 6 + ["suspended", "ambiguous"]))
    def send(self, n: int, outcome: str) -> None:
        """A provider takes one of the mails that wait, or does not, or nobody knows."""
        waiting = [one for one in self.letters.values() if not one.arrived]
        if waiting:
            one = waiting[n % len(waiting)]
            provider = one.only or PROVIDERS[n % 2]
            if provider not in one.tried:
                self.attempt(one, provider, outcome)

    @rule()
    def send_all(self) -> None:
        for one in list(self.letters.values()):
            provider = one.only or "a"
            if not one.arrived and provider not in one.tried:
                self.attempt(one, provider, "accepted")

    @rule(n=at, provider=st.sampled_from(PROVIDERS))
    def stray(self, n: int, provider: str) -> None:
        """A mail was given to a provider that it was not meant for, and nobody heard back."""
        if self.letters and n % 4 == 0:
            one = list(self.letters.values())[n % len(self.letters)]
            if provider not in one.tried:
                self.attempt(one, provider, "ambiguous")

    @rule(actor=who, n=at)
    def show(self, actor: str, n: int) -> None:
        """One of the newest proofs that they know, in their browser."""
        known = [one for one in self.knows(actor) if one.link or one.code]
        if known:
            self.give(actor, known[-1 - n % min(len(known), 4)])

    @rule(actor=who)
    def show_newest(self, actor: str) -> None:
        known = self.knows(actor)
        for found in (
            [one for one in known if one.link][-1:],
            [one for one in known if one.code][-1:],
        ):
            for one in found:
                self.give(actor, one)

    @rule(actor=who)
    def finish(self, actor: str) -> None:
        self.judge([actor], self.run(self.together(self.finishing(actor))))

    @rule(one=who, other=who)
    def race(self, one: str, other: str) -> None:
        results = self.run(self.together(self.finishing(one), self.finishing(other)))
        self.judge([one, other], results)

    @rule(actor=who, other=who, n=at)
    def race_a_denial(self, actor: str, other: str, n: int) -> None:
        denial = self.denial(other, n)
        if denial is not None:
            work = self.room.recovery.denying.deny(denial, WHO[other].browser)
            self.judge([actor], self.run(self.together(self.finishing(actor), work))[:1])

    @rule(actor=who, n=at)
    def deny(self, actor: str, n: int) -> None:
        denial = self.denial(actor, n)
        if denial is not None:
            self.run(self.room.recovery.denying.deny(denial, WHO[actor].browser))

    @rule(provider=st.sampled_from(PROVIDERS), back=st.booleans())
    def cut(self, provider: str, back: bool) -> None:
        async def work() -> None:
            async with self.database.write() as tx:
                if back:
                    await mail_services.restore(self.database, tx, provider, by="t", reason="r")
                    return
                await mail_services.cut_off(
                    self.database, tx, provider, by="t", reason="r", since=tx.now
                )
                await self.room.recovery.void_through(tx, {provider}, "provider_cut")

        self.run(work())

    @rule(held=st.sets(st.sampled_from(["", *PROVIDERS]), max_size=2))
    def suspect(self, held: set[str]) -> None:
        self.run(self.suspected({(one, "provider_compromised") for one in held}))

    @rule(seconds=st.sampled_from([1, 30, 300, 700, 1900, 3600, 7200, 90_000, 900_000]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        self.run(self.swept())
        self.collect()

    @precondition(lambda self: self.letters)
    @rule()
    def restart(self) -> None:
        self._close()
        self._open()

    # --- hands ----------------------------------------------------------------------------

    def knows(self, actor: str) -> list[Letter]:
        """The mails that they have read, oldest first."""
        if actor == "reader":
            return [one for one in self.letters.values() if "a" in one.tried]
        return [one for one in self.letters.values() if one.arrived]

    def denial(self, actor: str, n: int) -> str | None:
        known = [one.denial for one in self.knows(actor) if one.denial]
        return known[-1 - n % min(len(known), 6)] if known else None

    def give(self, actor: str, one: Letter) -> None:
        origin, proving = WHO[actor], self.room.recovery.proving

        async def work() -> None:
            try:
                if one.link:
                    await proving.link(origin.browser, origin.network, one.link)
                else:
                    await proving.code(origin.browser, origin.network, str(one.code))
            except MailkeepError:
                pass
            await self.room.recovery.finishing.advance(origin)

        self.run(work())
        self.collect()

    async def finishing(self, actor: str) -> bool:
        self.words += 1
        try:
            await self.room.recovery.finishing.finish(
                f"a lantern for the quiet moor {self.words}", None, origin=WHO[actor]
            )
        except MailkeepError:
            return False
        return True

    async def together(self, *work: Awaitable[Any]) -> list[Any]:
        return list(await asyncio.gather(*work))

    async def suspected(self, held: set[tuple[str, str]]) -> None:
        async with self.database.write() as tx:
            await self.room.recovery.suspect(tx, held)

    async def swept(self) -> None:
        async with self.database.write() as tx:
            await self.room.recovery.sweep(tx)

    def attempt(self, one: Letter, provider: str, outcome: str) -> None:
        one.tried[provider] = outcome
        number = len([1 for other in self.letters.values() for _ in other.tried])

        async def work() -> None:
            a, m = mail_tables.attempts, mail_tables.messages
            async with self.database.write() as tx:
                await tx.run(
                    a.insert().values(
                        id=f"att_{number}_{provider}_{one.id}"[:40],
                        message_id=one.id,
                        provider=provider,
                        started_at=tx.now,
                        outcome=outcome,
                    )
                )
                if outcome == "accepted":
                    await tx.run(update(m).where(m.c.id == one.id).values(status="accepted"))
                fact = AttemptFinished(
                    message=one.id,
                    attempt="a",
                    provider=provider,
                    stream=one.stream,
                    address="ad",
                    outcome=outcome,
                    detail="",
                    seconds=0.1,
                )
                recorded = Recorded(1, tx.now, tx.now, "evt", fact)
                await self.room.recovery.on_attempt(tx, recorded)

        self.run(work())

    def collect(self) -> None:
        """Take up the mails that were written meanwhile; those that were cancelled never leave."""

        async def work() -> list[dict[str, object]]:
            return [
                {**one, "stream": stream}
                for stream in ("recovery", "security")
                for one in await self.room.mails(stream)
            ]

        queued = self.run(work())
        for one in queued:
            code = None if one["link"] else one["code"]
            if one["id"] not in self.letters:
                self.letters[one["id"]] = Letter(
                    *(one["id"], one["stream"], one["provider"]),
                    *(one["link"], code, one["denial"]),
                )
        there = {one["id"] for one in queued}
        for name, one in list(self.letters.items()):
            if name not in there and not one.tried:
                del self.letters[name]

    # --- what must hold -------------------------------------------------------------------

    def judge(self, actors: list[str], results: list[bool]) -> None:
        """Each success, against the rows and what this machine knows of the mails."""
        self.done += sum(results)
        facts = self.run(self.room.facts())
        completed = [fact for kind, fact in facts if kind == "completed"]
        assert len(completed) == self.done, "a success was not written, or written twice"
        assert len({fact["recovery"] for fact in completed}) == self.done, "redeemed twice"
        for name, success in zip(actors, results, strict=True):
            if success:
                ours = [one for one in completed if one["browser"] == WHO[name].browser]
                self.run(self.completed(name, ours[-1], facts))
        self.collect()

    async def completed(
        self, actor: str, fact: dict[str, Any], facts: list[tuple[str, dict[str, Any]]]
    ) -> None:
        assert actor != "reader", "who reads at one provider took the account"
        p, x = tables.proofs, tables.redemptions
        recovery, browser = fact["recovery"], fact["browser"]
        async with self.database.read() as tx:
            rows = await tx.all(
                select(p)
                .join(x, x.c.proof_id == p.c.id)
                .where(p.c.recovery_id == recovery, x.c.browser == browser)
                .where(p.c.voided_at.is_(None))
            )
        assert sorted(row["kind"] for row in rows) == ["code", "link"], "a proof was skipped"
        one, other = [self.letters[row["message_id"]] for row in rows]
        assert {one.id, other.id} <= {known.id for known in self.knows(actor)}
        assert not set(one.tried) & set(other.tried), "one party could have read both"
        stopped = [
            told["recovery"]
            for kind, told in facts
            if kind == "denied" and told["acted"] and not told["after_completion"]
        ]
        assert recovery not in stopped, "a denied recovery completed"
        if actor == "mallory" and not fact["held"]:
            assert self.knew_mallory, "a stranger did not wait"
        if fact["held"]:
            await self.waited(recovery, browser)
        async with self.database.read() as tx:
            self.knew_mallory = await accounts.knows_browser(tx, fact["account"], "mallory")

    knew_mallory = False

    async def waited(self, recovery: str, browser: str) -> None:
        h, n = tables.holds, tables.hold_notices
        async with self.database.read() as tx:
            hold = await tx.one(
                select(h).where(h.c.recovery_id == recovery, h.c.browser == browser)
            )
            notices = await tx.all(select(n).where(n.c.recovery_id == recovery))
        assert hold is not None
        assert self.clock.now() >= hold["clock_at"] + hold["length"], "it did not wait"
        took = {
            provider
            for row in notices
            for provider, outcome in self.letters[row["message_id"]].tried.items()
            if outcome == "accepted"
        }
        assert list(permutations(took, 2)), "the clock ran, and no two routes had taken notices"

    def _comes_back(self) -> None:
        """Every route stands again and nobody goes on attacking: ask, show, wait, finish."""
        for provider in PROVIDERS:
            self.cut(provider, back=True)
        self.run(self.suspected(set()))
        self.clock.advance(2 * 3600)  # nothing of before can be used any more
        self.run(self.swept())
        self.ask("owner")
        began = self.clock.now()
        while True:
            self.plan()
            self.send_all()
            self.show_newest("owner")
            self.send_all()
            progress = self.run(self.room.recovery.finishing.progress(WHO["owner"]))
            assert progress.both, f"the owner's proofs were not taken: {progress}"
            if progress.word == "both":
                break
            assert progress.hold is not None
            assert progress.hold.until is not None, "a clock did not start"
            self.clock.advance(max(0.0, (progress.hold.until - self.clock.now()) / SECOND))
            assert (self.clock.now() - began) / SECOND <= STATED, "longer than is stated"
        before = self.done
        self.finish("owner")
        assert self.done == before + 1, "the owner did not come back"

        async def enters() -> None:
            word = f"a lantern for the quiet moor {self.words}"
            await self.room.accounts.sign_in(ADDRESS, word, browser="laptop", network="home")

        self.run(enters())


Machine.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRecoveryUnderEverything = Machine.TestCase

"""Move mail from one provider to another under load: the new one bounces for a while, a worker dies
while both take mail, the old one is suspended at two fifths, the process begins anew. None lost,
none doubled beyond those in flight.

In a process of its own making: real rooms over a real database, providers that answer as this
script says, a clock moved by hand. Usage: ``python tests/proofs/cutover.py [MESSAGES]``. Prints the
report in Markdown; ends with 1 where something was lost, doubled, or moved wrongly.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import common
import msgspec

from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.cutover import queries
from mailkeep.cutover.gates import CutoverConfiguration as Rules
from mailkeep.cutover.services import Cutover
from mailkeep.cutover.types import Pace, State, View
from mailkeep.events import audit
from mailkeep.mail import outbox, outcomes
from mailkeep.mail import queries as mail
from mailkeep.mail.claims import Claims
from mailkeep.mail.health import Breaker, after
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, Job, NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind, ProviderConfig
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit

BY = "key_operator"
NAMES = "abc"  #: a is left for b; c is the other route of recovery
ROUTES = (RouteSettings("a"), RouteSettings("b", 0), RouteSettings("c", 0))
STREAMS = {
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, expires=3600),
    "alert": StreamSettings("alert", 3, ROUTES),
    "bulk": StreamSettings("bulk", 9, ROUTES, keep=0),
}
#: Of the mail of a round: one in so many.
RECOVERY, ALERT = 50, 4
PACE = Pace(dwell=60, patience=600, rest=300, least=20)
SMALL = Pace(shares=(0.5, 1.0), dwell=60, patience=600, rest=300, least=25)
ROUND = 200  #: messages that are claimed at once, at the least
ROUNDS, PASSES = 60, 2  #: in which all mail comes in, and how often a lane claims in each
FEW = 20_000  #: fewer messages are moved in larger steps: of one in a hundred nothing is known
GOAL = 60.0  #: seconds in which recovery mail is to be taken, whatever falls
STEP = 30  #: seconds by which the clock is moved a round
DIES = 6  #: answers of ordinary mail that the worker has in its hands when it dies
OLD = 60  #: one address in so many is dead


class House:
    """One house with three providers, mail that comes in, and a move.

    Attributes:
        answer: what a provider says to a mail; None: it takes it.
        bounces: whether a mail that was taken bounces.
        died: the worker is gone before it wrote down so many answers about ordinary mail, once,
            when the provider that is left and the new one have both taken some in its hands. (A
            secret whose answer was lost is minted anew by recovery, which is not part of this.)
        taken: by message, which providers took it.
        limit: messages that a lane claims at once.
        in_flight: the mails of these answers, and who had taken each.
        waited: by message of recovery, seconds until a provider had it.
        refused: messages of recovery that a provider refused before another one took them.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        clock: ManualClock,
        streams: dict[str, StreamSettings] | None = None,
    ) -> None:
        self.database, self.keys, self.clock = database, keys, clock
        self.streams = streams or STREAMS
        self.answer: Callable[[Job], OutcomeKind | None] = lambda _job: None
        self.bounces: Callable[[Job, str], bool] = lambda _job, to: dead(to)
        self.died, self.limit = 0, ROUND
        self.taken: dict[str, list[str]] = {}
        self.waited: dict[str, float] = {}
        self.refused: set[str] = set()
        self.in_flight: dict[str, str] = {}
        self.accepted = 0
        self._since: dict[str, int] = {}
        self.open()

    def open(self) -> None:
        """Begin as a process does: nothing is known but what the database holds."""
        providers = {name: _provider(name) for name in NAMES}
        self.intake = Intake(self.database, self.keys, self.streams, providers=providers)
        self.claims = Claims(self.database, SharedCommit(self.database), providers, ["alert"])
        self.breakers: dict[str, dict[str, Breaker]] = {name: {} for name in self.streams}
        self.cutover = Cutover(self.database, Rules(self.streams, frozenset(NAMES)))

    async def accept(self, stream: str, count: int = 1, domains: int = 40) -> list[str]:
        """Take mail in."""
        out = []
        async with self.database.write() as tx:
            for _ in range(count):
                self.accepted += 1
                to = f"user{self.accepted}@mail{self.accepted % domains}.example"
                content = Content("us@example.com", to, "Hello", "words")
                new = self.intake.check(NewMessage(stream, content))
                out.append(await self.intake.accept(tx, new))
                self._since[out[-1]] = tx.now
        return out

    async def carry(self) -> int:
        """One round of every lane: claimed, answered, written down, reported; how many."""
        done = 0
        for stream in sorted(self.streams.values(), key=lambda one: one.priority):
            breakers = self.breakers[stream.name]
            async with self.database.write() as tx:
                jobs = await outbox.claim(self.database, tx, stream, breakers, self.limit)
            done += len(jobs)
            if jobs:
                await self._answered(stream, [(job, self._send(job)) for job in jobs])
        return done

    async def _answered(self, stream: StreamSettings, sent: list[tuple[Job, Outcome]]) -> None:
        now, breakers = self.clock.now(), self.breakers[stream.name]
        for job, outcome in sent:
            before = breakers.get(job.provider, Breaker())
            breakers[job.provider] = after(before, outcome.kind, now, None, job.started_at)
        if self.died and not stream.secret and (lost := self._of_both(sent)):
            # It is gone with their answers: who had them may have them again.
            self.died = 0
            self.in_flight = {job.message: job.provider for job in lost}
            sent = [one for one in sent if one[0].message not in self.in_flight]
        async with self.database.write() as tx:
            found = [outcomes.Finished(job, out, 0.1, True, stream.keeps) for job, out in sent]
            await outcomes.finish(self.database, tx, found)
        took = [job for job, out in sent if out.kind is OutcomeKind.ACCEPTED]
        for name in NAMES:
            said = [self._claim(job) for job in took if job.provider == name]
            await self.claims.take(name, said)

    def _of_both(self, sent: list[tuple[Job, Outcome]]) -> list[Job]:
        """Mails that were taken, half of them by each of the two; none where one took none."""
        took = [job for job, out in sent if out.kind is OutcomeKind.ACCEPTED]
        each = [[job for job in took if job.provider == name][: self.died // 2] for name in "ab"]
        return each[0] + each[1] if all(each) else []

    def _send(self, job: Job) -> Outcome:
        said = self.answer(job)
        if said is not None:
            if job.stream == "recovery":
                self.refused.add(job.message)
            return Outcome(said, "as the script says")
        self.taken.setdefault(job.message, []).append(job.provider)
        if job.stream == "recovery":
            waited = (self.clock.now() - self._since.get(job.message, 0)) / SECOND
            self.waited.setdefault(job.message, waited)
        return Outcome(OutcomeKind.ACCEPTED, "")

    def _claim(self, job: Job) -> Claim:
        bad = self.bounces(job, "" if job.secret else _to(job))
        kind = ClaimKind.BOUNCED if bad else ClaimKind.DELIVERED
        return Claim(
            *(job.provider, f"{kind} {job.message}", kind, None, job.message, None),
            *(self.clock.now(), "", "signature"),
        )

    async def begin(self, pace: Pace = PACE) -> View:
        """Plan a move from a to b, and start it."""

        async def work(tx: object) -> View:
            plan = await self.cutover.plan(tx, "a", "b", [], pace, by=BY)
            return await self.cutover.start(tx, plan.id, by=BY)

        return await self.database.retrying(work)

    async def view(self) -> View:
        async with self.database.read() as tx:
            found = await queries.live(tx) or await queries.newest(tx)
        assert found is not None
        return found

    async def settle(self) -> None:
        """Until nothing waits any more."""
        while True:
            moved = await self.carry()
            async with self.database.read() as tx:
                states = await mail.counts(tx)
            if not states.get("queued") and not states.get("sending"):
                return
            if not moved:
                self.clock.advance(1)

    def twice(self) -> set[str]:
        """Messages that more than one attempt was taken for."""
        return {one for one, by in self.taken.items() if len(by) > 1}


@dataclass
class Found:
    """What came of it."""

    messages: int
    lost: int = 0
    twice: int = 0
    recognisable: int = 0
    in_flight: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    turned: int = 0
    by: Counter[str] = field(default_factory=Counter)
    backs: int = 0
    why: str = ""
    state: str = ""
    reopened: int = 0
    refused: int = 0
    chain: bool = False
    seconds: float = 0.0


async def run(house: House, messages: int) -> Found:
    """Mail comes in all the time. First b bounces what it is given and is left again, and a worker
    dies while both take mail; then b is well, and at two fifths of the mail a is suspended."""
    began = time.monotonic()
    found = Found(messages)
    await house.begin(PACE if messages >= FEW else SMALL)
    part = max(ALERT * 2, messages // ROUNDS)
    house.limit, house.died = max(ROUND, 2 * part), DIES
    suspended = bouncing = False

    def answer(job: Job) -> OutcomeKind | None:
        if suspended and job.provider == "a":
            found.refused += 1
            return OutcomeKind.SUSPENDED
        return None

    house.answer = answer
    house.bounces = lambda job, to: dead(to) or (bouncing and job.provider == "b")
    ids: list[str] = []
    number = 0
    while len(ids) < messages:
        number += 1
        left = messages - len(ids)
        bulk = min(left, part)
        small, few = bulk // ALERT, max(1, bulk // RECOVERY)
        for stream, count in (("recovery", few), ("alert", small), ("bulk", bulk - small - few)):
            if count > 0:
                ids += await house.accept(stream, min(count, messages - len(ids)))
        done = len(ids) / messages
        view = await house.view()
        # Bad until it was noticed, or for a fifth of the mail.
        bouncing = done < 0.2 and not any(one.backs for one in view.streams)
        if done >= 0.4 and not suspended:
            suspended = True
        for _ in range(PASSES):
            await house.carry()
        await house.cutover.step()
        if number % 3 == 0:
            house.open()  # the process begins anew
            found.reopened += 1
        house.clock.advance(STEP)
    for _ in range(40):
        await house.cutover.step()
        await house.carry()
        house.clock.advance(STEP)
    await house.settle()
    await house.cutover.step()
    view = await house.view()
    found.lost = len(set(ids) - house.taken.keys())
    found.twice = len(house.twice())
    found.recognisable = len(house.twice() & house.in_flight.keys())
    found.in_flight = Counter(house.in_flight.values())
    found.slowest = max(house.waited.values(), default=0.0)
    found.turned = len(house.refused & house.waited.keys())
    found.by = Counter(by for some in house.taken.values() for by in some)
    found.backs = sum(one.backs for one in view.streams)
    found.state, found.why = view.state.value, view.why
    async with house.database.read() as tx:
        found.chain = await audit.verify(tx) is None
    found.seconds = time.monotonic() - began
    return found


def wrong(found: Found) -> list[str]:
    """What must not be (pure)."""
    out = []
    if found.lost:
        out.append(f"{found.lost} of {found.messages} lost")
    if found.twice > found.recognisable:
        out.append(f"{found.twice - found.recognisable} doubled that were not in flight")
    if not (found.in_flight["a"] and found.in_flight["b"]):
        out.append(
            "no worker died with mail that both had taken: nothing is shown of one that does"
        )
    if found.slowest > GOAL:
        out.append(f"recovery mail waited for {found.slowest:.0f} s of the script's clock")
    if not found.turned:
        out.append("no recovery mail met the suspended account: nothing is shown of its way round")
    if not found.backs:
        out.append("the new provider bounced, and no step was taken back")
    if found.state != State.MOVED.value:
        out.append(f"the move is {found.state}: {found.why}")
    if not found.chain:
        out.append("the audit chain is broken")
    if not found.refused or not found.reopened or not found.by["b"]:
        out.append("nothing was suspended, begun anew, or moved: nothing is shown")
    return out


def dead(address: str) -> bool:
    """Whether mail to an address bounces, whoever carries it."""
    name = address.partition("@")[0].removeprefix("user")
    return name.isdigit() and int(name) % OLD == 7


def _to(job: Job) -> str:
    return msgspec.json.decode(job.body, type=Content).to


def _provider(name: str) -> ProviderConfig:
    return ProviderConfig(
        name=name,
        kind="mandrill",
        base_url="http://127.0.0.1:1",
        secret=Secret("a"),
        webhook_secret=Secret("b"),
        webhook_url=f"http://localhost/hooks/{name}",
        options={},
        party=f"house_{name}",
    )


async def prove(messages: int, home: Path) -> int:
    clock = ManualClock()
    database = Database(f"sqlite:///{home / 'proof.db'}", clock)
    await upgrade(database)
    found = await run(House(database, KeyRing(home), clock), messages)
    await database.close()
    bad, rounds = wrong(found), found.slowest / STEP
    print(f"""# Mail moves while the old provider is suspended

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores, SQLite.
{found.messages:,} messages of three streams come in while mail moves from provider a to b. At first
b bounces all that it is given. While both take mail, a worker dies with answers of both in its
hands that it had not written down. At two fifths a is suspended. The process begins anew
{found.reopened} times. One address in {OLD} is dead everywhere.

The clock is moved by hand, by {STEP} s after each round; within a round it stands. So a wait is
counted in whole rounds, and says how often a mail had to be tried, not how fast a machine is
([providers.md](providers.md) measures that).

| what | count |
|---|---:|
| messages lost | {found.lost:,} |
| in flight when the worker died, taken by a | {found.in_flight["a"]:,} |
| in flight when the worker died, taken by b | {found.in_flight["b"]:,} |
| messages that came twice | {found.twice:,} |
| of those, in flight when the worker died: one `Message-ID` | {found.recognisable:,} |
| steps taken back while b bounced | {found.backs:,} |
| mails through a | {found.by["a"]:,} |
| mails through b | {found.by["b"]:,} |
| mails through c, a standby | {found.by["c"]:,} |
| refusals of the suspended account | {found.refused:,} |
| recovery mails that the suspended account refused, and another provider took | {found.turned:,} |
| most rounds of {STEP} s that a recovery mail waited (goal {GOAL / STEP:.0f}) | {rounds:.0f} |

- The move is {found.state}: {found.why or "all has moved"}.
- The audit chain {"is whole" if found.chain else "IS BROKEN"}.
- All in all {found.seconds:.0f} s.""")
    for one in bad:
        print(f"must not be: {one}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(prove(int(sys.argv[1]) if sys.argv[1:] else 100_000, Path(place))))

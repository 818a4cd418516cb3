"""Tell ten thousand owners while one provider is cut off, another throttles and workers are killed:
each exactly once at every contact point, and every owner accounted for.

In a process of its own making: real rooms over a real database, providers that answer as this
script says, a clock moved by hand. Usage: ``python tests/proofs/owners.py [OWNERS]``. Prints the
report in Markdown; ends with 1 where something was doubled, lost, or told wrongly.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common
import msgspec
from sqlalchemy import insert

from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events import audit, log
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.mail import outbox, outcomes
from mailkeep.mail import queries as mail
from mailkeep.mail.claims import Claims
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, Job, RouteSettings, StreamSettings
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind, ProviderConfig
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import queries
from mailkeep.response.actions.port import Means, NoticeSettings
from mailkeep.response.services import Response
from mailkeep.response.types import ActionState, ResponseSettings
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, provider_subject

BY = "key_operator"
NAMES = "abcd"  #: a is suspect, d is its house's other provider, b throttles, c carries
ROUTES = tuple(map(RouteSettings, NAMES))
STREAM = StreamSettings("security", 1, ROUTES)
STREAMS = {
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, expires=3600),
    "security": STREAM,
}
DEAD = 50  #: one contact point in so many bounces
ROUND = 500  #: messages claimed at once
KILLED_AT = (7, 40, 101, 333, 900, 2500)  #: statements after which a worker dies


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Found:
    """What the providers took, by address, and what Mailkeep says came of it."""

    owners: int
    points: int
    taken: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    kills: int = 0
    says: dict[str, Any] = field(default_factory=dict)
    reached: int = 0  # owners of whom some contact point got its mail
    chain: bool = False
    seconds: float = 0.0


class Telling:
    """One house, its crowd of owners, and an incident about its first provider."""

    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock, owners: int) -> None:
        self.database, self._keys, self._clock, self._owners = database, keys, clock, owners
        parties = {name: f"house_{name}" for name in NAMES}
        one = {"owned_by": ["group"]}
        graph = TrustGraph(
            register.load(
                [{"id": "group"}]
                + [{"id": house} | (one if name in "ad" else {}) for name, house in parties.items()]
            )
        )
        intake = Intake(database, keys, STREAMS)
        self._incidents = Incidents(database, ProviderParties(parties, graph))
        means = Means(
            *(database, self._incidents.house, self._incidents, STREAMS, intake),
            Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1)),
            None,
            NoticeSettings("us@example.com", "Us", "security", "https://example.com"),
            ResponseSettings(two_people=()),
        )
        self._response = Response(means)
        providers = {name: _provider(name) for name in NAMES}
        self._claims = Claims(database, SharedCommit(database), providers)
        self._found = Found(owners, 0)
        self._of: dict[str, str] = {}
        self._throttling = True
        self._asked = 0  # of b

    async def run(self) -> Found:
        """All of it."""
        began = time.monotonic()
        await self._crowd()
        incident = await self._open()
        await self._notify(incident)
        await self._deliver()
        async with self.database.read() as tx:
            case = await queries.case(tx, self._response.means, incident)
            (told,) = [one for one in case.actions if one.name == "notify_owners"]
            self._found.says = {**(told.result or {}), "state": told.state}
            self._found.chain = await audit.verify(tx) is None
        self._found.seconds = time.monotonic() - began
        return self._found

    async def _crowd(self) -> None:
        """Owners, every third with two addresses, each with a recovery through the suspect."""
        now = self._clock.now()
        rows: dict[Any, list[dict[str, Any]]] = {
            account_tables.accounts: [],
            account_tables.contact_points: [],
            recovery_tables.recoveries: [],
            recovery_tables.proofs: [],
        }
        for number in range(self._owners):
            account = f"acc_{number:08}"
            rows[account_tables.accounts].append(
                {"id": account, "class": "customer", "created_at": now}
            )
            for at in range(2 if number % 3 == 0 else 1):
                address = f"owner{number}.{at}@example.net"
                self._of[address] = account
                rows[account_tables.contact_points].append(
                    {
                        "id": f"cp_{number:08}_{at}",
                        "account_id": account,
                        "address_key": self._keys.pseudonym("address", address),
                        "address": address,
                        "created_at": now,
                        "confirmed_at": now,
                    }
                )
            recovery = f"rec_{number:08}"
            rows[recovery_tables.recoveries].append(
                {
                    "id": recovery,
                    "state": "completed" if number % 10 == 0 else "void",
                    "address_key": f"key_{number}",
                    "account_id": account,
                    "asked_by": "browser_t",
                    "network": "network_t",
                    "known_browser": False,
                    "asked_at": now,
                    "expires_at": now,
                    "factor_tries": 0,
                    "stopped_at": now if number % 10 == 1 else None,
                    "ended_at": now,
                }
            )
            rows[recovery_tables.proofs].append(
                {
                    "id": f"prf_{number:08}",
                    "recovery_id": recovery,
                    "kind": "link",
                    "message_id": f"msg_{number:08}",
                    "provider": "a",
                    "minted_at": now,
                    "expires_at": now,
                }
            )
        self._found.points = len(self._of)
        async with self.database.write() as tx:
            for table, given in rows.items():
                for start in range(0, len(given), 500):
                    await tx.run(insert(table), given[start : start + 500])

    async def _open(self) -> str:
        """Our own honey is hit: somebody reads at a."""
        self._clock.advance(60)
        async with self.database.write() as tx:
            signal = Signal(
                *("honey_hit", Family.BAIT, provider_subject("a")),
                *({Hypothesis.PROVIDER_COMPROMISED: 9.0}, tx.now, "honey says so", ()),
                *(True, Forger.NOBODY, 1800.0, tx.now + 86_400_000_000),
            )
            await log.record(self.database, tx, SignalRaised(signal=signal))
        await log.Relay(self.database, "one").place()
        async with self.database.write() as tx:
            heard = Recorded("evt_x", 1, tx.now, tx.now, SignalRaised(signal=signal))
            await self._incidents.on_signal(tx, heard)
        async with self.database.read() as tx:
            (incident,) = await incidents.live(tx)
        return incident.id

    async def _notify(self, incident: str) -> None:
        """The worker dies now and then; half-way the suspect is cut off, and mail goes out all the
        time."""
        run, left = Tx.run, list(KILLED_AT)
        seen = 0

        async def mortal(tx: Tx, *args: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if left and seen >= left[0]:
                left.pop(0)
                raise Killed
            return await run(tx, *args, **options)

        Tx.run = mortal
        cut, steps = False, 0
        try:
            while True:
                try:
                    if await self._begun(incident):
                        if not await self._response.work():
                            if await self._state(incident) is ActionState.APPLIED:
                                return
                            self._clock.advance(1)
                    else:
                        await self._response.apply(incident, "notify_owners", by=BY)
                    steps += 1
                    if not cut and steps * 100 >= self._owners / 2:
                        await self._response.apply(incident, "cut_provider", by=BY)
                        cut = True
                    await self._carry()
                except Killed:
                    self._found.kills += 1
                    self._clock.advance(61)  # whoever died held the lease
        finally:
            Tx.run = run

    async def _begun(self, incident: str) -> bool:
        return await self._state(incident) is not None

    async def _state(self, incident: str) -> ActionState | None:
        async with self.database.read() as tx:
            found = await queries.action(tx, incident, "notify_owners")
        return None if found is None or found.state is ActionState.PROPOSED else found.state

    async def _deliver(self) -> None:
        """What is left goes out; b throttles for a while yet."""
        rounds = 0
        while True:
            moved = await self._carry()
            rounds += 1
            self._throttling = rounds < 20
            async with self.database.read() as tx:
                states = await mail.counts(tx)
            if not states.get("queued") and not states.get("sending"):
                return
            if not moved:
                self._clock.advance(30)

    async def _carry(self) -> int:
        """One round of the outbox: claimed, answered, written down, reported."""
        async with self.database.write() as tx:
            jobs = await outbox.claim(self.database, tx, STREAM, {}, ROUND)
        if not jobs:
            return 0
        answers = [(job, self._answer(job)) for job in jobs]
        async with self.database.write() as tx:
            done = [outcomes.Finished(job, answer, 0.1, reports=True) for job, answer in answers]
            await outcomes.finish(self.database, tx, done)
        taken = [job for job, answer in answers if answer.kind is OutcomeKind.ACCEPTED]
        for name in NAMES:
            said = [self._claim(job) for job in taken if job.provider == name]
            await self._claims.take(name, said)
        return len(jobs)

    def _answer(self, job: Job) -> Outcome:
        self._asked += job.provider == "b"
        if job.provider == "b" and self._throttling and self._asked % 10:
            self._found.throttled += 1
            return Outcome(OutcomeKind.THROTTLED, "429")
        self._found.taken[_to(job)] += 1
        self._found.by[job.provider] += 1
        return Outcome(OutcomeKind.ACCEPTED, "")

    def _claim(self, job: Job) -> Claim:
        kind = ClaimKind.BOUNCED if dead(_to(job)) else ClaimKind.DELIVERED
        return Claim(
            *(job.provider, f"{kind} {job.message}", kind, None, job.message, None),
            *(self._clock.now(), "", "signature"),
        )

    def reached(self) -> int:
        """Owners of whom some address that is not dead got its mail."""
        return len({self._of[one] for one in self._found.taken if not dead(one)})


def _to(job: Job) -> str:
    return msgspec.json.decode(job.body, type=Content).to


def dead(address: str) -> bool:
    """Whether mail to an address bounces."""
    return int(address.partition(".")[0].removeprefix("owner")) % DEAD == 7


def wrong(found: Found, reached: int) -> list[str]:
    """What must not be (pure)."""
    out = []
    twice = [one for one, count in found.taken.items() if count > 1]
    if twice:
        out.append(f"{len(twice)} addresses got more than one mail")
    if len(found.taken) != found.points:
        out.append(f"{found.points - len(found.taken)} addresses got none")
    if found.by["a"] or found.by["d"]:
        out.append("mail went through the suspect or its house")
    if (found.says["owners"], found.says["mails"]) != (found.owners, found.points):
        out.append(f"it counts {found.says['owners']} owners and {found.says['mails']} mails")
    if found.says["told"] != reached or found.says["not_told"] != found.owners - reached:
        told, missing = found.says["told"], found.says["not_told"]
        out.append(f"{told} told and {missing} not, where {reached} were reached")
    if not found.chain:
        out.append("the audit chain is broken")
    if not found.kills or not found.throttled:
        out.append("nobody was killed, or nothing was throttled: nothing is shown")
    return out


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


async def prove(owners: int, home: Path) -> int:
    clock = ManualClock()
    database = Database(f"sqlite:///{home / 'proof.db'}", clock)
    await upgrade(database)
    telling = Telling(database, KeyRing(home), clock, owners)
    found = await telling.run()
    await database.close()
    reached = telling.reached()
    bad = wrong(found, reached)
    once = sum(count == 1 for count in found.taken.values())
    print(f"""# Ten thousand owners are told

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores, SQLite.
`notify_owners` for {found.owners:,} owners with {found.points:,} confirmed addresses, whose resets
went through provider a. While it ran the workers were killed {found.kills} times in the middle of a
transaction, a was cut off (d, of the same house, is suspect with it), and b answered 429 to nine
requests of ten. Mail to one owner in {DEAD} bounces.

| what | count |
|---|---:|
| addresses that got exactly one mail | {once:,} |
| addresses that got none, or more than one | {found.points - once:,} |
| mails through b | {found.by["b"]:,} |
| mails through c | {found.by["c"]:,} |
| mails through the suspect or its house | {found.by["a"] + found.by["d"]:,} |
| answers of 429 | {found.throttled:,} |
| owners that it says were told | {found.says["told"]:,} |
| owners that it says were not | {found.says["not_told"]:,} |
| owners of whom an address got its mail | {reached:,} |

- The audit chain {"is whole" if found.chain else "IS BROKEN"}.
- All in all {found.seconds:.0f} s.""")
    for one in bad:
        print(f"must not be: {one}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(prove(int(sys.argv[1]) if sys.argv[1:] else 10_000, Path(place))))

"""The script of 8 August, played against one system: set-up, then the events. A subclass plays
another day."""

import asyncio
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import aiohttp

from .background import Background, honest_reset, watch_arrivals
from .browser import Browser
from .cast import Customer, Person, passwords
from .plan import Plan
from .record import Facts, HonestReset, Marks, Note, NoteKind, Step, Suspicion
from .systems.base import System
from .thief import Thief

TOGETHER = 8  # customers who sign up at once
_POLL = 0.5  # seconds between looks at the incidents
RESET_PATIENCE = 20.0
OPERATOR_SECONDS = 4.0  #: what a person takes to read a proposal and press the button
FOREIGN = "arxxwalls.com"


class Run:
    """One system's way through the drill.

    Args:
        fallen: letter of the provider that falls.
        thief: whether somebody reads there.
        attacked: how many accounts he goes for.
        kills: how often the system is killed and started again.
        asleep: nobody acts on what the system says before a customer has complained.
    """

    def __init__(
        self,
        system: System,
        persons: list[Person],
        plan: Plan,
        *,
        fallen: str,
        thief: bool,
        attacked: int,
        rate: float,
        kills: int,
        seed: int,
        asleep: bool = False,
    ) -> None:
        self.system = system
        self.plan = plan
        self.t0 = time.time()
        self.facts = Facts(
            key=system.key,
            title=system.title,
            kind=system.kind,
            fallen=fallen,
            thief=thief,
            customers=len(persons),
            with_totp=sum(person.totp for person in persons),
            rate=rate,
            kills=kills,
        )
        self.marks: Marks = self.facts.marks
        self.prepared = 0
        self.checked = 0
        self.phase = "starting"
        self._persons = persons
        self._chance = random.Random(seed)
        self.password = passwords(random.Random(seed + 1))
        self.customers: list[Customer] = []
        self.victims: list[Customer] = []
        self._honest: list[Customer] = []
        self._attacked = attacked
        self._asleep = asleep
        self._thief: Thief | None = None
        self._incident_seen: set[tuple[str, str]] = set()
        self._steps_seen: set[tuple[str, str, str]] = set()

    @property
    def thief(self) -> Thief | None:
        """The thief, once he is there."""
        return self._thief

    def clock(self) -> float:
        """Seconds since the drill began; below 0 before."""
        return time.time() - self.t0

    def note(self, kind: NoteKind, text: str) -> None:
        """Write down what happened."""
        self.facts.notes.append(Note(round(self.clock(), 2), kind, text))

    # Before.

    async def prepare(self) -> None:
        """Start the system and sign everybody up, through the pages."""
        self.phase = "starting"
        await self.system.start()
        self.facts.versions, self.facts.changed = self.system.versions, self.system.changed
        domain = f"{self.system.key}.customers.example"
        for person in self._persons:
            browser = Browser(self.system.url, person.source)
            address = f"{person.name}@{domain}"
            self.customers.append(Customer(person, address, self.password(), browser))
        self._cast_parts()
        self.phase = "signing up"
        places = asyncio.Semaphore(TOGETHER)

        async def one(customer: Customer) -> None:
            async with places:
                await self.system.sign_up(customer)
                self.prepared += 1

        for i, address in enumerate(self.system.bait()):
            person = Person(1000 + i, address.partition("@")[0], f"127.90.{i + 1}.7", totp=False)
            browser = Browser(self.system.url, person.source)
            await self.system.sign_up(Customer(person, address, self.password(), browser))
        async with asyncio.TaskGroup() as group:
            for customer in self.customers:
                group.create_task(one(customer))
        self.phase = "ready"

    def _cast_parts(self) -> None:
        """Who resets honestly, and whom the thief goes for: of each kind as many, by the seed."""
        kinds = [[c for c in self.customers if c.person.totp is totp] for totp in (False, True)]
        for group in kinds:
            self._chance.shuffle(group)
        honest = len(self.plan.honest)
        for i in range(honest):
            if kinds[i % 2]:
                self._honest.append(kinds[i % 2].pop())
        for i in range(self._attacked if self.facts.thief else 0):
            if kinds[i % 2]:
                self.victims.append(kinds[i % 2].pop())

    # The day itself.

    async def play(self, t0: float) -> None:
        """Play from `t0` on, in seconds since the epoch."""
        self.t0 = t0
        await asyncio.sleep(max(0.0, t0 - time.time()))
        plan = self.plan
        background = Background(self.system, self.facts, self.customers, self.clock)
        helpers = [
            asyncio.create_task(watch_arrivals(self.system.mailboxes, self.facts, t0)),
            asyncio.create_task(self._watch_incidents()),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(background.run(self.facts.rate, plan.end))
                for work in (self.fall(), self._rob(), self._kill(), self._leave()):
                    group.create_task(work)
                for i, customer in enumerate(self._honest):
                    group.create_task(self._reset(i, customer))
            self.phase = "waiting for late mail"
            await asyncio.sleep(plan.settle)
            self.marks.end = self.clock()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def at(self, instant: float) -> None:
        """Wait for an instant of the plan."""
        await asyncio.sleep(max(0.0, instant - self.clock()))

    async def fall(self) -> None:
        """What the provider does; a scenario of its own overrides this."""
        provider = self.system.providers[self.facts.fallen]
        name = f"provider {provider.letter}"
        self.enter("normal running")
        if self.facts.thief:
            await self.at(self.plan.foreign)
            await provider.fault(foreign_sender={"kinds": ["reply_to"]})
            self.marks.foreign = self.clock()
            self.enter("7 August: a foreign address in the mail")
            self.note("fault", f"mails through {name} now carry an address at {FOREIGN}")
            await self.at(self.plan.leak)
            await provider.fault(leak=True)
            self.marks.leak = self.clock()
            self.enter("7-8 August: somebody reads along")
        await self.at(self.plan.suspend)
        self.enter("8 August: mail stops, the API says yes")
        await self.stop_mail(suspend={"kind": "silent"})
        self.note("fault", f"{name} drops all mail and still answers that all is well")
        await self.at(self.plan.end)

    async def stop_mail(self, **fault: object) -> None:
        """Switch a fault on that stops the fallen provider's mail: from here on the scorecard
        counts until it is noticed, and until all mail flows again."""
        delivered = [one.arrived for one in self.facts.alerts if one.arrived is not None]
        await self.system.providers[self.facts.fallen].fault(**fault)
        self.marks.suspended = self.clock()
        self.marks.last_delivery_before = max(delivered, default=None)

    def enter(self, text: str) -> None:
        """Begin a phase, as those who watch see it."""
        self.phase = text
        self.note("phase", text)

    async def _rob(self) -> None:
        """What the thief does, and the one who notices him."""
        if not self.facts.thief:
            return
        provider = self.system.providers[self.facts.fallen]
        totp = {one.address: one.person.totp for one in self.customers}
        thief = self._thief = Thief(
            self.system,
            provider,
            totp,
            random.Random(self._chance.random()),
            self.clock,
            lambda text: self.note("theft", text),
        )
        self.facts.attempts = thief.attempts
        await self.at(self.plan.leak + 1.0)
        thief.begin_to_read()
        known = {one.address for one in self.customers}
        records = {name for mail in await provider.sent() for name in mail["to"]}
        share = len(self.victims) / max(1, len(self.customers))
        others = [one for one in sorted(records - known) if self._chance.random() < share]
        others = self._chance.sample(others, min(3, len(others)))
        self.note(
            "attack",
            f"the thief has the provider's records: {len(records)} addresses to choose from",
        )
        await self.at(self.plan.attack)
        victims = [one.address for one in self.victims] + others
        self._chance.shuffle(victims)
        self.note("attack", f"the thief asks for resets of {len(victims)} accounts")
        attack = asyncio.create_task(thief.attack(victims, self.plan.attack_for))
        await self.at(self.plan.denial)
        await self._steadily(self._deny())
        await attack
        await self.at(self.plan.end)
        await thief.give_up()
        self.facts.attempts = thief.attempts

    async def _deny(self) -> None:
        """One customer reports a reset that they did not start."""
        self.marks.denial = self.clock()
        for customer in self.victims[:3]:
            told = await self.system.deny(customer, 3.0)
            self.note("customer", f"a customer did not ask for a reset: {told}")
            if not told.startswith("no reset mail"):
                return

    async def _reset(self, index: int, customer: Customer) -> None:
        moment, at = self.plan.honest[index]
        await self.at(at)
        record = HonestReset(customer.address, customer.person.totp, moment, self.clock())
        self.facts.resets.append(record)
        await self._steadily(
            honest_reset(self.system, customer, self.password(), record, self.clock, RESET_PATIENCE)
        )
        done = "never came through" if record.done is None else "completed"
        done = "is held, while its owner may say no" if record.held else done
        self.note("customer", f"a reset that a customer wanted ({moment}) {done}")

    async def _leave(self) -> None:
        """9 August: its mail is moved to the standby, and it is left for good."""
        own = type(self).fall is not Run.fall  # a scenario of its own ends as it says
        if own or self.plan.leave is None or self.system.kind != "mailkeep":
            return
        await self.at(self.plan.leave)
        self.enter("9 August: mail runs over another provider")
        self.marks.leave = self.clock()
        for told in await self.system.leave(self.facts.fallen.lower()):
            self.note("action", f"the operator leaves the provider: {told}")
        self.marks.left = self.clock()

    async def _kill(self) -> None:
        """SIGKILL at even distances while mail flows."""
        span = self.plan.suspend - 5.0
        for i in range(self.facts.kills):
            await self.at(5.0 + span * i / self.facts.kills)
            self.note("fault", "the process is killed (SIGKILL) and started again")
            await self.system.kill()

    async def _steadily(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (aiohttp.ClientError, TimeoutError) as error:
            self.facts.errors.append(f"{self.clock():.0f} s: {type(error).__name__}: {error}"[:200])

    async def _watch_incidents(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                for incident in await self.system.incidents():
                    self._see(incident)
                    await self._operate(incident)
            await asyncio.sleep(_POLL)

    def _see(self, incident: dict[str, Any]) -> None:
        subject = f"{incident['subject']['kind']} {incident['subject']['id']}"
        for opinion in incident["opinions"]:
            key = (incident["id"], opinion["hypothesis"])
            if not opinion["open"] or key in self._incident_seen:
                continue
            self._incident_seen.add(key)
            reasons = [f"{one['detector']}: {one['text']}" for one in opinion["reasons"]]
            self.facts.suspicions.append(
                Suspicion(
                    self.clock(),
                    incident["id"],
                    opinion["hypothesis"],
                    subject,
                    round(opinion["log_odds"], 2),
                    reasons,
                )
            )
            self.note("notice", f"incident: {subject} {opinion['hypothesis'].replace('_', ' ')}")
        for action in incident["actions"]:
            seen = (incident["id"], action["name"], action["state"])
            if seen in self._steps_seen:
                continue
            self._steps_seen.add(seen)
            by = action.get("by") or ""
            step = Step(self.clock(), incident["id"], action["name"], action["state"], by)
            self.facts.steps.append(step)
            self.note("action", f"{action['name'].replace('_', ' ')}: {action['state']} ({by})")
            if action["name"] == "cut_provider" and action["state"] == "applied":
                self.marks.cut_off = self.marks.cut_off or self.clock()

    async def _operate(self, incident: dict[str, Any]) -> None:
        """The operator of the drill applies what is proposed and needs nobody to think twice.

        Where a silent provider has no action proposed, the operator lets it rest by the command.
        """
        awake = self.marks.denial if self._asleep else 0.0
        if awake is None:
            return
        await self._rest(incident)
        for action in incident["actions"]:
            if action["state"] != "proposed" or action["preview"].get("needs_person"):
                continue
            if action["name"] == "secure_accounts":
                continue  # it freezes accounts, honest ones too: a person decides one by one
            if (incident["id"], action["name"], "operator") in self._steps_seen:
                continue
            first = next(s.at for s in self.facts.steps if s.name == action["name"])
            if self.clock() - max(first, awake) > OPERATOR_SECONDS:
                self._steps_seen.add((incident["id"], action["name"], "operator"))
                await self.system.act(incident["id"], action["name"])

    async def _rest(self, incident: dict[str, Any]) -> None:
        key = (incident["id"], "rest_provider", "operator")
        silent = [
            one.at
            for one in self.facts.suspicions
            if one.incident == incident["id"] and one.hypothesis == "provider_silent"
        ]
        names = {one["name"] for one in incident["actions"]}
        if not silent or names & {"rest_provider", "cut_provider"} or key in self._steps_seen:
            return
        if self.clock() - min(silent) > OPERATOR_SECONDS:
            self._steps_seen.add(key)
            told = await self.system.rest(incident["subject"]["id"])
            step = Step(self.clock(), incident["id"], "rest_provider", "applied", "key: by command")
            self.facts.steps.append(step)
            self.note("action", f"the operator lets the provider rest: {told}")

"""Simulates ordinary traffic during the drill: the application's own mail, and customers who reset
a password."""

import asyncio
import random
import re
import time

import aiohttp

from .cast import Customer
from .mailboxes import Letter, Mailboxes
from .record import Alert, Facts, HonestReset
from .systems.base import Clock, Reset, SignIn, System

_ALERT = re.compile(r"\balert ([0-9a-f]{12})\b")
_PATIENCE = 30.0  # seconds for which a mail that was not acknowledged is handed over again
_TRIES = 3  # times that a customer asks for a reset before they give up


class Background:
    """The application's mail at a steady rate, to customers in turn."""

    def __init__(
        self, system: System, facts: Facts, customers: list[Customer], clock: Clock
    ) -> None:
        self._system = system
        self._facts = facts
        self._customers = customers
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, rate: float, end: float) -> None:
        """Send until `end`, then wait until all that is under way was answered."""
        loop = asyncio.get_running_loop()
        began, count = loop.time(), 0
        while self._clock() < end:
            to = self._customers[count % len(self._customers)].address
            task = loop.create_task(self._one(to))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            count += 1
            await asyncio.sleep(max(0.0, began + count / rate - loop.time()))
        await asyncio.gather(*self._tasks)

    async def _one(self, to: str) -> None:
        alert = Alert(f"{random.getrandbits(48):012x}", to)
        self._facts.alerts.append(alert)
        subject = f"Something happened in your shop: alert {alert.id}"
        text = f"An order was placed. This is alert {alert.id}.\n"
        until = time.monotonic() + _PATIENCE
        while alert.acknowledged is None and time.monotonic() < until:
            try:
                if await self._system.send(alert.id, to, subject, text):
                    alert.acknowledged = self._clock()
                    return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.5)


async def watch_arrivals(mailboxes: Mailboxes, facts: Facts, t0: float) -> None:
    """Look into the mailboxes of those who wait for mail, over and over, for people who watch."""
    seen: dict[str, int] = {}
    while True:
        waiting = {one.to for one in facts.alerts if one.acknowledged and one.arrived is None}
        for address in sorted(waiting):
            letters = await mailboxes.read(address, seen.get(address, 0))
            count_arrivals(facts, letters, t0)
            if letters:
                seen[address] = letters[-1].n
        await asyncio.sleep(1.0)


def count_arrivals(facts: Facts, letters: list[Letter], t0: float) -> dict[str, int]:
    """Write down when alerts arrived; returns how often each did."""
    by_id = {one.id: one for one in facts.alerts}
    copies: dict[str, int] = {}
    for letter in letters:
        found = _ALERT.search(letter.subject)
        alert = by_id.get(found[1]) if found else None
        if alert is None:
            continue
        copies[alert.id] = copies.get(alert.id, 0) + 1
        at = letter.at - t0
        alert.arrived = at if alert.arrived is None else min(alert.arrived, at)
    return copies


async def honest_reset(
    system: System,
    customer: Customer,
    password: str,
    record: HonestReset,
    clock: Clock,
    patience: float,
) -> None:
    """Ask for a reset and complete it; once more, twice more, if it does not work."""
    async with customer.lock:
        for _ in range(_TRIES):
            record.asked_times += 1
            try:
                went = await system.reset(customer, password, patience)
                if went is Reset.HELD:
                    record.held = True
                    return
                if went is Reset.DONE:
                    record.done = clock()
                    break
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(1.0)  # the site is down for a moment; people try again
        else:
            return
        outcome = await system.sign_in(
            system.window(customer), customer.address, password, customer.authenticator
        )
        if outcome is not SignIn.IN:
            record.done = None

"""Measures the result of a run: who can still get in, which mail arrived, who was told."""

import asyncio
from datetime import datetime
from typing import Any

import aiohttp

from .background import count_arrivals
from .cast import Customer
from .mailboxes import Letter
from .record import End, Ending
from .script import RESET_PATIENCE, TOGETHER, Run
from .systems.base import Reset, SignIn

UNDER_WAY = 2.0  #: seconds in which a request that had begun may still come to its end
_TOLD_BY = {"mandrill": "x-mandrill-user", "postmark": "x-pm-message-id"}
"""A header field by which a mail shows which provider carried it."""


async def check(run: Run) -> None:
    """Everybody signs in; who cannot asks for a reset; then the mailboxes are counted."""
    run.phase = "everybody signs in"
    places = asyncio.Semaphore(TOGETHER)
    stolen = {one.address for one in run.facts.attempts if one.signed_in is not None}
    victims = {one.address for one in run.victims}

    async def one(customer: Customer) -> None:
        ending = await _ending(run, customer, places)
        if customer.address in stolen:
            ending = "lost"
        person = customer.person
        attacked = customer.address in victims
        run.facts.ends.append(End(customer.address, person.totp, attacked, ending))
        run.checked += 1

    async with asyncio.TaskGroup() as group:
        for customer in run.customers:
            group.create_task(one(customer))
    run.phase = "counting the mail"
    await _count(run)
    run.phase = "done"


async def _ending(run: Run, customer: Customer, places: asyncio.Semaphore) -> Ending:
    system = run.system
    try:
        async with places:
            outcome = await system.sign_in(
                system.window(customer),
                customer.address,
                customer.password,
                customer.authenticator,
            )
        if outcome is SignIn.IN:
            return "kept"
        run.facts.errors.append(f"sign-in of {customer.address}: {outcome.value}")
        password = run.password()
        # Not in the queue of those who sign in: these mostly wait for mail that does not come.
        if await system.reset(customer, password, RESET_PATIENCE) is not Reset.DONE:
            return "locked_out"
        outcome = await system.sign_in(
            system.window(customer), customer.address, password, customer.authenticator
        )
    except (aiohttp.ClientError, TimeoutError) as error:
        run.facts.errors.append(f"{customer.address}: {type(error).__name__}")
        return "locked_out"
    return "reset" if outcome is SignIn.IN else "locked_out"


async def _count(run: Run) -> None:
    """Read every mailbox: what arrived, what twice, who was told, what the canary saw."""
    facts, system = run.facts, run.system
    letters: dict[str, list[Letter]] = {}
    for customer in run.customers:
        letters[customer.address] = await system.mailboxes.read(customer.address)
    for mails in letters.values():
        copies = count_arrivals(facts, mails, run.t0)
        facts.duplicates += sum(count - 1 for count in copies.values())
    provider = system.providers[facts.fallen]
    records = await provider.sent()
    if run.marks.left is not None:
        since = run.t0 + run.marks.left + UNDER_WAY
        facts.given_after = sum(mail["at"] > since for mail in records)
    canary = system.canary
    if canary and run.marks.foreign is not None:
        after = run.t0 + run.marks.foreign
        seen = [
            mail["at"]
            for mail in records
            if mail["at"] >= after and any(to.endswith(f"@{canary}") for to in mail["to"])
        ]
        if seen:
            run.marks.foreign_seen_by_canary = min(seen) - run.t0
    await _exposure(run, records, letters, _TOLD_BY.get(provider.kind, ""))


async def _exposure(
    run: Run, records: list[dict[str, Any]], letters: dict[str, list[Letter]], own: str
) -> None:
    facts, exposure = run.facts, run.facts.exposure
    since, until = run.t0 + (run.marks.leak or run.marks.suspended or 0.0), run.t0 + run.marks.end
    named_at = float("inf")
    for listed in await run.system.incidents():
        incident = await run.system.incident(listed["id"])
        subject = incident["subject"]
        if subject["kind"] == "provider" and subject["id"] == facts.fallen.lower():
            blast = incident["blast_radius"]
            exposure.found = blast["exposed"]
            since, until = _epoch(blast["since"]), _epoch(blast["until"])
            named_at = _epoch(incident["opened_at"])
    window = [mail for mail in records if since <= mail["at"] <= until]
    holders = letters.keys() | set(run.system.bait())
    exposure.true = len({to for mail in window for to in mail["to"] if to in holders})
    resets = [mail for mail in window if "reset" in mail["subject"].lower()]
    due = {to for mail in resets for to in mail["to"] if to in letters}
    exposure.due = len(due)
    for address in due:
        notices = [
            one for one in letters[address] if run.system.is_notice(one) and one.at >= named_at
        ]
        exposure.told += any(own not in one.headers for one in notices)
        exposure.over_fallen += sum(own in one.headers for one in notices)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

"""The matrix's victims: an account of each kind, and its owner who wants back in."""

import asyncio
import random
import re
from dataclasses import dataclass, field

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Authenticator, Customer, Person
from mailkeep_drill.systems.base import READING, Failed, Reset, SignIn, System
from mailkeep_drill.systems.mailkeep import Mailkeep

from .guards import App, Guard, Passkey, Saved
from .words import Kind

_NAMES = {
    Kind.NONE: "nora",
    Kind.TOTP: "teo",
    Kind.PASSKEY: "pia",
    Kind.SAVED: "sam",
    Kind.TWO: "ida",
    Kind.KEPT: "ken",
    Kind.KEPT_TOTP: "kim",
}
_APP = frozenset({Kind.TOTP, Kind.SAVED, Kind.KEPT_TOTP})
_CONFIRMATION = re.compile(r"^Code: (\S{9})\s*$", re.MULTILINE)
_SAVED = re.compile(r"<code>([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})</code>")
_SETTLED = 4.0  #: seconds; longer than a change of addresses is held here


@dataclass(slots=True)
class Victim:
    """A customer and what their account is guarded by.

    Attributes:
        customer: as in the drill.
        guard: their second factor.
        stolen: cookies of a session of theirs that a thief may have.
        addresses: all of theirs, the one that they sign in with first.
    """

    kind: Kind
    customer: Customer
    guard: Guard
    stolen: dict[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return self.customer.address


async def open_account(
    system: System, kind: Kind, number: int, chance: random.Random, password: str
) -> Victim:
    """Sign up, guard the account as its kind says, and stay signed in somewhere."""
    name = f"{_NAMES[kind]}-{number:03}-{chance.randrange(1000, 9999)}"
    source = f"127.{30 + number // 250}.{number % 250 + 1}.{chance.randrange(2, 250)}"
    person = Person(number, name, source, totp=kind in _APP)
    browser = Browser(system.url, source)
    customer = Customer(person, f"{name}@matrix.customers.example", password, browser)
    await system.sign_up(customer)
    app = customer.authenticator
    victim = Victim(kind, customer, App(app) if app is not None else Guard())
    victim.addresses = (customer.address,)
    if kind is Kind.PASSKEY:
        victim.guard = await _passkey(victim)
    elif kind is Kind.SAVED and app is not None:
        victim.guard = await _saved_codes(victim, app)
    elif kind is Kind.TWO and isinstance(system, Mailkeep):
        await _second_address(system, victim)
    await enter(system, victim, browser)
    victim.stolen = dict(browser.cookies)
    return victim


async def enter(system: System, victim: Victim, browser: Browser) -> bool:
    """The owner signs in."""
    customer = victim.customer
    if not isinstance(system, Mailkeep):
        outcome = await system.sign_in(
            browser, customer.address, customer.password, customer.authenticator
        )
        return outcome is SignIn.IN
    form = {"address": customer.address, "password": customer.password}
    page = await browser.post("/sign-in", form)
    if page.status == 303 and page.path == "/sign-in/factor":
        form = await victim.guard.answer(browser, "/sign-in/factor/ask", "code")
        await browser.post("/sign-in/factor", form)
    return (await browser.get("/account")).status == 200


async def comes_back(system: System, victim: Victim, password: str, patience: float) -> bool:
    """The owner, who has forgotten the password, asks for a reset and signs in with the new one.

    Whoever remembers it has it easier: what locks them out locks this one out as well.

    Args:
        patience: seconds for the reset.
    """
    customer = victim.customer
    if isinstance(system, Mailkeep):
        done = await system.reset(customer, password, patience, victim.guard.answer)
    else:
        done = await system.reset(customer, password, patience)
    return done is Reset.DONE and await enter(system, victim, system.window(customer))


async def _show(victim: Victim, browser: Browser, again: dict[str, str]) -> None:
    form = {"current": victim.customer.password, **again}
    if (await browser.post("/account/factors/confirm", form)).status != 303:
        raise Failed(f"{victim.address} could not show that it is them")


async def _passkey(victim: Victim) -> Passkey:
    browser = victim.customer.browser
    device = Passkey(browser.base)
    await _show(victim, browser, {})
    asked = await browser.post("/account/factors/passkey/ask", {})
    form = {"passkey": device.create(asked.text), "name": "Telephone"}
    page = await browser.post("/account/factors/passkey", form)
    if page.status != 303:
        raise Failed(f"the passkey of {victim.address} was refused: {page.status}")
    return device


async def _saved_codes(victim: Victim, app: Authenticator) -> Saved:
    browser = victim.customer.browser
    await _show(victim, browser, {"factor": await app.code()})
    codes = _SAVED.findall((await browser.post("/account/factors/codes", {})).text)
    if len(codes) < 8:
        raise Failed(f"no saved codes for {victim.address}")
    return Saved(codes)


async def _second_address(system: Mailkeep, victim: Victim) -> None:
    browser, customer = victim.customer.browser, victim.customer
    second = f"second-{customer.address}"
    form = {"address": second, "current": customer.password}
    await browser.post("/account/addresses", form)
    letter = await system.mailboxes.find(
        second, lambda mail: _CONFIRMATION.search(mail.text) is not None, 30.0
    )
    found = _CONFIRMATION.search(letter.text) if letter else None
    if found is None:
        raise Failed(f"no code came to {second}")
    page = await browser.post("/account/addresses/confirm", {"code": found[1]})
    if page.status != 303:
        raise Failed(f"{second} was not confirmed: {page.status}")
    victim.addresses = (customer.address, second)
    await asyncio.sleep(_SETTLED + READING)

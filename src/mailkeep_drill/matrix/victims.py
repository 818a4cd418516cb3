"""One account of each kind, opened as a customer opens it."""

import random
from dataclasses import dataclass

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Customer, Person
from mailkeep_drill.systems.base import SignIn, System

from .words import Kind

_NAMES = {Kind.NONE: "nora", Kind.TOTP: "teo"}


@dataclass(slots=True)
class Victim:
    """A customer and what their account is guarded by.

    Attributes:
        kind: see ``words``.
        customer: as in the drill.
        stolen: cookies of a session of theirs that a thief may have.
    """

    kind: Kind
    customer: Customer
    stolen: dict[str, str]

    @property
    def address(self) -> str:
        return self.customer.address


async def open_account(
    system: System, kind: Kind, number: int, chance: random.Random, password: str
) -> Victim:
    """Sign up, guard the account as its kind says, and stay signed in somewhere."""
    name = f"{_NAMES[kind]}-{number:03}-{chance.randrange(1000, 9999)}"
    source = f"127.{30 + number // 250}.{number % 250 + 1}.{chance.randrange(2, 250)}"
    person = Person(number, name, source, totp=kind is Kind.TOTP)
    browser = Browser(system.url, source)
    customer = Customer(person, f"{name}@matrix.customers.example", password, browser)
    await system.sign_up(customer)
    await system.sign_in(browser, customer.address, customer.password, customer.authenticator)
    return Victim(kind, customer, dict(browser.cookies))


async def comes_back(system: System, victim: Victim, password: str, patience: float) -> bool:
    """The owner, who has forgotten the password, asks for a reset and signs in with the new one.

    Whoever remembers it has it easier: what locks them out locks this one out as well.

    Args:
        patience: seconds for the reset.
    """
    customer = victim.customer
    if not await system.reset(customer, password, patience):
        return False
    outcome = await system.sign_in(
        system.window(customer), customer.address, customer.password, customer.authenticator
    )
    return outcome is SignIn.IN

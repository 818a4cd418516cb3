"""The drill's customers: an address, a password and perhaps an authenticator each."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyotp

from .browser import Browser

_STEP = 30  # seconds, RFC 6238 section 4
_FIRST = "mira ivo lena tomas aisha pavel nora jonas sofia emil carla viktor hana luis greta omar"
_LAST = "ostrow keller marin novak haddad lind petrov baum silva okoye moreau janda rossi weber"
_WORDS = (
    "amber basalt cinder delta ember falcon garnet harbor indigo juniper kelvin lantern meadow "
    "nimbus orchid pepper quartz raven saffron timber umber velvet willow xenon yonder zephyr"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has an account on every system.

    Attributes:
        source: the address that their connections come from, in a /24 of their own.
        totp: whether they use an authenticator.
    """

    number: int
    name: str
    source: str
    totp: bool


class Authenticator:
    """An authenticator app, and its owner's patience: a code is good once (RFC 6238, 5.2)."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._totp = pyotp.TOTP(secret)
        self._used = -1

    async def code(self) -> str:
        """A code that was not used yet; waits for the next one if need be."""
        now = time.time()
        step = int(now) // _STEP
        if (step + 1) * _STEP - now < 1.0:  # it would be stale on arrival
            step += 1
        step = max(step, self._used + 1)
        await asyncio.sleep(max(0.0, step * _STEP - now + 0.05))
        self._used = step
        code: str = self._totp.at(step * _STEP)
        return code


@dataclass(slots=True)
class Customer:
    """A person at one system.

    Attributes:
        password: the one they believe in.
    """

    person: Person
    address: str
    password: str
    browser: Browser
    authenticator: Authenticator | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def people(count: int, chance: random.Random) -> list[Person]:
    """So many people, half of them with an authenticator, each in a network of their own."""
    first, last = _FIRST.split(), _LAST.split()
    return [
        Person(
            number=i,
            name=f"{first[i % len(first)]}-{last[(i // len(first)) % len(last)]}-{i:03}",
            source=f"127.{20 + i // 250}.{i % 250 + 1}.{chance.randrange(2, 250)}",
            totp=i % 2 == 1,
        )
        for i in range(count)
    ]


def passwords(chance: random.Random) -> Callable[[], str]:
    """A source of long passwords that nobody guesses."""
    words = _WORDS.split()
    return lambda: "-".join([*chance.sample(words, 4), str(chance.randrange(10_000, 99_999))])


def thief_sources() -> Callable[[], str]:
    """Addresses for the thief, each in a network of its own: he has a botnet."""
    count = 0

    def following() -> str:
        nonlocal count
        count += 1
        return f"127.{160 + count // 250}.{count % 250 + 1}.66"

    return following

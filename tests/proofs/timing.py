"""Does the time of an answer tell whether there is an account? Two one-sided tests say it does not.

The service runs in production mode, with providers that take its mail. Known and unknown addresses
are asked about in random order, each time over a new connection from another network, one after the
other; measured is the time from the last byte of the request to the first of the answer. Usage:
``python tests/proofs/timing.py [ANSWERS]``; prints the report in Markdown, and ends with 1 where a
door is not shown to be equivalent.

Schuirmann, 1987: two means are equivalent within a bound when both one-sided tests reject, that is
when the 90% interval of their difference lies within it.
"""

import asyncio
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Customer, Person, passwords
from mailkeep_drill.mailboxes import Mailboxes
from mailkeep_drill.processes import Child, free_port
from mailkeep_drill.systems.mailkeep import Mailkeep

BOUND = 2.0  #: milliseconds
ACCOUNTS = 100  #: that exist; each is asked about as often as the limits let pass
WARM = 100  #: answers that are thrown away
_Z = statistics.NormalDist().inv_cdf(0.95)


@dataclass(frozen=True)
class Door:
    """A form that takes an address.

    Attributes:
        fields: what else is sent.
    """

    name: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()


DOORS = (
    Door("ask for a reset", "/recover"),
    Door("sign in, wrong password", "/sign-in", (("password", "wrong-horse-battery-staple"),)),
    Door("sign up", "/sign-up", (("password", "violet-harbour-undoes-kettles"),)),
)


@dataclass(frozen=True)
class Found:
    """Known less unknown, in milliseconds.

    Attributes:
        low, high: the 90% interval of the difference of the means.
        median: the difference of the medians.
    """

    known: float
    unknown: float
    low: float
    high: float
    median: float

    @property
    def equivalent(self) -> bool:
        return self.low > -BOUND and self.high < BOUND


def compare(known: list[float], unknown: list[float]) -> Found:
    """Two one-sided tests at 5% on two large samples, in milliseconds (Welch's variance)."""
    one, other = statistics.fmean(known), statistics.fmean(unknown)
    error = (
        statistics.variance(known) / len(known) + statistics.variance(unknown) / len(unknown)
    ) ** 0.5
    median = statistics.median(known) - statistics.median(unknown)
    return Found(one, other, one - other - _Z * error, one - other + _Z * error, median)


def networks() -> Iterator[str]:
    """Loopback addresses, each in a network of its own."""
    while True:
        for high in range(64, 192):
            for low in range(256):
                yield f"127.{high}.{low}.9"


async def measure(base: str, door: Door, address: str, source: str) -> tuple[float, str]:
    """(milliseconds to the first byte, the status line with what leads on)."""
    parts = urlsplit(base)
    body = urlencode([("address", address), *door.fields])
    head = (
        f"POST {door.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nReferer: {base}{door.path}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    )
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, local_addr=(source, 0)
    )
    loop = asyncio.get_running_loop()
    writer.write(head.encode())
    began = loop.time()
    first = await reader.read(64)
    took = (loop.time() - began) * 1e3
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    status = (first + rest).decode(errors="replace").split("\r\n", 1)[0]
    return took, status


async def door(system: Mailkeep, one: Door, known: list[str], answers: int) -> Found:
    """Measure one door."""
    chance, source = random.Random(8), networks()
    order = [True, False] * (answers + WARM // 2)
    chance.shuffle(order)
    took: dict[bool, list[float]] = {True: [], False: []}
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for number, exists in enumerate(order):
        turn = number % len(known)  # both as often: what limits take counts for both
        address = known[turn] if exists else f"nobody-{turn}@people.example"
        time, status = await measure(system.url, one, address, next(source))
        said[exists].add(status)
        if number >= WARM:
            took[exists].append(time)
        if number % 500 == 0:
            sys.stderr.write(f"{one.name}: {number} of {len(order)}\n")
    if said[True] != said[False]:
        raise SystemExit(f"{one.name}: known {said[True]}, unknown {said[False]}")
    return compare(took[True], took[False])


async def prove(answers: int) -> list[tuple[Door, Found]]:
    """Start everything, open the accounts, measure each door."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        host = Child("mailkeep_drill.mailhost", log=home / "mailhost.log")
        async with host, Mailboxes(host.ready["http"]) as mailboxes:
            system = Mailkeep(
                "t", "", mailboxes, host.ready["smtp"], home, "canary.example", free_port()
            )
            try:
                await system.start()
                draw, known = passwords(random.Random(1)), []
                for number in range(ACCOUNTS):
                    source = f"127.30.{number}.9"
                    person = Person(number, f"somebody-{number}", source, totp=False)
                    browser = Browser(system.url, source)
                    address = f"somebody-{number}@people.example"
                    await system.sign_up(Customer(person, address, draw(), browser))
                    known.append(address)
                return [(one, await door(system, one, known, answers)) for one in DOORS]
            finally:
                await system.stop()


def main() -> int:
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    found = asyncio.run(prove(answers))
    print("# The time of an answer and whether there is an account\n")
    print(f"{answers:,} answers each for known and unknown addresses, in random order; equivalent")
    print(f"when the 90% interval of the difference lies within {BOUND:g} ms.\n")
    print("| door | known, ms | unknown, ms | difference, 90% | of medians | equivalent |")
    print("|---|---:|---:|---:|---:|---|")
    for one, it in found:
        print(
            f"| {one.name} | {it.known:.2f} | {it.unknown:.2f} | {it.low:+.2f} to {it.high:+.2f} "
            f"| {it.median:+.2f} | {'yes' if it.equivalent else '**no**'} |"
        )
    return 0 if all(it.equivalent for _, it in found) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Looks up in DNS, in rounds, what the doctor's checks ask for.

Security: answers are hostile input: bounded in number and size, and shown without terminal control
characters.
"""

import asyncio
from collections.abc import Callable

import dns.asyncresolver
import dns.exception
import dns.rdtypes.ANY.MX
import dns.rdtypes.txtbase
import dns.resolver

from mailkeep.base.errors import BadSettings

from .records import Answer, Found, Records

SECONDS = 3.0  #: for one question, over all its tries
ROUNDS = 16  #: an SPF record may lead from one to the next
MOST_QUESTIONS = 400
MOST_ROWS = 50
LONGEST_ROW = 4096


def resolver(where: str | None) -> dns.asyncresolver.Resolver:
    """The system's resolver, or the one at ``HOST:PORT``. Raises ``BadSettings``."""
    if where is None:
        try:
            made = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise BadSettings("this machine has no resolver; name one with --resolver") from error
    else:
        host, _, port = where.rpartition(":")
        made = dns.asyncresolver.Resolver(configure=False)
        try:
            made.nameservers = [host.strip("[]")]
            made.port = int(port)
        except ValueError as error:
            raise BadSettings(f"--resolver: say ADDRESS:PORT, not {where!r}") from error
    made.lifetime = SECONDS
    return made


async def fill(records: Records, run: Callable[[], object], ask: dns.asyncresolver.Resolver) -> int:
    """Run ``run`` and look up what it asked for, until it asks for nothing new.

    Returns how many questions were asked.
    """
    asked = 0
    for _ in range(ROUNDS):
        records.open.clear()
        run()
        questions = sorted(records.open)[: MOST_QUESTIONS - asked]
        if not questions:
            break
        asked += len(questions)
        answers = await asyncio.gather(*(look_up(ask, *one) for one in questions))
        for question, answer in zip(questions, answers, strict=True):
            records.learn(*question, answer)
    for question in sorted(records.open):  # too many: what is left is not known
        records.learn(*question, Answer(Found.ERROR))
    return asked


async def look_up(ask: dns.asyncresolver.Resolver, name: str, kind: str) -> Answer:
    """What DNS says: at most ``MOST_ROWS``, each at most ``LONGEST_ROW`` long."""
    try:
        found = await ask.resolve(f"{name}.", kind, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Answer(Found.NONE)
    except (dns.exception.DNSException, OSError, ValueError):  # ValueError: no name at all
        return Answer(Found.ERROR)
    return Answer(Found.SOME, tuple(_text(row) for row in list(found)[:MOST_ROWS]))


def _text(row: object) -> str:
    if isinstance(row, dns.rdtypes.txtbase.TXTBase):
        joined = b"".join(row.strings).decode("utf-8", "replace")  # RFC 7208 section 3.3
        return joined[:LONGEST_ROW]
    if isinstance(row, dns.rdtypes.ANY.MX.MX):
        return f"{row.preference} {row.exchange.to_text(omit_final_dot=True)}"
    return str(row)[:LONGEST_ROW]

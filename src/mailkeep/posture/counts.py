"""Precomputes how many accounts share each kind of protection, and how many addresses each provider
was given.

Counting a million accounts takes seconds, and a page must not. So they are counted on a schedule,
slice by slice, each slice in a read transaction of its own: no long transaction holds up the
write-ahead log, and memory holds only the sums. The page says when they were counted. An account is
in one slice with all its addresses and factors, so the slices add up to what one statement over
everything would say; a change meanwhile is counted as before or after it.
"""

from collections import Counter

import msgspec
from sqlalchemy import select

from mailkeep.accounts import counted
from mailkeep.accounts.counted import Alike
from mailkeep.base.clock import Instant
from mailkeep.mail import queries as mail
from mailkeep.store.database import Database, Tx
from mailkeep.trust.types import PartyKind

from . import tables
from .types import TrustConfiguration

SLICE = 10_000  #: accounts of one reading
_THE_ROW = 1
#: Where most people have their mailbox: told apart though nobody registers them.
WIDE = ("gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com")
_c = tables.trust_counts


class Counts(msgspec.Struct, frozen=True):
    """What was counted.

    Attributes:
        at: when the counting began.
        domains: those that are told apart.
        given: addresses that providers were ever given, for ``ledger.total``.
    """

    at: Instant
    domains: tuple[str, ...]
    accounts: tuple[Alike, ...]
    given: tuple[tuple[str, str, int], ...]


def domains(house: TrustConfiguration) -> tuple[str, ...]:
    """The mailbox domains that are counted separately, sorted."""
    served = {
        one.lower()
        for party in house.parties.values()
        if party.kind in {PartyKind.MAILBOX, PartyKind.DNS, PartyKind.REGISTRAR}
        for one in party.serves
    }
    return tuple(sorted(served | set(WIDE)))


async def at_once(tx: Tx, house: TrustConfiguration) -> Counts:
    """Count everything in one read transaction: exact, and as slow as it is."""
    apart = domains(house)
    found = await counted.alike(tx, apart)
    return Counts(tx.now, apart, tuple(found), tuple(await mail.given(tx)))


async def newest(tx: Tx, house: TrustConfiguration) -> Counts | None:
    """The last counts; None where there are none, or other things were counted."""
    document = await tx.value(select(_c.c.document))
    if document is None:
        return None
    try:
        found = msgspec.json.decode(document, type=Counts)
    except msgspec.ValidationError:  # of another version
        return None
    return found if found.domains == domains(house) else None


async def take(database: Database, house: TrustConfiguration, size: int = SLICE) -> Counts:
    """Count everything, slice by slice, and replace the stored counts."""
    apart = domains(house)
    accounts: Counter[Alike] = Counter()
    began: Instant | None = None
    after: str | None = ""
    while after is not None:
        async with database.read() as tx:
            began = tx.now if began is None else began
            last = await counted.slice_end(tx, after, size)
            for one in await counted.alike(tx, apart, after, last):
                accounts[msgspec.structs.replace(one, accounts=0)] += one.accounts
        after = last
    async with database.read() as tx:
        given = await mail.given(tx)
    alike = sorted(msgspec.structs.replace(one, accounts=n) for one, n in accounts.items())
    made = Counts(began or 0, apart, tuple(alike), tuple(given))
    await database.retrying(lambda tx: _keep(tx, made))
    return made


async def _keep(tx: Tx, made: Counts) -> None:
    row = {"id": _THE_ROW, "at": made.at, "document": msgspec.json.encode(made).decode()}
    statement = tx.upsert(_c).values(**row)
    await tx.run(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"at": row["at"], "document": row["document"]}
        )
    )


async def step(database: Database, house: TrustConfiguration) -> None:
    """Count anew when the stored counts are older than the settings allow, or of other domains."""
    async with database.read() as tx:
        found = await newest(tx, house)
        if found is not None and tx.now - found.at < house.every:
            return
    await take(database, house)

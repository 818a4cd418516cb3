"""The audit log: a hash chain of every act of an operator or of automation (ASVS 16.4.2).

Each entry's hash covers the one before, so nothing can be altered, inserted or removed without the
head changing. The head is signed; a copy kept where this system cannot write is an anchor.
"""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.base.keys import KeyRing, digest
from mailkeep.store.database import Tx

from .tables import audit

GENESIS = "0" * 64
SPAN = 10_000  #: entries that are read at once


class AuditHead(msgspec.Struct, frozen=True):
    """The chain's end: how many entries, the last one's hash, and our signature over both."""

    number: int
    hash: str
    signature: str


async def write(tx: Tx, actor: str, act: str, data: Mapping[str, object]) -> int:
    """Append an entry in the transaction of the act; returns its number.

    ``data`` carries random ids only, and no pseudonym of an address: the chain outlives every
    erasure, and who has the key finds the pseudonym of an address again. What must name one is a
    fact besides.
    """
    if tx.is_postgresql:
        # Two writers must not both continue from the same head.
        await tx.run(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
    last = await tx.one(select(audit).order_by(audit.c.number.desc()).limit(1))
    number = 1 if last is None else last["number"] + 1
    previous = GENESIS if last is None else last["hash"]
    encoded = msgspec.json.encode(data, order="sorted").decode()
    row = {"number": number, "at": tx.now, "actor": actor, "act": act, "data": encoded}
    await tx.run(insert(audit).values(**row, previous=previous, hash=_hash(row, previous)))
    return number


async def acts(
    tx: Tx, names: Collection[str], since: Instant, actor: str | None = None
) -> list[RowMapping]:
    """(``actor``, ``data``) of each act of some names after an instant, however much was written
    since: whoever is counted by them must not be able to push them out of sight.

    Args:
        actor: of this one alone.
    """
    # Read back from the end to the first that is older: there is no index over times.
    older = select(audit.c.number).where(audit.c.at <= since).order_by(audit.c.number.desc())
    first = await tx.value(older.limit(1)) or 0
    query = select(audit.c.actor, audit.c.data).where(
        audit.c.number > first, audit.c.act.in_(sorted(names))
    )
    return await tx.all(query if actor is None else query.where(audit.c.actor == actor))


async def last(tx: Tx, act: str) -> dict[str, object] | None:
    """What the newest entry of an act says; None where there is none."""
    query = select(audit.c.data).where(audit.c.act == act).order_by(audit.c.number.desc())
    found = await tx.value(query.limit(1))
    return None if found is None else msgspec.json.decode(found, type=dict[str, object])


async def verify(tx: Tx) -> int | None:
    """The number of the first entry that does not fit the chain, or None when all do. Only an
    anchored head can tell that the chain was cut short, or rewritten as a whole (``anchors``)."""
    previous, expected = GENESIS, 1
    while True:
        after = select(audit).where(audit.c.number >= expected).order_by(audit.c.number)
        rows = await tx.all(after.limit(SPAN))
        for row in rows:
            if not fits(dict(row), expected, previous):
                return expected
            previous, expected = row["hash"], expected + 1
        if len(rows) < SPAN:
            return None


def fits(row: Mapping[str, object], number: int, previous: str) -> bool:
    """Whether an entry is the one of this number, after the one whose hash is given (pure)."""
    follows = row["number"] == number and row["previous"] == previous
    return follows and row["hash"] == _hash(row, previous)


async def head(tx: Tx, keys: KeyRing) -> AuditHead:
    """The signed head."""
    number = await tx.value(select(func.max(audit.c.number))) or 0
    last = await tx.value(select(audit.c.hash).where(audit.c.number == number)) or GENESIS
    return AuditHead(number, last, keys.sign(signed(number, last)))


def signed(number: int, last: str) -> bytes:
    """What the signature of a head covers."""
    return f"{number}:{last}".encode()


def _hash(row: Mapping[str, object], previous: str) -> str:
    fields = [row["number"], row["at"], row["actor"], row["act"], row["data"], previous]
    return digest(msgspec.json.encode(fields))

"""Anchors: heads of the audit chain that were stored elsewhere, compared with the chain as it is
now.

Whoever holds the database and this installation's keys can rewrite the chain, or cut it short, and
every entry fits the one before again, with a newly signed head. What they cannot change is a head
that is stored where they cannot write: an entry that it counts is missing, or has another hash.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.keys import verify
from mailkeep.store.database import Tx

from .audit import GENESIS, AuditHead, signed
from .tables import audit, audit_anchors

SPAN = 500
SLACK = 10 * MINUTE  #: for which a place may be away without anybody minding


class Anchor(msgspec.Struct, frozen=True):
    """One line of an anchor. ``at``: when it was taken, as ISO 8601; it is not signed."""

    number: int
    hash: str
    signature: str
    public_key: str
    at: str = ""


class Compared(msgspec.Struct, frozen=True):
    """What anchors say of the chain.

    Attributes:
        anchors: how many there are that our key signed.
        fits: the last entry up to which the chain is what it was.
        rewritten: the first anchored entry that has another hash now; None when there is none.
        cut: the first entry that an anchor counts and that is not there; None when there is none.
        foreign: lines that our key did not sign: somebody wrote them there, or changed the key.
    """

    anchors: int
    fits: int
    rewritten: int | None
    cut: int | None
    foreign: int

    @property
    def fine(self) -> bool:
        return self.rewritten is None and self.cut is None and not self.foreign


class Place(msgspec.Struct, frozen=True):
    """A place to which heads are taken.

    Attributes:
        number, at: the last one that it took; 0: none.
        error: why it has not taken one since.
    """

    place: str
    number: int = 0
    at: Instant = 0
    error: str | None = None

    def is_fresh(self, now: Instant, every: Instant) -> bool:
        """Whether its last head is not much older than it should be."""
        return self.at > 0 and now - self.at <= 2 * every + SLACK


def line(head: AuditHead, public_key: str, at: str) -> str:
    """A head as one line of JSON."""
    return json.dumps(
        {
            "number": head.number,
            "hash": head.hash,
            "signature": head.signature,
            "public_key": public_key,
            "at": at,
        }
    )


def read(text: str) -> list[Anchor]:
    """The anchors in a text. Of each line everything from its first brace on is read, so that a
    syslog line works as well. Lines without a brace are skipped."""
    out = []
    for one in text.splitlines():
        _, brace, rest = one.partition("{")
        try:
            out.append(msgspec.json.decode((brace + rest).strip(), type=Anchor))
        except msgspec.DecodeError:
            continue
    return out


async def compare(tx: Tx, anchors: Iterable[Anchor], public_key: str) -> Compared:
    """Compare the chain with heads that were anchored earlier.

    Args:
        public_key: the house's, hex, at best as it was kept elsewhere.
    """
    every = list(anchors)
    hashes = await _hashes(tx, sorted({one.number for one in every}))
    newest = await tx.one(select(audit.c.number).order_by(audit.c.number.desc()).limit(1))
    return judge(every, public_key, hashes, 0 if newest is None else int(newest["number"]))


def judge(
    anchors: Iterable[Anchor], public_key: str, hashes: Mapping[int, str], last: int
) -> Compared:
    """The same for a chain of which the hashes are known (pure).

    Args:
        hashes: by number, those of the anchored entries at least.
        last: the number of its last entry.
    """
    every = list(anchors)
    ours = sorted(
        (one for one in every if verify(public_key, signed(one.number, one.hash), one.signature)),
        key=lambda one: one.number,
    )
    fits, rewritten, cut = 0, None, None
    for one in ours:
        found = GENESIS if one.number == 0 else hashes.get(one.number)
        if found == one.hash:
            if rewritten is None and cut is None:
                fits = one.number
        elif found is None and one.number > last:
            cut = min(cut or last + 1, last + 1)
        else:
            rewritten = one.number if rewritten is None else min(rewritten, one.number)
    return Compared(len(ours), fits, rewritten, cut, len(every) - len(ours))


async def places(tx: Tx, names: Sequence[str]) -> list[Place]:
    """How far each of some places has come."""
    columns = (audit_anchors.c[name] for name in Place.__struct_fields__)
    found = {row["place"]: Place(**row) for row in await tx.all(select(*columns))}
    return [found.get(name, Place(name)) for name in names]


async def _hashes(tx: Tx, numbers: Sequence[int]) -> dict[int, str]:
    out: dict[int, str] = {}
    for start in range(0, len(numbers), SPAN):
        rows = await tx.all(
            select(audit.c.number, audit.c.hash).where(
                audit.c.number.in_(numbers[start : start + SPAN])
            )
        )
        out |= {row["number"]: row["hash"] for row in rows}
    return out

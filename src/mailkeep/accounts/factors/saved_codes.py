"""Saved (recovery) codes: ten on paper, each valid once, for when no other factor is at hand.

A code is 16 characters in four groups. The first three characters only say which code of the set it
is, so that one slow hash is computed and not ten; the other thirteen are its secret, 65 bits (SP
800-63B-4 section 4.2.1.1 asks for 64). A secret of less than 112 bits is stored under a slow salted
hash (section 3.1.2.2).
"""

from sqlalchemy import func, insert, select, update

from mailkeep.accounts import tables
from mailkeep.accounts.hashing import SlowHash
from mailkeep.base import tokens
from mailkeep.base.secret import Secret
from mailkeep.store.database import Tx

from .types import Kind, Typed, Weighed

_s, _f = tables.saved_codes, tables.factors
_PURPOSE = "saved code"

COUNT = 10
SELECTOR = 3  #: characters of a code that are no secret
SECRET = 13  #: characters that are: 65 bits
LENGTH = SELECTOR + SECRET
FEW = 3  #: so many left are few: the owner is told to make new ones


def make() -> dict[str, Secret]:
    """Ten new codes, by their selectors, in the order in which they are shown."""
    out: dict[str, Secret] = {}
    while len(out) < COUNT:
        code = tokens.random(LENGTH)
        out.setdefault(code[:SELECTOR], Secret(code))
    return out


def looks_like(typed: str) -> bool:
    """Whether this may be a saved code, and no code of an app."""
    return len(tokens.fold(typed)) == LENGTH


async def hashes(slow: SlowHash, codes: dict[str, Secret], network: str) -> dict[str, str]:
    """What is kept of new codes, for who asks from a network. Raises ``Unavailable``.

    One after another: of ten at once nine would make room for whoever comes (``places``).
    """
    return {
        selector: await slow.make(_PURPOSE, one.reveal(), of=network, proved=True)
        for selector, one in codes.items()
    }


async def write(tx: Tx, factor: str, kept: dict[str, str]) -> None:
    """Keep a set; ``factor`` is on record already."""
    await tx.run(
        insert(_s),
        [
            {"factor_id": factor, "selector": selector, "hash": one}
            for selector, one in kept.items()
        ],
    )


async def weigh(tx: Tx, account: str, typed: str) -> tuple[Weighed, str | None]:
    """Find the code that this would be; returns it with the hash to check it against."""
    code = tokens.fold(typed)
    row = await tx.one(
        select(_s)
        .join(_f, _f.c.id == _s.c.factor_id)
        .where(
            _f.c.account_id == account,
            _f.c.revoked_at.is_(None),
            _s.c.selector == code[:SELECTOR],
            _s.c.used_at.is_(None),
        )
    )
    if row is None:
        return Weighed(Kind.SAVED_CODES), None
    found = Weighed(Kind.SAVED_CODES, mark=row["selector"], factor=row["factor_id"])
    return found, row["hash"]


async def right(slow: SlowHash, typed: Typed, kept: str | None) -> bool:
    """The slow part; as long for a code that is not there. The step before was shown."""
    code = tokens.fold(typed.code)
    return await slow.check(_PURPOSE, code, kept, of=typed.network, proved=True)


async def use(tx: Tx, weighed: Weighed) -> bool:
    """Use a code up; False when it was used, or replaced, meanwhile (ASVS 6.5.1)."""
    theirs = (_s.c.factor_id == weighed.factor, _s.c.selector == weighed.mark)
    used = update(_s).where(*theirs, _s.c.used_at.is_(None)).values(used_at=tx.now)
    return await tx.run(used) == 1


async def left(tx: Tx, factor: str) -> int:
    """How many codes of a set are not used yet."""
    found = await tx.value(
        select(func.count()).where(_s.c.factor_id == factor, _s.c.used_at.is_(None))
    )
    return int(found or 0)

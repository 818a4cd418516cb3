"""The audit chain of an evidence bundle: recomputed from its file, and held against anchors (pure).

Security: the file may come from anybody; what cannot be read does not fit.
"""

from collections.abc import Iterable

import msgspec

from mailkeep.events import anchors, audit
from mailkeep.events.anchors import Anchor, Compared


class _Act(msgspec.Struct, frozen=True):
    """A line of the file."""

    number: int
    at: int
    actor: str
    act: str
    data: str
    previous: str
    hash: str


class Chain(msgspec.Struct, frozen=True):
    """What the entries say.

    Attributes:
        number, hash: the last one that can be read.
        broken_at: the first that does not fit the one before it; None: all fit.
        hashes: by number.
    """

    number: int
    hash: str
    broken_at: int | None
    hashes: dict[int, str]

    def against(self, kept: Iterable[Anchor], public_key: str) -> Compared:
        """What heads that were kept elsewhere say of it: a chain that was made anew as a whole
        fits in itself."""
        return anchors.judge(kept, public_key, self.hashes, self.number)


def read(lines: bytes) -> Chain:
    """Recompute a chain, entry by entry from the first."""
    number, last, broken = 0, audit.GENESIS, None
    hashes: dict[int, str] = {}
    for expected, line in enumerate(lines.splitlines(), 1):
        try:
            one = msgspec.json.decode(line, type=_Act)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Chain(number, last, broken or expected, hashes)
        if broken is None and not audit.fits(msgspec.structs.asdict(one), expected, last):
            broken = expected
        number, last = one.number, one.hash
        hashes[number] = last
    return Chain(number, last, broken, hashes)


def contradicted(found: Compared | None) -> str:
    """What is wrong by the anchors, in words; "" for nothing, or where there is no anchor. A line
    that another key signed is no contradiction: whoever can write there could stage one."""
    if found is None:
        return ""
    if found.cut is not None:
        return f"entries from {found.cut} on are missing that an anchor counts"
    if found.rewritten is not None:
        return (
            f"between entry {found.fits + 1} and {found.rewritten} something was altered, and the "
            "chain was made anew over it: an anchor has another hash"
        )
    return ""

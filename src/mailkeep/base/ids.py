"""Time-ordered unique ids (ULID): ``<prefix>_<26 characters>``, sorted by creation.

Random keys cost more than half the insert rate of a B-tree index; the ULID layout (48 bits of
milliseconds, 80 random bits, Crockford base32) keeps inserts at the right edge. Ids are names, not
secrets: nothing is ever granted for knowing one.
"""

import secrets

from .clock import Instant

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

_DIGITS = frozenset(_ALPHABET)
#: Into the digits that ``int`` reads in base 32.
_PLAIN = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


#: Two digits at a time: an id is made for each row that is written.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def _base32(value: int, length: int) -> str:
    """``length`` digits, an even number of them."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])


def new_id(prefix: str, at: Instant, tail: int | None = None) -> str:
    """A fresh id for something that came to be at ``at``.

    Args:
        tail: the lower 80 bits, as ``Order`` gives them, where the order within a millisecond
            matters; else they are random.
    """
    low = secrets.randbits(80) if tail is None else tail
    return f"{prefix}_{_base32(at // 1000, 10)}{_base32(low, 16)}"


def earliest(prefix: str, at: Instant) -> str:
    """The lower bound of the ids made at ``at`` or later, for range queries (to the millisecond).
    It names nothing."""
    return f"{prefix}_{_base32(max(0, at) // 1000, 10)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether ``text`` has the form of such an id, so that it can name something at all."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == 26 and not tail.strip(_ALPHABET)


def made_at(name: str) -> Instant | None:
    """When an id was made, to the millisecond; None for what is no id of ours."""
    digits = name.partition("_")[2][:10]
    if len(digits) < 10 or not _DIGITS.issuperset(digits):
        return None
    return int(digits.translate(_PLAIN), 32) * 1000


class Order:
    """Tails that rise: ids made with them sort as they were made, also within a millisecond.

    One for each transaction, and each begins above the last of the same millisecond, so that what
    one process does in a row stays in a row.
    """

    _latest: tuple[Instant, int] = (0, 0)

    def __init__(self, at: Instant) -> None:
        self._millisecond = at // 1000
        millisecond, tail = Order._latest
        same = millisecond == self._millisecond
        self._tail = tail + secrets.randbits(40) if same else secrets.randbits(79)

    def next(self) -> int:
        self._tail += 1
        Order._latest = (self._millisecond, self._tail)
        return self._tail

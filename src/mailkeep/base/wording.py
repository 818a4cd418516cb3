"""Words that messages to people share: numbers of things, and what somebody may have meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

LISTED = 30  #: words of an error message


def counted(count: int, one: str, many: str = "") -> str:
    """How many of a thing: ``1 account``, ``2,000 accounts``.

    Args:
        one: what one of them is called, and what follows: ``account was lost``.
        many: the same of none or several; by default ``one`` with an s.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Several things in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *others, end = words or ("",)
    return f"{', '.join(others)} {last} {end}" if others else end


def nearest(word: str, known: Iterable[str], *, like: float = 0.5) -> str:
    """The end of an error message: the nearest right word, or all of them.

    Args:
        like: how alike two words must be for the one to be the other misspelt (``difflib``'s
            ratio, 0 to 1).
    """
    words = sorted(known)
    near = get_close_matches(word, words, n=1, cutoff=like)
    if near:
        return f"; did you mean {near[0]}?"
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return f"; there are {', '.join(words[:LISTED])}{more}" if words else "; there are none"

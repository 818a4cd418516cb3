"""Chooses the sets of capabilities to play, and finds the minimal winning ones (pure)."""

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations

from .words import Can, Cell, Kind


def sets(capabilities: Collection[Can], size: int) -> Iterator[frozenset[Can]]:
    """All sets of one size, in the order of the capabilities."""
    return (frozenset(chosen) for chosen in combinations(capabilities, size))


def open_kinds(can: frozenset[Can], kinds: Iterable[Kind], won: Iterable[Cell]) -> list[Kind]:
    """The kinds of account that no smaller part of the set has taken already.

    Who holds more does no worse, so what contains a winning set need not be played.

    Args:
        won: cells of smaller sets in which the account was lost.
    """
    taken = {cell.kind for cell in won if cell.can < can}
    return [kind for kind in kinds if kind not in taken]


def smallest(cells: Iterable[Cell], *, lost: bool) -> dict[Kind, list[frozenset[Can]]]:
    """By kind, the winning sets that contain no smaller winning set.

    Args:
        lost: sets that took the account; otherwise those that locked its owner out.
    """
    won = [cell for cell in cells if (cell.lost if lost else cell.locked_out)]
    found: dict[Kind, list[frozenset[Can]]] = {}
    for cell in sorted(won, key=lambda one: (len(one.can), sorted(one.can))):
        kept = found.setdefault(cell.kind, [])
        if not any(other <= cell.can for other in kept):
            kept.append(cell.can)
    return found

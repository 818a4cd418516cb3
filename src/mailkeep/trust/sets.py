"""Minimal sets of parties that reach a goal: the minimal cut sets of a fault tree (pure).

A set is minimal when it reaches the goal and no part of it does. They are computed for all
capabilities at once, from the parties upwards: what a rule needs is any union of what its premises
need, and of those only the minimal ones are kept (the MOCUS method: Fussell and Vesely, 1972). A
set is an integer with a bit for each party.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from .reach import Engine
from .rules import Rule

LARGEST = 3  #: parties in a set; more than three at once is another kind of day
MOST = 20_000  #: sets of one word that are kept
TRIES = 400_000  #: unions that are made for one rule: more take the processor and nobody reads them


class TooMany(Exception):
    """There are more minimal sets than anybody could read."""


def readable(
    rules: Sequence[Rule],
    goals: Sequence[str],
    parties: Sequence[str],
    largest: int = LARGEST,
) -> tuple[int, dict[str, list[frozenset[str]]]]:
    """``smallest`` for sets as large as can be listed: how large, and what was found.

    Where one word has over ``MOST``, nobody could read them all, and smaller ones are looked for,
    down to single parties, which are always found. Who reaches every goal alone is left out of the
    larger ones: no smallest set has such a party in it.
    """
    engine = Engine(rules)
    reached = {one: engine.reach([one]) for one in parties}
    alone = {goal: [one for one in parties if goal in reached[one]] for goal in goals}
    rest = [one for one in parties if not all(goal in reached[one] for goal in goals)]
    found: dict[str, list[frozenset[str]]] = {goal: [] for goal in goals}
    while largest > 1:
        try:
            found = smallest(rules, goals, rest, largest)
            break
        except TooMany:
            largest -= 1
    return largest, {
        goal: sorted(
            {*found[goal], *(frozenset({one}) for one in alone[goal])},
            key=lambda each: (len(each), sorted(each)),
        )
        for goal in goals
    }


def smallest(
    rules: Sequence[Rule],
    goals: Iterable[str],
    parties: Sequence[str],
    largest: int = LARGEST,
) -> dict[str, list[frozenset[str]]]:
    """For each goal, the minimal sets of parties that reach it, the smaller ones first.

    Args:
        largest: parties in a set at most; larger sets are not looked for.

    Raises:
        TooMany: for one word there are over ``MOST``.
    """
    wanted = list(goals)
    bits = {one: 1 << place for place, one in enumerate(parties)}
    needed = _towards(rules, wanted)
    used: dict[str, list[Rule]] = {}
    for rule in needed:
        for one in set(rule.body):
            used.setdefault(one, []).append(rule)
    sets: dict[str, set[int]] = {f"party:{one}": {bit} for one, bit in bits.items()}
    queue = deque(sets)
    waiting = set(queue)
    while queue:
        word = queue.popleft()
        waiting.discard(word)
        for rule in used.get(word, ()):
            found = _join([sets.get(one, set()) for one in dict.fromkeys(rule.body)], largest)
            if _add(sets.setdefault(rule.head, set()), found) and rule.head not in waiting:
                waiting.add(rule.head)
                queue.append(rule.head)
    names = {bit: one for one, bit in bits.items()}
    return {goal: _named(sets.get(goal, set()), names) for goal in wanted}


def _towards(rules: Sequence[Rule], goals: Sequence[str]) -> list[Rule]:
    """The rules that lead to a goal; the others need not be looked at."""
    into: dict[str, list[Rule]] = {}
    for rule in rules:
        into.setdefault(rule.head, []).append(rule)
    seen, todo, out = set(goals), list(goals), []
    while todo:
        for rule in into.get(todo.pop(), ()):
            out.append(rule)
            for one in rule.body:
                if one not in seen:
                    seen.add(one)
                    todo.append(one)
    return out


def _join(families: list[set[int]], largest: int) -> set[int]:
    """Every union of one set of each family that is not too large."""
    made = {0}
    for family in families:
        if len(made) * len(family) > TRIES:
            raise TooMany
        made = {union for a in made for b in family if (union := a | b).bit_count() <= largest}
        if len(made) > MOST:
            made = _thinned(made)
            if len(made) > MOST and largest > 1:
                raise TooMany
    return made


def _add(kept: set[int], new: set[int]) -> bool:
    """Add new sets and keep only those without a subset among them; returns whether anything
    changed."""
    merged = _thinned(kept | new)
    if len(merged) > MOST:
        raise TooMany
    if merged == kept:
        return False
    kept.clear()
    kept |= merged
    return True


def _thinned(sets: set[int]) -> set[int]:
    """The sets that contain no other one."""
    by_size: dict[int, list[int]] = {}
    for one in sets:
        by_size.setdefault(one.bit_count(), []).append(one)
    out: set[int] = set()
    alone = 0  # every party that is enough by itself
    for size in sorted(by_size):
        for one in by_size[size]:
            if not one & alone and not (size > 2 and _holds_one(one, size, out)):
                out.add(one)
        if size == 1:
            for one in by_size[size]:
                alone |= one
    return out


def _holds_one(one: int, size: int, out: set[int]) -> bool:
    """Whether a set of more than one party is inside ``one``."""
    if size > 3:
        return any(k & one == k for k in out)
    rest = one
    while rest:
        bit = rest & -rest
        if one ^ bit in out:
            return True
        rest ^= bit
    return False


def _named(sets: set[int], names: Mapping[int, str]) -> list[frozenset[str]]:
    found = []
    for one in sets:
        members, rest = [], one
        while rest:
            bit = rest & -rest
            members.append(names[bit])
            rest ^= bit
        found.append(frozenset(members))
    return sorted(found, key=lambda each: (len(each), sorted(each)))

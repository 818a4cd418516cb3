"""A register of many parties with many ties, drawn by chance and the same each time."""

import random

from mailkeep.trust import register
from mailkeep.trust.types import PartyKind
from mailkeep.trust.world import Carrier, Lane, World

TIES = ("owned_by", "administered_by", "relays_via", "runs_on")


def tables(parties: int, ties: int) -> list[dict[str, object]]:
    """``[[party]]`` tables, as a file has them."""
    draw = random.Random(7)
    names = [f"party-{number}" for number in range(parties)]
    kinds = [one.value for one in PartyKind if one is not PartyKind.OURS]
    out: dict[str, dict[str, object]] = {
        one: {"id": one, "name": f"Party number {one[6:]} of many", "kind": draw.choice(kinds)}
        for one in names
    }
    tied: set[tuple[str, str, str]] = set()
    while len(tied) < ties:
        one, other = draw.sample(names, 2)
        tied.add((one, draw.choice(TIES), other))
    for one, tie, other in sorted(tied):
        known = out[one].setdefault(tie, [])
        assert isinstance(known, list)
        known.append(other)
    return list(out.values())


def large(parties: int, ties: int) -> World:
    """The same as the rules see it, with six carriers."""
    names = [f"party-{number}" for number in range(6)]
    carriers = tuple(
        Carrier(f"c{n}", name, ("recovery", "bulk"), ("example.com",))
        for n, name in enumerate(names)
    )
    known = register.load(tables(parties, ties))
    lanes = (Lane("recovery", secret=True), Lane("bulk"))
    return World(known, carriers, lanes, sending=("example.com",))

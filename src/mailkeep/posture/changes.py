"""What each single change would buy, ranked (pure).

A change is tried on a copy of the world, and judged by what is left: accounts that one party
outside can take by itself, then accounts that two can take together, each summed over the parties.
Accounts that only fall after a hold count as well; those that fall when their owner signs in count
in the same way, so that a change of who stands before our pages shows too.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from mailkeep.trust import rules, sets
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import NO_FACTOR, Carrier, Group, World, pairs

from .types import Change, How

_NEW = "a provider of another party"


class Danger(msgspec.Struct, frozen=True, order=True):
    """Accounts times the parties, or pairs of parties, that take them; pairs are 0 where there are
    more than can be listed."""

    single: int
    pairs: int


def danger(world: World, largest: int = 2) -> tuple[int, Danger]:
    """What the parties outside could take, one by one and two by two.

    Returns up to which size sets were listed, and what they take.
    """
    theirs = [one.id for one in world.parties.values() if one.kind is not PartyKind.OURS]
    goals = {f"{how.value}:{one.id}": one for one in world.groups for how in How}
    size, found = sets.readable(rules.ground(world), list(goals), theirs, largest)
    sizes: Counter[int] = Counter()
    for group in world.groups:
        some = set().union(*(found[f"{how.value}:{group.id}"] for how in How))
        singles = {one for one in some if len(one) == 1}
        two = {one for one in some if len(one) == 2 and not any(s < one for s in singles)}
        sizes[1] += group.accounts * len(singles)
        sizes[2] += group.accounts * len(two)
    return size, Danger(sizes[1], sizes[2])


def ranked(world: World, today: str) -> list[Change]:
    """The changes that would buy something, the best first."""
    largest, before = danger(world)
    out = []
    for what, why, changed in _candidates(world, today):
        size, after = danger(changed, largest)
        if size == largest and after < before:
            out.append(Change(what, why, before.single, after.single, before.pairs, after.pairs))
    return sorted(out, key=lambda one: (one.single_after, one.pairs_after, one.what))


def _candidates(world: World, today: str) -> Iterator[tuple[str, str, World]]:
    yield from _factors(world)
    yield from _ties(world, today)
    yield from _routes(world, today)
    if world.degrades is not None:
        changed = msgspec.structs.replace(world, degrades=None)
        why = "one route alone would no longer open an account"
        yield 'let recoveries wait for a second route (when_alone = "wait")', why, changed
    if world.without_factor is not None:
        changed = msgspec.structs.replace(world, without_factor=None)
        why = "two mailed proofs would no longer replace a lost factor"
        yield "ask for more than mail of who lost a factor (contact_points_alone)", why, changed


def _factors(world: World) -> Iterator[tuple[str, str, World]]:
    for name in sorted({one.account_class for one in world.groups if one.factor == NO_FACTOR}):
        groups = tuple(
            msgspec.structs.replace(one, factor="totp")
            if one.account_class == name and one.factor == NO_FACTOR
            else one
            for one in world.groups
        )
        bare = sum(
            one.accounts
            for one in world.groups
            if one.account_class == name and one.factor == NO_FACTOR
        )
        changed = msgspec.structs.replace(world, groups=_merged(groups))
        yield (
            f"a second factor for the {bare} accounts of class {name} that have none",
            "mailed proofs would not suffice for them",
            changed,
        )


def _merged(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Groups of the same name counted together."""
    out: dict[str, Group] = {}
    for one in groups:
        known = out.get(one.id)
        count = one.accounts + (0 if known is None else known.accounts)
        out[one.id] = msgspec.structs.replace(one, accounts=count)
    return tuple(out.values())


def _ties(world: World, today: str) -> Iterator[tuple[str, str, World]]:
    """Each administrator or relay of somebody, taken away."""
    for party in world.parties.values():
        for tie, words in (
            ("administered_by", "give {0} administrators of its own instead of {1}"),
            ("relays_via", "have {0} send by itself and not through {1}"),
        ):
            for other in getattr(party, tie):
                left = tuple(one for one in getattr(party, tie) if one != other)
                alone = msgspec.structs.replace(party, **{tie: left})
                what = words.format(party.called, world.parties[other].called)
                why = f"{world.parties[other].called} would no longer reach {party.called}"
                yield what, why, _with(world, today, {party.id: alone})


def _routes(world: World, today: str) -> Iterator[tuple[str, str, World]]:
    """One more carrier of everything that recoveries use."""
    if not world.proofs:
        return
    party = Party("(new)", _NEW, kind=PartyKind.MAIL)
    domains = tuple({d for one in world.carriers for d in one.domains})
    streams = tuple(dict.fromkeys((world.proofs, world.notices)))
    carrier = Carrier("(new)", party.id, streams, domains)
    changed = msgspec.structs.replace(world, carriers=(*world.carriers, carrier))
    yield (
        f"{_NEW} for {', '.join(streams)}",
        "links and codes would be split over more parties",
        _with(changed, today, {party.id: party}),
    )


def _with(world: World, today: str, parties: dict[str, Party]) -> World:
    """The world with some parties replaced, and its pairs of routes worked out anew."""
    everybody = {**world.parties, **parties}
    graph = TrustGraph(everybody, lambda: today)
    return msgspec.structs.replace(
        world,
        parties=everybody,
        pairs=pairs(world.carriers, world.proofs, graph) if world.proofs else (),
    )

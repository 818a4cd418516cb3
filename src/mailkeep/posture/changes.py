"""Ranks single changes by how much risk each would remove (pure).

A change is tried on a copy of the world, and judged by what is left: accounts that one outside
party can take by itself, then accounts that two can take together, then names of ours that one can
send as, each summed over the parties. Accounts that fall only after a hold count as well; so do, in
the same way, those that fall when their owner signs in, so that a change of who stands before our
pages shows too.

Removing a tie that is on no path to an account or a name changes nothing, since the path that was
found stays; so only ties on paths are tried, and of those the ones on the most.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from mailkeep.providers import registry
from mailkeep.trust import reach, rules, sets
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import NO_FACTOR, Carrier, Group, World, pairs, with_custody

from .types import Change, How

_NEW = "a provider of another party"
_TEXTS = "a provider of text messages of another party"
TRIED = 20  #: ties whose end is tried
LOOKED = 500  #: sets of parties whose paths are looked at for ties

#: Of the rules that follow a tie, how the tie is called.
_TIED = {"owns": "owned_by", "administers": "administered_by", "resets_admin": "administered_by"}
_ENDED = {
    "administered_by": "give {0} administrators of its own instead of {1}",
    "relays_via": "have {0} send by itself and not through {1}",
}


class Danger(msgspec.Struct, frozen=True, order=True):
    """Sums over parties, or pairs of parties, of the accounts that they can take; pairs are 0 where
    there are more than can be listed. ``names``: the sum over parties of the domains of ours that
    they can send as."""

    single: int
    pairs: int
    names: int


class _Found(msgspec.Struct, frozen=True):
    """What parties outside could do; ``sets``: the smallest of them, by goal, up to a ``size``."""

    size: int
    danger: Danger
    sets: dict[str, list[frozenset[str]]]
    senders: dict[str, frozenset[str]]


def danger(world: World, largest: int = 2) -> tuple[int, Danger]:
    """What the parties outside could take, one by one and two by two.

    Returns up to which size sets were listed, and what they take.
    """
    found = _found(world, largest)
    return found.size, found.danger


def _found(world: World, largest: int) -> _Found:
    theirs = [one.id for one in world.parties.values() if one.kind is not PartyKind.OURS]
    goals = {f"{how.value}:{one.id}": one for one in world.groups for how in How}
    grounded = rules.ground(world)
    size, found = sets.readable(grounded, list(goals), theirs, largest)
    sizes: Counter[int] = Counter()
    for group in world.groups:
        some = set().union(*(found[f"{how.value}:{group.id}"] for how in How))
        singles = {one for one in some if len(one) == 1}
        two = {one for one in some if len(one) == 2 and not any(s < one for s in singles)}
        sizes[1] += group.accounts * len(singles)
        sizes[2] += group.accounts * len(two)
    outside = {f"party:{one}": one for one in theirs}
    senders = {
        word: frozenset(outside[one] for one in behind if one in outside)
        for word, behind in reach.behind(grounded, [f"send:{one}" for one in world.sending]).items()
    }
    names = sum(map(len, senders.values()))
    return _Found(size, Danger(sizes[1], sizes[2], names), found, senders)


def ranked(world: World, today: str) -> list[Change]:
    """The changes that would reduce the danger, the best first."""
    found = _found(world, 2)
    before, out = found.danger, []
    for what, why, changed in _candidates(world, today, found):
        size, after = danger(changed, found.size)
        if size == found.size and after < before:
            out.append(
                Change(
                    what=what,
                    why=why,
                    single_before=before.single,
                    single_after=after.single,
                    pairs_before=before.pairs,
                    pairs_after=after.pairs,
                    names_before=before.names,
                    names_after=after.names,
                )
            )
    return sorted(
        out, key=lambda one: (one.single_after, one.pairs_after, one.names_after, one.what)
    )


def _candidates(world: World, today: str, found: _Found) -> Iterator[tuple[str, str, World]]:
    yield from _factors(world)
    yield from _ties(world, today, _used(world, found))
    yield from _routes(world, today)
    yield from _signing(world)
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


def _used(world: World, found: _Found) -> list[tuple[str, str, str]]:
    """Ties, as (party, kind, other), on the paths of parties to accounts and names; of the most
    accounts first."""
    engine = reach.Engine(rules.ground(world))
    accounts = {f"{how.value}:{one.id}": one.accounts for one in world.groups for how in How}
    goals = [(accounts[goal], goal, one) for goal, some in found.sets.items() for one in some]
    goals.sort(key=lambda one: (-one[0], len(one[2]), one[1], sorted(one[2])))
    goals += [
        (0, word, frozenset({one})) for word, some in found.senders.items() for one in sorted(some)
    ]
    used: Counter[tuple[str, str, str]] = Counter()
    for number, goal, some in goals[:LOOKED]:
        for step in engine.reach(some).path(goal):
            tie = _tie(world, step)
            if tie is not None:
                used[tie] += number + 1
    return [tie for tie, _ in sorted(used.items(), key=lambda one: (-one[1], one[0]))]


def _tie(world: World, step: reach.Step) -> tuple[str, str, str] | None:
    """The tie that a step follows, if it is one that could be ended."""
    about = step.head.partition(":")[2]
    if step.why == "relays":
        return about, "relays_via", step.body[0].partition(":")[2]
    if step.why not in _TIED:
        return None
    other = step.body[0].partition(":")[2]
    if other not in world.parties[about].administered_by:
        return None  # who owns somebody is not to be changed by us
    return about, "administered_by", other


def _ties(
    world: World, today: str, used: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[str, str, World]]:
    """Administrators and relays of somebody, each taken away."""
    for _, (about, tie, other) in zip(range(TRIED), used, strict=False):
        party = world.parties[about]
        left = tuple(one for one in getattr(party, tie) if one != other)
        alone = msgspec.structs.replace(party, **{tie: left})
        called = world.parties[other].called
        what = _ENDED[tie].format(party.called, called)
        why = f"{called} would no longer reach {party.called}"
        yield what, why, _with(world, today, {about: alone})


def _routes(world: World, today: str) -> Iterator[tuple[str, str, World]]:
    """One more carrier of everything that recoveries use: mail, or text messages where there is a
    module that sends them."""
    if not world.proofs:
        return
    streams = tuple(dict.fromkeys(one for one in (world.proofs, world.notices) if one))
    for name, kind, why in (
        (_NEW, PartyKind.MAIL, "links and codes would be split over more parties"),
        (_TEXTS, PartyKind.SMS, "codes would come to another place than the links"),
    ):
        texts = kind is PartyKind.SMS
        if texts and not registry.texting():
            continue
        party = Party("(new)", name, kind=kind)
        carrier = Carrier(
            "(new)",
            party.id,
            (world.proofs,) if texts else streams,
            () if texts else world.sending,
            texts=texts,
        )
        changed = msgspec.structs.replace(world, carriers=(*world.carriers, carrier))
        what = f"{name} for {world.proofs if texts else ', '.join(streams)}"
        yield what, why, _with(changed, today, {party.id: party})


def _signing(world: World) -> Iterator[tuple[str, str, World]]:
    """Own DKIM: mail is signed before a provider has it, and our DNS no longer speaks for it."""
    for one in world.carriers:
        names = tuple(dict.fromkeys((*one.domains, *one.returns)))
        if one.texts or not names:
            continue
        as_whom = ", ".join(names)
        signed = msgspec.structs.replace(one, domains=(), returns=())
        carriers = tuple(signed if other is one else other for other in world.carriers)
        what = (
            f"own DKIM at {one.name}: sign mail of {as_whom} before it goes there, and take its"
            f" keys and servers out of the DNS of {as_whom}"
        )
        why = f"{world.parties[one.party].called} could no longer send as {as_whom}"
        yield what, why, msgspec.structs.replace(world, carriers=carriers)


def _with(world: World, today: str, parties: dict[str, Party]) -> World:
    """The world with some parties replaced, and its pairs of routes worked out anew."""
    everybody = {**world.parties, **parties}
    accounts = [
        (one.name, one.party, (world.secrets.get(one.name, ""), *world.makers.get(one.name, ())))
        for one in world.carriers
    ]
    graph = TrustGraph(with_custody(everybody, accounts, world.proofs), lambda: today)
    return msgspec.structs.replace(
        world,
        parties=everybody,
        pairs=pairs(world.carriers, world.proofs, graph) if world.proofs else (),
    )

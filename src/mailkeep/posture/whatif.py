"""What-if analysis: what falls if these parties fall, a ranking of all, and the single points
(pure)."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from mailkeep.accounts.classes import OPERATOR
from mailkeep.base.clock import iso
from mailkeep.base.errors import NotFound
from mailkeep.base.wording import counted, nearest
from mailkeep.mail import ledger
from mailkeep.trust import reach, rules, sets
from mailkeep.trust.graph import counting
from mailkeep.trust.types import PartyKind
from mailkeep.trust.world import Group, World

from . import words
from .types import (
    Entry,
    Fall,
    Gained,
    How,
    Live,
    Ranked,
    Seen,
    Sets,
    SinglePoint,
    StreamLeft,
    Taken,
    TrustConfiguration,
    Watcher,
)

_OUR_PEOPLE = frozenset({"staff", OPERATOR})
MOST_SETS = 50  #: that are shown of one class
_Acts = Mapping[str, Sequence[str]]  #: by verb, what each capability is about
MOST_NAMED, BY_ANY = 6, "any of them"  #: accounts of which a sentence names each


def _seeing(house: TrustConfiguration, live: Live) -> TrustConfiguration:
    """With the detectors that see because somebody brings reports, which no setting says."""
    seen = {
        name: msgspec.structs.replace(one, off="")
        for name, one in house.watchers.items()
        if one.brought in live.brought
    }
    return msgspec.structs.replace(house, watchers={**house.watchers, **seen}) if seen else house


class Model:
    """The rules of one world, prepared once and asked many times.

    Args:
        world: as ``scene.world`` makes it.
    """

    def __init__(self, house: TrustConfiguration, live: Live, world: World) -> None:
        self.house, self.live, self.world = _seeing(house, live), live, world
        self.rules = rules.ground(world)
        self.engine = reach.Engine(self.rules)
        self.names = {one.id: one.called for one in world.parties.values()}

    @property
    def counted_at(self) -> str:
        """When accounts and addresses were counted; "": they are supposed."""
        return iso(self.live.counted_at) if self.live.counted_at else ""

    def known(self, parties: Iterable[str]) -> tuple[str, ...]:
        """The ids, each once. Raises ``NotFound``, naming the nearest right one."""
        out = tuple(dict.fromkeys(parties))
        for one in out:
            if one not in self.world.parties:
                raise NotFound(f"no party {one!r}{nearest(one, self.world.parties)}")
        return out

    def fall(self, parties: Iterable[str]) -> Fall:
        """What falls with some parties together. Raises ``NotFound``."""
        some = self.known(parties)
        reached = self.engine.reach(some)
        found = reached.words()
        taken = self._taken(reached)
        acts: dict[str, list[str]] = {}
        for one in found:
            verb, _, about = one.partition(":")
            acts.setdefault(verb, []).append(about)
        lists, behind = acts.get("list", []), self._behind(reached)
        gained = tuple(
            Gained(one, words.says(one, self.names), self._path(reached, one))
            for one in found
            if words.verb(one) in words.VERBS
        )
        left = self._pairs_left(reached)
        return Fall(
            parties=some,
            names=tuple(self.names[one] for one in some),
            gained=gained,
            accounts=taken,
            now=_sum(taken, How.TAKE),
            held=_sum(taken, How.HELD),
            caught=_sum(taken, How.CATCH),
            exposed=ledger.total(self.live.given, frozenset(lists)),
            exposed_by=tuple(lists),
            streams=tuple(self._streams(reached)),
            routes_left=left,
            recovery=self._recovery(left),
            seen=tuple(self._seen(acts, behind)),
            playbook=self.house.playbook if behind else (),
            counted_at=self.counted_at,
            register=tuple(self._entry(one) for one in some),
        )

    def _entry(self, party: str) -> Entry:
        one = self.world.parties[party]
        people = (one.carries, one.holds, one.contact, one.terms, one.reviewed, one.source)
        return Entry(one.id, one.called, *people, one.confirmed)

    def ranked(self) -> list[Ranked]:
        """Every party with what falls with it alone, the gravest first."""
        out = []
        given: dict[frozenset[str], int] = {}
        for party in self.world.parties.values():
            reached = self.engine.reach([party.id])
            totals = dict.fromkeys(How, 0)
            for group in self.world.groups:
                for how in How:
                    if f"{how.value}:{group.id}" in reached:
                        totals[how] += group.accounts
                        break
            stops = [one.name for one in self.world.lanes if self._stops(reached, one.name)]
            lists = frozenset(
                one.name for one in self.world.carriers if f"list:{one.name}" in reached
            )
            if lists not in given:
                given[lists] = ledger.total(self.live.given, lists)
            out.append(
                Ranked(
                    party.id,
                    party.called,
                    party.kind.value,
                    party.kind is PartyKind.OURS,
                    totals[How.TAKE],
                    totals[How.HELD],
                    totals[How.CATCH],
                    given[lists],
                    tuple(stops),
                    len(reached) - 1,
                )
            )
        return sorted(
            out,
            key=lambda one: (
                -one.now,
                -one.held,
                -one.caught,
                -len(one.stops),
                -one.exposed,
                -one.capabilities,
                one.party,
            ),
        )

    def single_points(self) -> list[SinglePoint]:
        """Parties outside that take accounts of some group by themselves, the gravest first.

        Mailkeep's own processes, stores and keys are left out: they are ours to guard, and stand
        in ``ranked``.
        """
        out = []
        borne = {
            one.party: one.reason
            for one in self.house.settings.accept
            if counting(one.until, self.live.today)
        }
        for party in self.world.parties.values():
            if party.kind is PartyKind.OURS:
                continue
            for taken in self._taken(self.engine.reach([party.id])):
                out.append(
                    SinglePoint(
                        party.id,
                        party.called,
                        taken.how,
                        taken.account_class,
                        taken.factor,
                        taken.mailbox,
                        taken.accounts,
                        taken.path,
                        borne.get(party.id, ""),
                        self._only_mailboxes(party.id, taken),
                    )
                )
        order = list(How)
        return sorted(out, key=lambda one: (order.index(one.how), -one.accounts, one.party))

    def _only_mailboxes(self, party: str, taken: Taken) -> bool:
        """It falls because the customers' own provider has their mailboxes, and in no other way.

        Accounts of our own people are not meant, nor mailboxes at a domain that we send as: who
        keeps those is a party of ours.
        """
        if taken.account_class in _OUR_PEOPLE or taken.mailbox in self.house.sending:
            return False
        group = Group(
            taken.account_class, taken.factor, taken.mailbox, application=taken.application
        )
        reached = self._without_mailboxes.reach([party])
        ways = {How.TAKE, How.HELD, taken.how}
        return not any(f"{how.value}:{group.id}" in reached for how in ways)

    @cached_property
    def _without_mailboxes(self) -> reach.Engine:
        """The rules but for the one by which a keeper of mailboxes has them."""
        return reach.Engine([one for one in self.rules if one.why != "mailboxes"])

    def smallest(self, largest: int = sets.LARGEST) -> list[Sets]:
        """For each kind of account, the sets with the fewest parties outside that take it."""
        theirs = [one.id for one in self.world.parties.values() if one.kind is not PartyKind.OURS]
        goals: dict[tuple[str, str, How], list[str]] = {}
        for group in self.world.groups:
            for how in How:
                goal = f"{how.value}:{group.id}"
                goals.setdefault((group.account_class, group.factor, how), []).append(goal)
        every = [goal for some in goals.values() for goal in some]
        looked, found = sets.readable(self.rules, every, theirs, largest)
        out = []
        for (name, factor, how), some in goals.items():
            merged = {one for goal in some for one in found[goal]}
            size = min(map(len, merged), default=0)
            fewest = sorted(tuple(sorted(one)) for one in merged if len(one) == size)
            shown = tuple(fewest[:MOST_SETS])
            out.append(Sets(name, factor, how, size, shown, len(fewest), looked))
        return out

    def _taken(self, reached: reach.Reached) -> tuple[Taken, ...]:
        """Each group once, by the gravest way in which it falls."""
        out = []
        for group in self.world.groups:
            for how in How:
                goal = f"{how.value}:{group.id}"
                if goal in reached:
                    out.append(
                        Taken(
                            how,
                            group.account_class,
                            group.factor,
                            group.mailbox,
                            group.accounts,
                            self._path(reached, goal),
                            group.application,
                        )
                    )
                    break
        return tuple(out)

    def _path(self, reached: reach.Reached, word: str) -> tuple[str, ...]:
        return tuple(one.words for one in reached.path(word, self.names))

    def _stops(self, reached: reach.Reached, stream: str) -> bool:
        return f"stop:{stream}" in reached

    def _streams(self, reached: reach.Reached) -> Iterable[StreamLeft]:
        for lane in self.world.lanes:
            through = [one.name for one in self.world.carrying(lane.name)]
            lost = [one for one in through if f"drop:{lane.name}@{one}" in reached]
            stops = self._stops(reached, lane.name)
            if lost or stops:
                left = [] if stops else [one for one in through if one not in lost]
                yield StreamLeft(lane.name, tuple(lost), tuple(left), stops)

    def _pairs_left(self, reached: reach.Reached) -> tuple[tuple[str, str], ...]:
        stream = self.world.proofs
        gone = {
            one.name
            for one in self.world.carriers
            if f"drop:{stream}@{one.name}" in reached or f"read:{stream}@{one.name}" in reached
        }
        if f"stop:{stream}" in reached:
            return ()
        return tuple(pair for pair in self.world.pairs if not gone & set(pair))

    def _recovery(self, left: Sequence[tuple[str, str]]) -> str:
        if not self.world.proofs:
            return "Mailkeep keeps no accounts here."
        if left:
            of = "of independent routes"
            return f"{counted(len(left), f'pair {of} is', f'pairs {of} are')} left."
        if self.world.degrades is not None:
            return "No two routes are left; recoveries go over one, with a long hold."
        return "No two routes are left: recoveries wait until a second one is back."

    def _seen(self, acts: _Acts, behind: Sequence[str]) -> Iterable[Seen]:
        known = self.house.watchers
        for act, (names, blind) in words.WATCHED.items():
            if act in acts:
                places = self._touched(act, acts, behind)
                parties = self._parties(acts)
                there = [
                    _there(known[one], parties if one in words.OF_PARTIES else places)
                    for one in names
                    if one in known
                ]
                yield Seen(act, tuple(one for one in there if one is not None), blind)

    def _parties(self, acts: _Acts) -> list[str]:
        """The parties outside that fall; our own have no console elsewhere."""
        fell = acts.get("party", ())
        return [one for one in fell if self.world.parties[one].kind is not PartyKind.OURS]

    def _behind(self, reached: reach.Reached) -> list[str]:
        """Our accounts at providers that are in the hands of whoever has all this."""
        secrets = self.world.secrets
        return [
            one.name
            for one in self.world.carriers
            if f"carries:{one.party}" in reached or f"party:{secrets.get(one.name)}" in reached
        ]

    def _touched(self, act: str, acts: _Acts, behind: Sequence[str]) -> Sequence[str]:
        """Our accounts at providers at which an act is done."""
        about = acts[act]
        if act in {"list", "claim"}:
            return about
        if act in {"read", "drop"}:
            return list(dict.fromkeys(one.rpartition("@")[2] for one in about))
        if act == "stop":
            carrying = [one.name for stream in about for one in self.world.carrying(stream)]
            return list(dict.fromkeys(carrying))
        return behind


def _there(one: Watcher, touched: Sequence[str]) -> Watcher | None:
    """What a detector sees of those within reach; None where there is nothing for it to see."""
    if one.at is None:
        return one
    if not touched:
        return None
    blind = tuple(place for place in touched if place not in one.at)
    seen = tuple(place for place in touched if place in one.at)
    why = one.elsewhere.format(", ".join(blind if len(blind) < MOST_NAMED else (BY_ANY,)))
    if one.off or not seen:
        return msgspec.structs.replace(one, off=one.off or why, at=(), elsewhere="")
    said = why if blind and one.name not in words.OF_PARTIES else ""
    return msgspec.structs.replace(one, at=seen, elsewhere=said)


def _sum(taken: Iterable[Taken], how: How) -> int:
    return sum(one.accounts for one in taken if one.how is how)


def failing(points: Sequence[SinglePoint], *, catching: bool = False) -> list[SinglePoint]:
    """Single points that fail a build: neither accepted nor the customers' own mailbox provider.

    Args:
        catching: parties before our pages count as well.
    """
    return [
        one
        for one in points
        if not one.accepted and not one.customers and (catching or one.how is not How.CATCH)
    ]


def by_party(points: Iterable[SinglePoint]) -> Mapping[str, list[SinglePoint]]:
    out: dict[str, list[SinglePoint]] = {}
    for one in points:
        out.setdefault(one.party, []).append(one)
    return out

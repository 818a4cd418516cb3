"""Routing: chooses the provider that carries a message now (pure)."""

from collections.abc import Mapping, Sequence, Set
from typing import Literal

import msgspec

from mailkeep.base.clock import SECOND, Instant

from .families import OTHER
from .fitting import SMALL
from .health import LONGEST_REST, Breaker
from .types import RouteSettings, Shift

BUSY = SECOND // 4  #: how long a message waits for a provider that has its hands full


class Wanted(msgspec.Struct, frozen=True):
    """A message's requirements on its route.

    Attributes:
        tried: providers that have had it, the last one last.
        bound: it must not go to a provider that has not had it already (a secret whose last attempt
            was ambiguous: another provider could then read it too).
        probes: it may probe whether a provider is back while another stands. Not recovery mail: a
            provider that still hangs would delay it.
        refused: those that gave a lasting refusal (``types.LASTING``), as often as they did.
        over: one of them refused it for good.
        insists: it goes to a provider at rest rather than to one that refused it: recovery mail.
    """

    only: tuple[str, ...]
    avoid: tuple[str, ...]
    tried: tuple[str, ...] = ()
    bound: bool = False
    probes: bool = False
    refused: tuple[str, ...] = ()
    over: bool = False
    insists: bool = False


class Busy:
    """What each provider of a stream can take at present.

    Args:
        free: how many more sends each may have under way; one that is missing has no bound.
        stuck: those whose sends under way have been unanswered for long: avoided, like a resting
            one, while another stands.
        room: octets of bodies that may be claimed; None: unlimited.
        idle: nothing is claimed, so one body may be larger than that.

    Attributes:
        waits: a body did not fit; no large one is taken before it.
    """

    def __init__(
        self,
        free: dict[str, int],
        stuck: Set[str] = frozenset(),
        room: int | None = None,
        *,
        idle: bool = False,
    ) -> None:
        self._free = free
        self.stuck = stuck
        self._room = room
        self._idle = idle
        self.waits = False

    def full(self, provider: str) -> bool:
        return self._free.get(provider, 1) <= 0

    def fits(self, size: int) -> bool:
        """Whether there is room for a body of that many octets."""
        if self._room is None or self._idle:
            return True
        return size <= self._room and not (self.waits and size > SMALL)

    def take(self, provider: str, size: int = 0) -> None:
        """One more is under way."""
        self._idle = False
        if self._room is not None:
            self._room -= size
        if provider in self._free:
            self._free[provider] -= 1


class Trickle:
    """Whose turn it is among the standbys, counted for each mailbox family.

    Drawn at random, small families would get no mail through a standby for days. Counted, a standby
    with ``warm`` 0.02 carries every fiftieth mail of each family.

    Args:
        start: the initial credit, in [0, 1): otherwise a process that is restarted each day would
            never count to fifty.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self._credit: dict[tuple[str, str], float] = {}

    def turn(self, family: str, standbys: Sequence[RouteSettings]) -> RouteSettings | None:
        """Count one more mail of the family; the standby that is to have it, if any."""
        due, most = None, 1.0 - 1e-9
        for route in standbys:
            key = family, route.provider
            credit = self._credit.get(key, self._start) + route.warm
            self._credit[key] = credit
            if credit >= most:
                due, most = route, credit
        if due is not None:
            self._credit[family, due.provider] -= 1.0
        return due


class Go(msgspec.Struct, frozen=True):
    """Send it through ``provider``; ``probe`` when that provider's breaker is half open."""

    provider: str
    probe: bool


class Wait(msgspec.Struct, frozen=True):
    """No route stands: look again at ``until``."""

    until: Instant
    why: Literal["no_route", "resting", "busy"]


def shifted(
    routes: tuple[RouteSettings, ...], shifts: Sequence[Shift]
) -> tuple[RouteSettings, ...]:
    """The routes with the weights that moves between providers have given them by now.

    Args:
        shifts: in the order in which they were begun: what came to one may go on to the next. One
            between providers of which the stream has not both changes nothing.

    No route is added or taken away: whoever gave all its weight away is a standby.
    """
    weights = {route.provider: route.weight for route in routes}
    for one in shifts:
        if one.source in weights and one.target in weights and one.source != one.target:
            moved = weights[one.source] * one.share
            weights[one.source] -= moved
            weights[one.target] += moved
    return tuple(msgspec.structs.replace(route, weight=weights[route.provider]) for route in routes)


def choose(
    routes: tuple[RouteSettings, ...],
    *,
    breakers: Mapping[str, Breaker],
    cut: Set[str],
    wanted: Wanted,
    draw: float,
    now: Instant,
    resting: Set[str] = frozenset(),
    busy: Busy | None = None,
    trickle: Trickle | None = None,
    family: str = OTHER,
) -> Go | Wait:
    """Choose a route.

    Args:
        routes: the stream's ways out.
        breakers: by provider; one that is missing is closed.
        cut: providers that are cut off; none of them is ever chosen.
        draw: a random number in [0, 1), passed in so that the choice can be replayed.
        resting: providers that carry only what no other route of the message may. A rest is a
            suspicion, so it never stops mail: if it is false for all of them at once (our own
            webhook door is shut), everything goes on; and what is for one provider only, as a
            canary is, still goes through it.
        busy: what each provider can take just now.
        trickle: counts what standbys carry all the same; without it they carry nothing.
        family: who keeps the recipient's mailbox, see ``families``.

    What was refused for good goes only to those who refused it least often: so each is asked before
    one is asked again that a person may have mended meanwhile.

    Closed breakers go before probes, providers that have not failed this message before those that
    have, routes with weight before standbys; among equals by weight. But whose rest is over is
    tried by one message, though another stands: who is never tried never comes back.
    """
    allowed = [
        route
        for route in routes
        if route.provider not in cut
        and route.provider not in wanted.avoid
        and (not wanted.only or route.provider in wanted.only)
        and (not wanted.bound or route.provider in wanted.tried)
    ]
    if not allowed:
        return Wait(now + 5 * SECOND, "no_route")
    if wanted.insists:
        allowed = _refused_least(allowed, wanted)
    allowed = [route for route in allowed if route.provider not in resting] or allowed
    allowed = _refused_least(allowed, wanted)

    def breaker(route: RouteSettings) -> Breaker:
        return breakers.get(route.provider, Breaker())

    busy = busy or Busy({})
    for route in allowed:
        if _is_due(route, breaker(route), wanted, now, busy):
            return Go(route.provider, probe=True)
    standing = [route for route in allowed if breaker(route).closed()]
    ready = standing or [route for route in allowed if breaker(route).may_probe(now)]
    if not ready:
        return Wait(min(breaker(route).open_until for route in allowed), "resting")
    ready = [route for route in ready if route.provider not in busy.stuck] or ready
    fresh = [route for route in ready if route.provider not in wanted.tried] or ready
    carrying = [route for route in fresh if route.weight > 0]
    # A standby is used when no other stands, not when the others are busy; but always for a small
    # share.
    warm = [route for route in fresh if route.weight == 0 < route.warm and breaker(route).closed()]
    warm = [route for route in warm if carrying and not busy.full(route.provider)]
    turn = trickle.turn(family, warm) if trickle is not None and warm else None
    best = [route for route in carrying or fresh if not busy.full(route.provider)]
    if turn is None and not best:
        return Wait(now + BUSY, "busy")
    chosen = turn or _by_share([(route, route.weight) for route in best], draw)
    return Go(chosen.provider, probe=not breaker(chosen).closed())


def _refused_least(routes: list[RouteSettings], wanted: Wanted) -> list[RouteSettings]:
    if not wanted.over:
        return routes
    least = min(wanted.refused.count(route.provider) for route in routes)
    return [route for route in routes if wanted.refused.count(route.provider) == least]


def others(
    routes: Sequence[RouteSettings], *, cut: Set[str], resting: Set[str], wanted: Wanted, than: str
) -> bool:
    """Whether a message that a provider refuses now may go to another one, which has refused it
    less often. Not to one at rest, unless it insists: else whoever is inside one provider could
    hand all of its mail to another that is under suspicion."""
    out, times = {*wanted.avoid, *cut, than}, wanted.refused.count(than)
    if not wanted.insists:
        out |= resting
    return any(
        route.provider not in out
        and (not wanted.only or route.provider in wanted.only)
        and wanted.refused.count(route.provider) <= times
        for route in routes
    )


def _is_due(
    route: RouteSettings, breaker: Breaker, wanted: Wanted, now: Instant, busy: Busy
) -> bool:
    """Whether this message tries if a provider is back, whoever else stands."""
    over = now if wanted.probes else now - LONGEST_REST  # recovery mail: when nobody else did
    return (
        route.weight > 0
        and breaker.may_probe(over)
        and route.provider not in wanted.tried
        and route.provider not in busy.stuck
        and not busy.full(route.provider)
    )


def _by_share(routes: list[tuple[RouteSettings, float]], draw: float) -> RouteSettings:
    mark = draw * sum(share for _, share in routes)
    for route, share in routes:
        mark -= share
        if mark < 0:
            return route
    return routes[-1][0]


def backoff(tries: int, draw: float) -> int:
    """Microseconds to wait before try ``tries`` + 1: doubling from a second to five minutes, with
    full jitter in the upper half, so that what failed together does not come back together."""
    longest = min(1 << min(tries, 9), 300) * SECOND
    return round(longest * (0.5 + draw / 2))

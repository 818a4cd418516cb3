"""Bookkeeping of a listener's clients: connections, memory held, failed logins (no I/O)."""

from collections import Counter, OrderedDict
from typing import Protocol

import structlog

from mailkeep.base.floods import Flood

from .body import Body
from .types import Limits

log = structlog.get_logger(__name__)

FIRST_DELAY = 0.25  #: seconds after a network's first wrong key; doubled with each
LONGEST_DELAY = 20.0
FORGET_SECONDS = 600.0  #: a network's wrong keys are forgotten so long after its last one
MOST_NETWORKS = 10_000


class Guest(Protocol):
    """A connection. ``storing``: its message is being stored, and it will be told so."""

    @property
    def storing(self) -> bool: ...

    def make_room(self) -> None: ...


class Guests:
    """Counts for one listener.

    Security: wrong keys slow the guesser down, and only them. A right key is never held up, so
    that nobody locks an application out by guessing from its network; keys have 128 bits and more,
    so a guess wins nothing anyway. Where all places are taken the largest crowd gives one up, and
    where all memory is the message that has taken the longest: else two machines that dawdle would
    keep every provider's canaries and bounces out, and healthy providers would look silent.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.memory = 0  #: octets of messages under way
        self._bodies: dict[Body, int] = {}  # the one that began first comes first
        self._inside: dict[Guest, str] = {}  # likewise, with its network
        self._here: Counter[str] = Counter()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._flood = Flood()

    def enter(self, network: str, guest: Guest) -> bool:
        """Let a connection of that network in, unless there are too many."""
        here, limits = self._here[network], self.limits
        if here >= limits.per_network:
            return False
        if self._here.total() >= limits.connections and not self._make_room(here):
            return False
        self._inside[guest] = network
        self._here[network] += 1
        return True

    def leave(self, guest: Guest) -> None:
        network = self._inside.pop(guest, None)
        if network is not None:
            self._here[network] -= 1
            self._here += Counter()  # without those that are at nothing

    def _make_room(self, here: int) -> bool:
        """Disconnect the oldest client of the network that has most, for a network that has
        ``here`` of them."""
        crowd, count = self._here.most_common(1)[0]
        if count <= here + 1:
            return False
        for guest, network in self._inside.items():
            if network == crowd and not guest.storing:
                self.leave(guest)
                guest.make_room()
                return True
        return False

    def grew(self, body: Body) -> None:
        """Count the memory of a message under way; when the total is too large, the slowest message
        is dropped."""
        self._count(body)
        for one in [] if self.memory <= self.limits.memory else list(self._bodies):
            if self.memory > self.limits.memory and not one.ended:
                one.give_up()
                self._count(one)

    def over(self, body: Body) -> None:
        """A message is not under way any more."""
        self.memory -= self._bodies.pop(body, 0)

    def _count(self, body: Body) -> None:
        self.memory += body.held - self._bodies.get(body, 0)
        self._bodies[body] = body.held

    def wrong(self, network: str, now: float) -> float:
        """Note a wrong key; returns by how many seconds its answer is delayed."""
        count, last = self._wrong.pop(network, (0, now))
        count = 1 if now - last > FORGET_SECONDS else count + 1
        self._wrong[network] = (count, now)
        if len(self._wrong) > MOST_NETWORKS:
            self._wrong.popitem(last=False)
        return float(min(FIRST_DELAY * 2 ** min(count - 1, 16), LONGEST_DELAY))

    def refused(self, why: str, now: float) -> None:
        """Say in the log that a session was refused: neither by whom nor what it said."""
        times = self._flood.times(why, now)
        if times:
            log.info("smtp.refused", why=why, times=times)

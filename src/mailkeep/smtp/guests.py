"""Who is at a listener, what they hold, and how often they guessed wrong (no I/O)."""

from collections import Counter, OrderedDict

import structlog

from .types import Limits

log = structlog.get_logger(__name__)

FIRST_DELAY = 0.25  #: seconds after a network's first wrong key; doubled with each
LONGEST_DELAY = 20.0
FORGET_SECONDS = 600.0  #: a network's wrong keys are forgotten so long after its last one
MOST_NETWORKS = 10_000
SAY_SECONDS = 1.0  #: a flood of refusals is one line a second for each reason


class Guests:
    """Counts for one listener.

    Security: wrong keys slow the guesser down, and only them. A right key is never held up, so
    that nobody locks an application out by guessing from its network; keys have 128 bits and more,
    so a guess wins nothing anyway.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.memory = 0  #: octets of messages under way
        self._here: Counter[str] = Counter()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._said: dict[str, tuple[float, int]] = {}

    def enter(self, network: str) -> bool:
        """Let a connection of that network in, unless there are too many."""
        limits = self.limits
        if self._here.total() >= limits.connections or self._here[network] >= limits.per_network:
            if not self._here[network]:
                del self._here[network]
            return False
        self._here[network] += 1
        return True

    def leave(self, network: str) -> None:
        self._here[network] -= 1
        if not self._here[network]:
            del self._here[network]

    def wrong(self, network: str, now: float) -> float:
        """Note a wrong key; returns for how many seconds its answer waits."""
        count, last = self._wrong.pop(network, (0, now))
        count = 1 if now - last > FORGET_SECONDS else count + 1
        self._wrong[network] = (count, now)
        if len(self._wrong) > MOST_NETWORKS:
            self._wrong.popitem(last=False)
        return float(min(FIRST_DELAY * 2 ** min(count - 1, 16), LONGEST_DELAY))

    def refused(self, why: str, now: float) -> None:
        """Say in the log that a session was refused: neither by whom nor what it said."""
        last, unsaid = self._said.get(why, (float("-inf"), 0))
        if now - last < SAY_SECONDS:
            self._said[why] = (last, unsaid + 1)
            return
        self._said[why] = (now, 0)
        log.info("smtp.refused", why=why, times=unsaid + 1)

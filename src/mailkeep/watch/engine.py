"""Runs all detectors over one log: events and whole seconds in, signals out (pure).

A whole second passes before the first event placed at or after it. Live, seconds pass as far as the
relay says that everything is placed; in a replay, as far as the log goes. Both see the same order,
so both raise the same signals.

A detector that fails on a fact passes it over, in a replay too. If it ended the engine, whoever
finds a fact that it cannot bear would blind all of them, for ever: the log is read in order.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.types import Fact, Recorded

from .detectors.catalogue import DETECTORS
from .types import NEVER, Signal, WatchSettings


class Saved(msgspec.Struct, frozen=True):
    """A checkpoint of an engine: the second it has reached, and each detector's state by name."""

    clock: Instant
    states: dict[str, msgspec.Raw]


class Engine:
    """Runs the catalogue's detectors side by side.

    Args:
        settings: the current ones.
        saved: what ``save`` returned, to go on from there. A detector that it does not know begins
            now.

    Attributes:
        failed: how often each detector failed, by its name and the error's: a fault of ours.
    """

    def __init__(self, settings: WatchSettings, saved: bytes | None = None) -> None:
        before = Saved(0, {}) if saved is None else msgspec.json.decode(saved, type=Saved)
        self._clock = before.clock
        self.failed: Counter[tuple[str, str]] = Counter()
        self._running = {}
        for one in DETECTORS:
            state = before.states.get(one.name)
            self._running[one.name] = one.run(settings, None if state is None else bytes(state))
        self._all = tuple(self._running.values())
        self._hear: dict[type[Fact], tuple[int, ...]] = {}
        # For each detector, the instant before which a tick changes nothing unless it hears a fact;
        # and which of these must be asked for again.
        self._due = [self._next(place) for place in range(len(self._all))]
        self._stale: set[int] = set()

    @property
    def clock(self) -> Instant:
        """The whole second that has passed last."""
        return self._clock

    def step(self, recorded: Recorded) -> list[Signal]:
        """Take the next fact of the log."""
        signals = self.pass_time(recorded.placed_at)
        kind = type(recorded.fact)
        hearers = self._hear.get(kind)
        if hearers is None:
            hearers = self._hear[kind] = tuple(
                place for place, one in enumerate(DETECTORS) if not one.hears or kind in one.hears
            )
        for place in hearers:
            signals += self._try(place, partial(self._all[place].step, recorded))
        self._stale.update(hearers)
        return signals

    def pass_time(self, through: Instant) -> list[Signal]:
        """Let the whole seconds up to ``through`` pass; those with nothing due are skipped."""
        signals: list[Signal] = []
        last = through // SECOND * SECOND
        while self._clock < last:
            for place in self._stale:
                self._due[place] = self._next(place)
            self._stale.clear()
            second = max(-(-min(self._due) // SECOND) * SECOND, self._clock + SECOND)
            if second > last:
                break
            self._clock = second
            for place, due in enumerate(self._due):
                if due <= second:
                    signals += self._try(place, partial(self._all[place].tick, second))
                    self._stale.add(place)
        self._clock = max(self._clock, last)
        return signals

    def _try(self, place: int, work: Callable[[], list[Signal]]) -> list[Signal]:
        try:
            return work()
        except Exception as error:
            self.failed[DETECTORS[place].name, type(error).__name__] += 1
            return []

    def _next(self, place: int) -> Instant:
        try:
            return self._all[place].due()
        except Exception as error:
            self.failed[DETECTORS[place].name, type(error).__name__] += 1
            return NEVER

    def save(self) -> bytes:
        """The state, to be kept with the position of the last fact taken."""
        states = {name: msgspec.Raw(one.save()) for name, one in self._running.items()}
        return msgspec.json.encode(Saved(self._clock, states))


def replay(
    log: Iterable[Recorded], settings: WatchSettings | None = None, through: Instant = 0
) -> list[Signal]:
    """Every signal that a log raises, with seconds passing to ``through`` after its last fact."""
    engine = Engine(settings or WatchSettings())
    signals: list[Signal] = []
    for recorded in log:
        signals += engine.step(recorded)
    return signals + engine.pass_time(through)

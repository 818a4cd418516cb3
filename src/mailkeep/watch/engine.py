"""All detectors over one log (pure): facts and whole seconds in, signals out.

A whole second passes before the first fact placed at or after it. Live, seconds pass as far as the
relay says that everything is placed; in a replay, as far as the log goes. Both see the same order,
so both raise the same signals.
"""

from collections.abc import Iterable

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.types import Fact, Recorded

from .detector import Running
from .detectors.catalogue import DETECTORS
from .types import Signal, WatchSettings


class Saved(msgspec.Struct, frozen=True):
    """Where an engine stands: the second it has reached, each detector's state by its name."""

    clock: Instant
    states: dict[str, msgspec.Raw]


class Engine:
    """The catalogue's detectors, side by side.

    Args:
        settings: today's.
        saved: what ``save`` returned, to go on from there. A detector that it does not know
            begins now.
    """

    def __init__(self, settings: WatchSettings, saved: bytes | None = None) -> None:
        before = Saved(0, {}) if saved is None else msgspec.json.decode(saved, type=Saved)
        self._clock = before.clock
        self._running = {}
        for one in DETECTORS:
            state = before.states.get(one.name)
            self._running[one.name] = one.run(settings, None if state is None else bytes(state))
        self._hear: dict[type[Fact], tuple[Running, ...]] = {}
        # No tick is due before this instant, as long as no fact comes.
        self._due: Instant | None = None

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
                self._running[one.name] for one in DETECTORS if not one.hears or kind in one.hears
            )
        for one in hearers:
            signals += one.step(recorded)
        if hearers:
            self._due = None
        return signals

    def pass_time(self, through: Instant) -> list[Signal]:
        """Let the whole seconds up to ``through`` pass; those with nothing due are skipped."""
        signals: list[Signal] = []
        last = through // SECOND * SECOND
        while self._clock < last:
            if self._due is None:
                self._due = min(one.due() for one in self._running.values())
            due = self._due
            second = max(-(-due // SECOND) * SECOND, self._clock + SECOND)
            if second > last:
                break
            self._clock, self._due = second, None
            for one in self._running.values():
                signals += one.tick(second)
        self._clock = max(self._clock, last)
        return signals

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

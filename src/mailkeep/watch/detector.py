"""The port of a detector, and the wrapper that runs one.

A detector is pure: ``start``, ``step`` and ``tick`` return a new state and what they raise. Facts
carry two times: rates are learned from ``at``, when it happened; time passes by ``placed_at``,
which never goes back. ``due`` says before which instant a tick changes nothing, so that a replay
may skip the quiet seconds and still agree with the first reading.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Fact, Recorded

from .types import NEVER, Signal, WatchSettings

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class Running(Protocol):
    """A detector together with its state, whose type is hidden here."""

    def step(self, recorded: Recorded) -> list[Signal]: ...

    def tick(self, now: Instant) -> list[Signal]: ...

    def due(self) -> Instant: ...

    def save(self) -> bytes: ...


class Detects(Protocol):
    """A detector of the catalogue."""

    @property
    def name(self) -> str: ...

    @property
    def hears(self) -> tuple[type[Fact], ...]: ...

    def run(self, settings: WatchSettings, saved: bytes | None = None) -> Running: ...


def _says_nothing(state: T, _now: Instant) -> tuple[T, list[Signal]]:
    return state, []


def _never(_state: object) -> Instant:
    return NEVER


@dataclass(frozen=True)
class Detector(Generic[S]):
    """The four functions of one detector's module, and the type of its state.

    The state's field ``settings`` is always today's: a saved state takes the settings of the
    process that reads it.

    Attributes:
        hears: the facts that ``step`` looks at, and no other is handed to it; empty: all of them.
        tick, due: of a detector to which it matters that nothing happens.
    """

    name: str
    state: type[S]
    start: Callable[[WatchSettings], S]
    step: Callable[[S, Recorded], tuple[S, list[Signal]]]
    hears: tuple[type[Fact], ...] = ()
    tick: Callable[[S, Instant], tuple[S, list[Signal]]] = _says_nothing
    due: Callable[[S], Instant] = _never

    def run(self, settings: WatchSettings, saved: bytes | None = None) -> Running:
        """Begin, or go on from what ``save`` wrote.

        A saved state that this version cannot read is left: the detector learns anew.
        """
        state = self.start(settings)
        if saved is not None:
            try:
                before = msgspec.json.decode(saved, type=self.state)
            except msgspec.ValidationError:
                before = state
            fresh = msgspec.structs.asdict(state)["settings"]
            state = msgspec.structs.replace(before, settings=fresh)
        return _Running(self, state)


class _Running(Generic[S]):
    def __init__(self, detector: Detector[S], state: S) -> None:
        self._detector = detector
        self._state = state

    def step(self, recorded: Recorded) -> list[Signal]:
        self._state, signals = self._detector.step(self._state, recorded)
        return signals

    def tick(self, now: Instant) -> list[Signal]:
        self._state, signals = self._detector.tick(self._state, now)
        return signals

    def due(self) -> Instant:
        return self._detector.due(self._state)

    def save(self) -> bytes:
        return msgspec.json.encode(self._state)

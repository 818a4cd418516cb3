"""Serialises the event log as JSON lines, and reads it again (pure).

The first line is the head: the format, and how far the log's time had passed. Each other line is
one event in its position. Events are pseudonymous, and so is the file. It carries the events that a
detector hears, and the signals that were raised then, for comparison.

Security: a file comes from anywhere. It is only read: nothing in it is stored, sent or carried out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid
from mailkeep.events.types import Recorded, decode

from .detector import Detects
from .detectors.catalogue import DETECTORS
from .engine import Engine
from .events import SignalRaised
from .types import Signal, WatchSettings

FORMAT = "mailkeep.watch.log/1"


class Head(msgspec.Struct, frozen=True):
    """The first line. ``from_position``: the place before the first fact; 0: the whole log."""

    format: str
    through: Instant
    from_position: int = 0


class Line(msgspec.Struct, frozen=True):
    """A fact in its place; ``data``: as the log has it."""

    position: int
    placed_at: Instant
    at: Instant
    id: str
    kind: str
    data: msgspec.Raw

    def recorded(self) -> Recorded | None:
        """The fact; None where this version does not know it, or cannot read it."""
        try:
            fact = decode(self.kind, bytes(self.data).decode())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if fact is None:
            return None
        return Recorded(self.position, self.placed_at, self.at, self.id, fact)


def kinds(detectors: Iterable[Detects] = DETECTORS) -> frozenset[str] | None:
    """The kinds of facts that a replay needs, the signals themselves too; None: all of them."""
    found = {SignalRaised.kind}
    for one in detectors:
        if not one.hears:
            return None
        found |= {fact.kind for fact in one.hears}
    return frozenset(found)


def write(head: Head, lines: Iterable[Line]) -> Iterator[bytes]:
    """The file, a line at a time."""
    yield msgspec.json.encode(head) + b"\n"
    for line in lines:
        yield encode(line)


def encode(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def line_of(line: bytes, number: int) -> Line:
    """A line of a file; ``number``: which. Raises ``Invalid``."""
    try:
        return msgspec.json.decode(line, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"line {number} of the log is not a fact") from error


def head_of(line: bytes) -> Head:
    """The head of a file. Raises ``Invalid``."""
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("this is not a log of facts: its first line is not a head") from error
    if head.format != FORMAT:
        raise Invalid(f"this log is of the format {head.format[:60]!r}, not {FORMAT}")
    return head


class Compared(msgspec.Struct, frozen=True):
    """The difference between a replay's signals and the original ones, to the last bit.

    Attributes:
        same, missing, new: raised both times; then and not now; now and not then.
    """

    same: int
    missing: int
    new: int


class Replay:
    """One reading of a log through every detector.

    Args:
        settings: of the detectors; the same as then, for the same signals.
        hear: called with each signal as it is raised.
    """

    def __init__(
        self, settings: WatchSettings, hear: Callable[[Signal], None] | None = None
    ) -> None:
        self.engine = Engine(settings)
        self.signals: list[Signal] = []
        self.then: list[Signal] = []
        self.facts = 0
        self.unknown: Counter[str] = Counter()
        self.first: Instant | None = None
        self._hear = hear

    def take(self, line: Line) -> None:
        """The next fact."""
        recorded = line.recorded()
        if recorded is None:
            self.unknown[line.kind] += 1
            return
        self.facts += 1
        if self.first is None:
            self.first = recorded.placed_at
        if isinstance(recorded.fact, SignalRaised):
            self.then.append(recorded.fact.signal)
        self._raise(self.engine.step(recorded))

    def end(self, through: Instant) -> None:
        """Let time pass to where the log's time had passed."""
        self._raise(self.engine.pass_time(through))

    def compared(self) -> Compared:
        """What was raised, beside what the log says was raised then."""
        then = Counter(map(msgspec.json.encode, self.then))
        now = Counter(map(msgspec.json.encode, self.signals))
        return Compared((then & now).total(), (then - now).total(), (now - then).total())

    def _raise(self, signals: list[Signal]) -> None:
        self.signals += signals
        if self._hear is not None:
            for one in signals:
                self._hear(one)

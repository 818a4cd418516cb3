"""Runs a simulated log through detectors and correlation: which signals and opinions resulted,
and how long it took."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.asking import Told, accuses, is_by_hand
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.engine import Engine
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import NEVER, Hypothesis, Signal, Subject, WatchSettings

from .company import Truth


class Held(msgspec.Struct, frozen=True):
    """An opinion that opened: what would have been an incident, or a part of one. ``until``: when
    it was let go; ``asks``: all that time it asked whether it was one of our own people."""

    hypothesis: Hypothesis
    subject: Subject
    at: Instant
    may_cut: bool
    detectors: tuple[str, ...]
    until: Instant = NEVER
    asks: bool = False


class Judged(msgspec.Struct):
    """What came of a log. ``cut``: about whom an automatic cut was allowed, ever."""

    signals: list[Signal] = []
    held: list[Held] = []
    cut: set[Subject] = set()
    facts: int = 0
    seconds: float = 0.0

    def first(self, hypothesis: Hypothesis, subject: Subject, since: Instant) -> Held | None:
        """The first time that it was held, from ``since`` on."""
        return next(
            (
                one
                for one in self.held
                if one.hypothesis is hypothesis and one.subject == subject and one.at >= since
            ),
            None,
        )

    def held_at(self, hypothesis: Hypothesis, subject: Subject, at: Instant) -> bool:
        """Whether it was held at an instant already."""
        return any(
            one.hypothesis is hypothesis and one.subject == subject and one.at < at < one.until
            for one in self.held
        )

    def wrong(self, truths: Sequence[Truth]) -> list[Held]:
        """What was held and was not so: of another kind, of somebody else, at another time."""
        return [
            one
            for one in self.held
            if not any(
                truth.hypothesis is one.hypothesis
                and truth.subject == one.subject
                and truth.start <= one.at <= truth.end
                for truth in truths
            )
        ]


class Judge:
    """Hears signals as they come, and notes what opens. Between signals evidence only fades, so it
    is looked at once an hour, and only while something is held."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings.correlation
        self._beliefs = Beliefs()
        self._last: Instant = 0
        self.judged = Judged()

    def hear(self, signal: Signal, now: Instant) -> None:
        self.pass_time(now)
        self.judged.signals.append(signal)
        self._beliefs = hear(self._beliefs, signal)
        self._weigh(now)

    def pass_time(self, now: Instant) -> None:
        while self._beliefs.open and self._last + HOUR < now:
            self._weigh(self._last + HOUR)

    def _weigh(self, now: Instant) -> None:
        before = set(self._beliefs.open)
        self._beliefs, opinions = weigh(self._beliefs, now, self._settings)
        self._last = now
        gone = before - set(self._beliefs.open)
        if gone:
            self.judged.held = [
                msgspec.structs.replace(one, until=now)
                if one.until == NEVER and (one.hypothesis, one.subject) in gone
                else one
                for one in self.judged.held
            ]
        for one in opinions:
            if not one.open:
                continue
            if one.may_cut_automatically:
                self.judged.cut.add(one.subject)
            if (one.hypothesis, one.subject) not in before:
                said = tuple(term.detector for term in one.terms if term.counted > 0)
                cut = one.may_cut_automatically
                new = Held(one.hypothesis, one.subject, now, cut, said, asks=_asks(one))
                self.judged.held.append(new)
            elif not _asks(one):
                self._accuse(one)

    def _accuse(self, opinion: Opinion) -> None:
        """What was a question is none any more, for good."""
        self.judged.held = [
            msgspec.structs.replace(one, asks=False)
            if one.asks
            and one.until == NEVER
            and (one.hypothesis, one.subject) == (opinion.hypothesis, opinion.subject)
            else one
            for one in self.judged.held
        ]


def _asks(opinion: Opinion) -> bool:
    """Whether an incident about it would ask, and accuse nobody."""
    if opinion.hypothesis is not Hypothesis.PROVIDER_COMPROMISED:
        return False
    signs = [
        Told(one.detector, one.counted, one.said, one.forger, one.events) for one in opinion.terms
    ]
    return is_by_hand(signs) and not accuses(signs)


def judge(log: Iterable[Recorded], settings: WatchSettings, through: Instant = 0) -> Judged:
    """Every detector and the correlation over a log."""
    engine, judge_ = Engine(settings), Judge(settings)
    started = time.process_time()
    facts, last = 0, 0
    for recorded in log:
        facts, last = facts + 1, recorded.placed_at
        for signal in _taken(engine, recorded):
            judge_.hear(signal, max(signal.at, engine.clock))
    for signal in engine.pass_time(max(through, last)):
        judge_.hear(signal, max(signal.at, engine.clock))
    judge_.judged.facts = facts
    judge_.judged.seconds = time.process_time() - started
    return judge_.judged


def _taken(engine: Engine, recorded: Recorded) -> Iterator[Signal]:
    """What a fact raises. A signal is a fact of the log too, as the runner records it."""
    waiting = deque([recorded])
    while waiting:
        one = waiting.popleft()
        for number, signal in enumerate(engine.step(one)):
            yield signal
            name = f"{one.id}_{number}"
            again = Recorded(
                one.position, one.placed_at, one.placed_at, name, SignalRaised(signal=signal)
            )
            waiting.append(again)


def seconds(span: int) -> float:
    return span / SECOND

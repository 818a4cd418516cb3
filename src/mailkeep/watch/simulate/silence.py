"""Measures how soon total loss of mail is told, on a Poisson stream and on rougher ones.

The limit holds for a Poisson stream. Beside it two others of the same mean rate: *bursts*, ten
mails in the mean that leave within the time of half a mail's gap, as batches and queues that drain
do; and *day and night*, four hours of each day with twice the mean and eight of the night with a
fifth.
"""

import math
from collections.abc import Callable
from random import Random

import msgspec

from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.watch.detector import Running
from mailkeep.watch.detectors import delivery_silence
from mailkeep.watch.types import Signal, WatchSettings

from . import limits
from .company import START

RATES = (1 / 3600, 10 / 3600, 1 / 60, 10 / 60, 1.0, 10.0)  #: confirmations a second
ROUGH = RATES[:4]
BURST = 10.0  #: mails
_OF_DAY = (
    (0.2,) * 8
    + (1.0, 1.6, 2.0, 2.0, 2.0, 2.0, 1.6, 1.4, 1.2, 1.0, 1.0, 1.0, 1.0, 0.8, 0.8)
    + (0.8,)
)

#: Seconds from a mail at an instant to the next.
Gap = Callable[[float], float]


class Silence(msgspec.Struct, frozen=True):
    """Total loss of a stream: seconds from the last report to the alarm, in the mean and at worst
    of ``runs``, beside the limit of a Poisson stream.

    ``false``: of the runs, those with an alarm in the quiet time before. ``days``: of all such
    time.
    """

    rate: float
    limit: float
    mean: float
    worst: float
    runs: int
    missed: int
    shape: str = "poisson"
    false: int = 0
    days: float = 0.0


def silence(rate: float, seed: int, runs: int, settings: WatchSettings) -> Silence:
    """Learn from a Poisson stream, then lose all of it."""

    def steady(chance: Random) -> Gap:
        return lambda _when: chance.expovariate(rate)

    return _measured("silence", rate, steady, seed, runs, settings, quiet=0)


def rough(shape: str, rate: float, seed: int, runs: int, settings: WatchSettings) -> Silence:
    """The same of a stream of another shape, with as long a quiet time after what was learned."""

    def bursts(chance: Random) -> Gap:
        def gap(_when: float) -> float:
            if chance.random() < 1 / BURST:
                return chance.expovariate(rate / BURST * 20 / 19)
            return chance.expovariate(rate * 2 * BURST * (BURST - 1) / BURST)

        return gap

    def days(chance: Random) -> Gap:
        offset = chance.random() * DAY

        def gap(when: float) -> float:
            # Thinned: of a stream at the most, what the hour has.
            seconds = 0.0
            while True:
                seconds += chance.expovariate(2.0 * rate)
                hour = int((when + offset + seconds * SECOND) // HOUR) % 24
                if chance.random() < _OF_DAY[hour] / 2.0:
                    return seconds

        return gap

    made = bursts if shape == "bursts" else days
    quiet = 2 * round(settings.delivery_silence.memory)
    found = _measured(f"rough {shape}", rate, made, seed, runs, settings, quiet=quiet)
    return msgspec.structs.replace(found, shape=shape)


SHAPES = ("bursts", "day and night")


def _measured(
    name: str,
    rate: float,
    made: Callable[[Random], Gap],
    seed: int,
    runs: int,
    settings: WatchSettings,
    *,
    quiet: int,
) -> Silence:
    limit = limits.gap(rate, settings.delivery_silence.between_false_alarms)
    delays: list[float] = []
    false, seconds = 0, 0.0
    for run in range(runs):
        chance = Random(f"{name} {rate} {seed} {run}")
        delay, alarmed, lasted = _one(made(chance), settings, limit, quiet)
        false, seconds = false + alarmed, seconds + lasted
        if delay is not None:
            delays.append(delay)
    mean = math.fsum(delays) / len(delays) if delays else math.nan
    worst = max(delays, default=math.nan)
    days = seconds * SECOND / DAY
    return Silence(
        rate, limit, mean, worst, runs, runs - len(delays), false=false, days=round(days, 2)
    )


def _one(
    gap: Gap, settings: WatchSettings, limit: float, quiet: int
) -> tuple[float | None, bool, float]:
    """One run: the delay, None where it alarmed at once or never; whether it did in the quiet time,
    and how many seconds that had. The detector learns over twice its memory."""
    running = delivery_silence.DETECTOR.run(settings)
    when, facts = float(START), 0
    last = begun = START
    learn = round(2 * settings.delivery_silence.memory)
    lost, end, alarmed = learn + quiet, math.inf, False
    while when < end:
        when += gap(when) * SECOND
        at = round(when)
        signals = _tick(running, last, at) if facts > learn else []
        facts += 1
        name = f"m{facts}"
        sent = AttemptFinished(
            message=name,
            attempt=name,
            provider="a",
            stream="bulk",
            address="adr",
            outcome="accepted",
            detail="",
            seconds=0.1,
        )
        signals += running.step(Recorded(facts, at, at, name, sent))
        if any(one.evidence for one in signals):
            if facts > lost:
                return (signals[0].at - last) / SECOND, alarmed, (last - begun) / SECOND
            if not quiet:
                return None, alarmed, 0.0
            alarmed = alarmed or facts > learn
        if facts <= lost:
            heard = DeliveryReported(
                provider="a",
                claim=name,
                event="delivered",
                message=name,
                stream="bulk",
                address="adr",
                at_provider=None,
            )
            running.step(Recorded(facts, at, at, name, heard))
            last = at
            begun = at if facts <= learn else begun
            end = at + 20 * limit * SECOND if facts == lost else math.inf
    return None, alarmed, (last - begun) / SECOND


def _tick(running: Running, last: Instant, until: Instant) -> list[Signal]:
    due = max(last, running.due())
    second = -(-due // SECOND) * SECOND
    return running.tick(second) if second <= until else []

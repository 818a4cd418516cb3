"""Measures the throughput of the detectors, and each one's share of the time."""

import math
import time

import msgspec

from mailkeep.events.types import Recorded
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import Engine
from mailkeep.watch.types import WatchSettings

from .company import SimulatedCompany
from .life import Life


class Speed(msgspec.Struct, frozen=True):
    """Facts a second of one core, through all detectors, and each detector's share of the time."""

    facts: int
    per_second: float
    shares: dict[str, float]


def speed(count: int, seed: int, settings: WatchSettings) -> Speed:
    """A busy house's log, made beforehand, through every detector."""
    house = SimulatedCompany(
        mails=20_000.0, recoveries=5000.0, canaries=5.0, cycles=False, troubles=0.0
    )
    facts: list[Recorded] = []
    for one in Life(house, seed).run(7):
        facts.append(one)
        if len(facts) >= count:
            break
    engine = Engine(settings)
    started = time.process_time()
    for one in facts:
        engine.step(one)
    took = time.process_time() - started
    return Speed(len(facts), len(facts) / took, _shares(facts[: count // 5], settings))


def _shares(facts: list[Recorded], settings: WatchSettings) -> dict[str, float]:
    """Each detector's part of the time, alone over what it hears."""
    took = {}
    for one in DETECTORS:
        running = one.run(settings)
        heard = [fact for fact in facts if not one.hears or type(fact.fact) in one.hears]
        started = time.process_time()
        for fact in heard:
            running.step(fact)
        took[one.name] = time.process_time() - started
    whole = math.fsum(took.values()) or 1.0
    return {name: round(part / whole, 3) for name, part in took.items()}

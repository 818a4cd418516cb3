"""Every detector of the catalogue under a flood of made-up names: its state stays small."""

import enum
import typing
from functools import cache
from random import Random
from types import UnionType

import msgspec
import pytest
from watch_logs import START

from mailkeep.base.clock import SECOND
from mailkeep.events import types as events
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detects
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import WatchSettings

T = typing.TypeVar("T", bound=msgspec.Struct)

#: Words on which detectors turn, so that the flood reaches what lies behind them.
WORDS = (
    *("accepted", "suspended", "unauthorised", "unavailable", "ambiguous", "rejected"),
    *("delivered", "bounced", "opened", "denied", "expired", "link", "code"),
)
NUMBERS = (0, 1, 5, 100)
LARGEST = 1_000_000  #: bytes of one detector's saved state


def _made_up(kind: object, chance: Random, number: int) -> object:
    """A value of a type: a name that nothing had before, or a word."""
    origin = typing.get_origin(kind)
    if origin in {typing.Union, UnionType}:
        return _made_up(chance.choice(typing.get_args(kind)), chance, number)
    if origin is tuple:
        parts = typing.get_args(kind)
        several = parts[:1] * 3 if parts[-1] is Ellipsis else parts
        return tuple(_made_up(one, chance, number + n) for n, one in enumerate(several))
    if origin is dict:
        return {}
    if kind is str:
        return f"made_up_{number}" if chance.random() < 0.6 else chance.choice(WORDS)
    if kind is bool:
        return chance.random() < 0.5
    if kind is int:
        return chance.choice(NUMBERS)
    if kind is float:
        return float(chance.choice(NUMBERS))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return chance.choice(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, chance, number)
    assert kind is type(None), kind
    return None


_hints = cache(typing.get_type_hints)  # else half of the time goes into reading them again


def _struct(kind: type[T], chance: Random, number: int) -> T:
    hints = _hints(kind)
    fields = {name: _made_up(hints[name], chance, number) for name in kind.__struct_fields__}
    return kind(**fields)


def _sizes(detector: Detects, count: int, every: float) -> list[int]:
    """How large the saved state is, at each tenth of a flood; ticked as time passes."""
    chance = Random(detector.name)
    known = [one for one in events._KINDS.values() if one is not SignalRaised]
    heard = list(detector.hears) or [one for one in known if one.__module__.startswith("mailkeep")]
    running = detector.run(WatchSettings())
    sizes = []
    for number in range(count):
        at = START + round(number * every * SECOND)
        fact = _struct(chance.choice(heard), chance, number)
        running.step(Recorded(number, at, at, f"evt_{number}", fact))
        if running.due() <= at:
            running.tick(at)
        if number % (count // 10) == count // 10 - 1:
            sizes.append(len(running.save()))
    return sizes


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_made_up_facts_do_not_fill_the_memory(detector: Detects) -> None:
    sizes = _sizes(detector, 12_000, 0.01)
    assert max(sizes) < LARGEST
    # What grew with the flood would have doubled in its second half; some fill up slowly.
    if sizes[-1] > 1.6 * sizes[4] + 2000:
        sizes = _sizes(detector, 60_000, 0.01)
    assert max(sizes) < LARGEST
    assert sizes[-1] <= 1.6 * sizes[4] + 2000


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_nor_when_time_passes_with_them(detector: Detects) -> None:
    assert max(_sizes(detector, 1500, 5.0)) < LARGEST

"""Computes the console's charts as numbers that a template draws (pure). Text stands beside
each."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from mailkeep.accounts.factors.adoption import Count
from mailkeep.mail.depth import Depth

ROW, TOP = 44, 30  #: between two boxes, and above the first
LEFT, RIGHT = 190, 450  #: where the lines between streams and providers begin and end
WIDE, HIGH = 640, 220  #: of a chart over time
PAD = 48


class Health(Protocol):
    """How a provider stands."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...


class Box(msgspec.Struct, frozen=True):
    """A box of the map. ``y``: its middle; ``kind``: how it is coloured."""

    name: str
    note: str
    kind: str
    y: float


class Line(msgspec.Struct, frozen=True):
    """A route. ``stands``: mail may take it now."""

    y1: float
    y2: float
    stands: bool


class Map(msgspec.Struct, frozen=True):
    """Streams on the left, providers on the right, and the routes between them."""

    height: float
    streams: list[Box]
    providers: list[Box]
    lines: list[Line]
    words: str


def routes(
    of: Mapping[str, tuple[str, ...]], depths: Mapping[str, Depth], states: Mapping[str, Health]
) -> Map:
    """Which stream may go over which provider now."""
    rows = max(len(of), len(states), 1)
    height = TOP + rows * ROW

    def at(index: int, count: int) -> float:
        return TOP + (rows - count) * ROW / 2 + index * ROW + ROW / 2 - 8

    streams = [
        Box(name, f"{depths[name].due} wait", "stream", at(index, len(of)))
        for index, name in enumerate(of)
    ]
    boxes = [
        Box(one.name, one.state, one.state, at(index, len(states)))
        for index, one in enumerate(states.values())
    ]
    where = {one.name: one for one in boxes}
    lines = [
        Line(box.y, where[name].y, where[name].kind not in {"cut", "failing"})
        for box in streams
        for name in of[box.name]
        if name in where
    ]
    said = [
        f"{box.name} goes over "
        + (", ".join(n for n in of[box.name] if _stands(where, n)) or "nothing that stands")
        for box in streams
    ]
    return Map(height, streams, boxes, lines, "; ".join(said))


def _stands(where: Mapping[str, Box], name: str) -> bool:
    return name in where and where[name].kind not in {"cut", "failing"}


class Share(msgspec.Struct, frozen=True):
    """Of all accounts on a day, how many have a second factor, and of which kind."""

    day: str
    accounts: int
    any: int
    kinds: dict[str, int]

    @property
    def percent(self) -> float:
        return 100 * self.any / self.accounts if self.accounts else 0.0


def shares(counts: Iterable[Count]) -> list[Share]:
    """The classes of each day together, oldest first."""
    days: dict[str, Share] = {}
    for one in counts:
        have = days.get(one.day, Share(one.day, 0, 0, {}))
        kinds = {name: have.kinds.get(name, 0) + n for name, n in one.kinds.items()}
        days[one.day] = Share(one.day, have.accounts + one.accounts, have.any + one.any, kinds)
    return [days[day] for day in sorted(days)]


class Curve(msgspec.Struct, frozen=True):
    """One line of a chart: its points as SVG wants them, and where its last one is."""

    name: str
    points: str
    x: float
    y: float
    last: str


class Chart(msgspec.Struct, frozen=True):
    """Lines over days, in percent of all accounts."""

    curves: list[Curve]
    ticks: list[tuple[float, str]]
    first: str
    last: str


def over_days(found: list[Share]) -> Chart:
    """How the share of accounts with a second factor went.

    Args:
        found: oldest first, one at least.
    """
    names = ["any", *sorted({kind for one in found for kind, n in one.kinds.items() if n})]
    step = (WIDE - 2 * PAD) / max(len(found) - 1, 1)

    def y(part: float) -> float:
        return round(HIGH - PAD - part * (HIGH - 2 * PAD), 1)

    curves = []
    for name in names:
        parts = [
            (one.any if name == "any" else one.kinds.get(name, 0)) / one.accounts
            if one.accounts
            else 0.0
            for one in found
        ]
        at = [(round(PAD + step * index, 1), y(part)) for index, part in enumerate(parts)]
        points = " ".join(f"{x},{high}" for x, high in at)
        curves.append(Curve(name, points, *at[-1], f"{100 * parts[-1]:.0f}%"))
    ticks = [(y(part), f"{100 * part:.0f}%") for part in (0, 0.25, 0.5, 0.75, 1)]
    return Chart(curves, ticks, found[0].day, found[-1].day)

"""Checks of the installation before mail moves (pure); DNS is checked by the caller."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from mailkeep.base.errors import Invalid
from mailkeep.mail.types import StreamSettings

from .types import Gate, Pace


class CutoverConfiguration(msgspec.Struct, frozen=True):
    """The installation as a move needs to know it.

    Attributes:
        streams: by name.
        providers: those of the settings.
        canaried: providers through which canaries go.
        recovery: the stream of recovery mail; "": there is none.
        independent: whether no party can read both what went through one and through another.
    """

    streams: Mapping[str, StreamSettings]
    providers: frozenset[str]
    canaried: frozenset[str] = frozenset()
    recovery: str = ""
    independent: Callable[[Collection[str], Collection[str]], bool] = lambda _one, _other: True


#: What is said by the settings and the state of this house, and so is said anew at a start.
OURS = frozenset({"cutover.route", "cutover.canary", "cutover.tied", "cutover.two_routes"})


def two_routes(
    house: CutoverConfiguration,
    streams: Mapping[str, StreamSettings],
    source: str,
    down: Collection[str] = (),
) -> Gate | None:
    """What stands against recovery without a provider; None: two independent routes are left, or
    it was none of them.

    Args:
        down: providers that are cut off, or rest: no proof goes to them.
    """
    recovery = house.recovery
    known = streams.get(recovery)
    if known is None or source not in {route.provider for route in known.routes}:
        return None
    gone = {source, *down}
    left = [route.provider for route in known.routes if route.provider not in gone]
    if any(house.independent([a], [b]) for a in left for b in left if a != b):
        return None
    words = f"Without {source} no two routes of {recovery} are independent."
    step = f"give {recovery} a third route, of another party"
    return Gate("cutover.two_routes", "failed", words, step, recovery)


def gates(
    house: CutoverConfiguration,
    streams: Mapping[str, StreamSettings],
    names: Collection[str],
    without: Collection[str],
    source: str,
    target: str,
    down: Collection[str] = (),
) -> list[Gate]:
    """What the settings say for and against a move.

    Args:
        streams: with their weights as they are now.
        names: those that move; ``without``: those that the target is no route of.
        down: providers that are cut off, or rest: no proof goes to them.
    """
    out = [
        Gate(
            "cutover.route",
            "failed",
            f"{target} is no route of {one}: its mail stays with {source}.",
            f'add {{ provider = "{target}", weight = 0 }} to the routes of {one}',
            one,
        )
        for one in without
    ]
    if target not in house.canaried:
        words = f"No canary goes through {target}: nothing shows that its mail arrives."
        step = "make it a route of the canaries' stream, with weight 0"
        out.append(Gate("cutover.canary", "warning", words, step, target))
    tied = not house.independent([source], [target])
    if tied and any(streams[name].secret for name in names):
        words = f"Somebody who reads at {source} may read at {target}: they share a party."
        step = "where you leave it for what it read, move to a provider of another party"
        out.append(Gate("cutover.tied", "warning", words, step, target))
    if house.recovery in names and (against := two_routes(house, streams, source, down)):
        out.append(against)
    return out


def check(pace: Pace) -> None:
    """Raises ``Invalid`` for a pace that leads nowhere."""
    steps = pace.shares
    if not steps or list(steps) != sorted(set(steps)) or steps[0] <= 0 or steps[-1] != 1:
        raise Invalid("steps must rise, from above 0 to 1", field="steps")
    if pace.dwell < 0 or pace.patience < pace.dwell or pace.rest < 0 or pace.least < 0:
        raise Invalid("times must not be below 0, nor patience shorter than dwell", field="dwell")
    if not (0 < pace.false_alarm < 0.5 and 0 < pace.missed < 0.5):
        raise Invalid("an error rate must be above 0 and below 0.5", field="false_alarm")
    if pace.ratio <= 1 or not 0 < pace.borne < 0.5:
        raise Invalid("ratio must be above 1, and borne above 0 and below 0.5", field="ratio")

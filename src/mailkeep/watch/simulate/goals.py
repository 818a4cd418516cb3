"""What the detectors are held to, and whether a measurement reached it (pure)."""

from collections.abc import Iterator

import msgspec

from .measuring import YEAR, Measured, Ordinary
from .pace import Speed

RATIO = 1.1  #: of the limit, within which total loss is told in the mean
SURGE, NINTH = 10.0, 9  #: times the base, and attack resets by which nine in ten are told
YEARS = 30  #: in which less than one party is falsely accused
PER_SECOND = 10_000


class Verdict(msgspec.Struct, frozen=True):
    """A goal, what was reached, and whether that is enough. ``grave``: it must never be missed.
    ``shown``: the measurement is long enough to say that it is met."""

    goal: str
    reached: str
    met: bool
    grave: bool = False
    shown: bool = True


def verdicts(found: Measured, lived: Ordinary, speed: Speed | None = None) -> tuple[Verdict, ...]:
    """Every goal.

    Args:
        lived: the ordinary life that is judged.
        speed: where it was measured.
    """
    return tuple(_verdicts(found, lived, speed))


def _verdicts(found: Measured, lived: Ordinary, speed: Speed | None) -> Iterator[Verdict]:
    missed = sum(one.missed for one in found.silence)
    # A rate of which no loss was seen has no mean: it is missed.
    worst = max((one.mean / one.limit for one in found.silence if one.runs > one.missed), default=0)
    yield Verdict(
        f"total loss of a Poisson stream is told within {RATIO:g} of the limit, in the mean",
        f"{worst:.2f} at worst, {missed} not told",
        not missed and worst <= RATIO,
    )
    for one in found.surge:
        if one.factor == SURGE:
            yield Verdict(
                f"a surge of {SURGE:g} times is told by the {NINTH}th attack reset, nine in ten",
                f"the {one.ninth}th, {one.missed} of {one.runs} not told",
                not one.missed and one.ninth <= NINTH,
            )
    years, false = lived.days / YEAR, sum(lived.false.values())
    yield Verdict(
        f"less than one party in {YEARS} years is falsely accused",
        f"{false} in {years:.3g} years; at 95% under {lived.at_most * YEARS:.3g} in {YEARS};"
        f" asked whether it was one of us: {sum(lived.asked.values())}",
        not false or false < years / YEARS,
        shown=years >= YEARS,
    )
    yield Verdict(
        "no honest party could have been cut off automatically",
        f"{lived.cut} could",
        not lived.cut,
        grave=True,
    )
    cut = sum(one.cut for one in found.scenarios if one.outsider)
    yield Verdict(
        "nobody outside brings an automatic cut about",
        f"in {cut} lives somebody did",
        not cut,
        grave=True,
    )
    if speed is not None:
        yield Verdict(
            f"one core weighs {PER_SECOND:,} facts a second",
            f"{speed.per_second:,.0f}",
            speed.per_second >= PER_SECOND,
        )

"""``mailkeep watch measure``: how soon, how often wrongly, and what the detectors miss."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mailkeep.watch.simulate import figure, measuring, words

from .house import DEFAULT_HOME, Home
from .output import Json, Progress, result
from .watch import watch_settings


def measure(
    days: Annotated[float, typer.Option(min=1, help="Days of ordinary life.")] = 365.0,
    seed: Annotated[int, typer.Option(help="The same seed lives the same lives.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Lives of each scenario.")] = 10,
    picture: Annotated[Path | None, typer.Option(help="Draw silence there, as SVG.")] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Only how many facts a second one core can weigh.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Measure the detectors, as they are set, in simulated houses: delay, false alarms, misses."""
    settings = watch_settings(home, needed=False, quiet=as_json)
    if speed:
        fast = measuring.speed(200_000, seed, settings)
        shares = ", ".join(f"{name} {part:.0%}" for name, part in fast.shares.items())
        text = f"{fast.per_second:,.0f} facts a second of one core; of the time {shares}."
        result(msgspec.to_builtins(fast), text, as_json=as_json)
        return
    progress = Progress("living", quiet=as_json)
    found = measuring.measure(days, seed, runs, settings, progress.at)
    if picture is not None:
        picture.write_text(figure.picture(found.silence), encoding="utf-8")
    result(msgspec.to_builtins(found), words.report(found), as_json=as_json)

"""``mailkeep watch silence``: how soon a silent provider would be noticed, by one's own log."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Annotated

import msgspec
import typer

from mailkeep.base.clock import DAY, readable
from mailkeep.base.errors import Invalid
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.logs import Line
from mailkeep.watch.simulate.figure import span as lasting
from mailkeep.watch.simulate.silenced import Cut, silenced

from .house import DEFAULT_HOME, Home
from .output import Json, Progress, result, table
from .watch import Log, over, span, watch_settings


def silence(
    log: Log = None,
    times: Annotated[int, typer.Option(min=1, max=1000, help="Moments that are tried.")] = 20,
    within: Annotated[str, typer.Option(help="How long is looked at after each.")] = "1d",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say how soon each provider's silence would have been noticed in the log; changes nothing."""
    lasts = span(within)
    facts: list[Recorded] = []

    def keep(line: Line) -> None:
        recorded = line.recorded()
        if recorded is not None:
            facts.append(recorded)

    through = over(log, home, keep, quiet=as_json)
    settings = watch_settings(home, needed=log is None, quiet=as_json)
    progress = Progress("falling silent", quiet=as_json)
    found = silenced(facts, through, settings, times, lasts, progress.at)
    if not found:
        raise Invalid(
            f"the log is too short: of it a quarter is for learning, and {within} comes after each"
            " moment; try a smaller --within"
        )
    progress.say("done")
    names = sorted({one.provider for one in found})
    head = ("provider", "noticed", "in the median", "at worst", "mails meanwhile", "by")
    rows = [head, *(_row(name, [one for one in found if one.provider == name]) for name in names)]
    first, last = min(one.at for one in found), max(one.at for one in found)
    tried = f"{counted(times, 'moment')} between {readable(first)} and {readable(last)}"
    meant = f"From each of {tried} on, nothing of the provider was confirmed for {within}."
    document = {
        "facts": len(facts),
        "days": (through - facts[0].placed_at) / DAY,
        "silences": msgspec.to_builtins(found),
    }
    result(document, f"{table(rows, '')}\n\n{meant}", as_json=as_json)


def _row(name: str, cuts: Sequence[Cut]) -> tuple[str, ...]:
    seen = [one.noticed for one in cuts if one.noticed is not None]
    by = Counter(detector for one in cuts for detector in one.detectors)
    return (
        name,
        f"{len(seen)} of {len(cuts)}",
        lasting(median(seen)) if seen else "-",
        lasting(max(seen)) if seen else "-",
        f"{median(one.mails for one in cuts):g}",
        ", ".join(f"{detector} {count}" for detector, count in by.most_common()) or "-",
    )

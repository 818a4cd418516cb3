"""``mailkeep watch measure`` and ``tune``: measure the detectors in simulation, and tune their
settings."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mailkeep.base.clock import DAY, readable, when
from mailkeep.events.types import Recorded
from mailkeep.watch import tuning
from mailkeep.watch.logs import Line
from mailkeep.watch.simulate import figure, goals, measuring, pace, words

from .house import DEFAULT_HOME, Home
from .output import Json, Progress, plain, result, table
from .watch import Log, over, span, watch_settings


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
        fast = pace.speed(200_000, seed, settings)
        shares = ", ".join(f"{name} {part:.0%}" for name, part in fast.shares.items())
        text = f"{fast.per_second:,.0f} facts a second of one core; of the time {shares}."
        text = f"{text}\n{words.TIMED}"
        result(msgspec.to_builtins(fast), text, as_json=as_json)
        return
    progress = Progress("living", quiet=as_json)
    found = measuring.measure(days, seed, runs, settings, progress.at)
    if picture is not None:
        picture.write_text(figure.picture(found.silence), encoding="utf-8")
    reached = goals.verdicts(found, found.ordinary)
    told = {**msgspec.to_builtins(found), "goals": msgspec.to_builtins(reached)}
    result(told, words.report(found), as_json=as_json)


def tune(
    log: Log = None,
    budget: Annotated[str, typer.Option(help="At most one false alarm in so long.")] = "30d",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Propose settings for a budget of false alarms, from a log that was quiet; changes nothing."""
    allowed = span(budget) / DAY
    wanted = frozenset(kind.kind for kind in tuning.HEARS)
    facts: list[Recorded] = []

    def keep(line: Line) -> None:
        recorded = line.recorded() if line.kind in wanted else None
        if recorded is not None:
            facts.append(recorded)

    over(log, home, keep, quiet=as_json)
    progress = Progress("trying settings", quiet=as_json)
    settings = watch_settings(home, needed=log is None, quiet=as_json)
    found = tuning.tune(facts, settings, allowed)
    progress.say("done")
    rows = [("setting", "today", "proposed", "alarms", "then", "")] + [
        (
            f"{one.table}.{one.name}",
            f"{one.now:g}",
            f"{one.proposed:g}",
            str(one.alarms_now),
            str(one.alarms_then),
            one.cost,
        )
        for one in found.proposals
    ]
    lines = [table(rows, ""), ""]
    lines.append(
        f"The log is {found.days:g} days long; of each detector {found.allowed:g} alarms are "
        f"within the budget of one in {budget}."
    )
    names = " and ".join(one.NAME for one in tuning.TUNED)
    lines.append(f"Tuned are {names}, whose settings your traffic decides; no other detector is.")
    if found.gone:
        lines += ["", "Alarms of today that would go; look what each was before you take it:"]
        lines += [
            plain(f"{readable(one.at)}  {one.detector}  {one.subject}: {one.reason}")
            for one in found.gone
        ]
        lines.append("")
    if found.days < allowed:
        lines.append("It is shorter than the budget: with a longer one the answer is surer.")
    if not found.within:
        lines.append("Not all of it can be kept to: something in this log is no quiet day.")
    changes = tuning.toml(found)
    lines += ["", changes or "Nothing needs to change."]
    gone = [{**msgspec.to_builtins(one), "at": when(one.at)} for one in found.gone]
    document = {
        **msgspec.to_builtins(found),
        "gone": gone,
        "tuned": [one.NAME for one in tuning.TUNED],
        "budget_days": allowed,
        "toml": changes,
    }
    result(document, "\n".join(lines), as_json=as_json)

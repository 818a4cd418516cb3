"""Renders the benchmark's report: Markdown, and the lines of the table (pure)."""

from .arithmetic import median
from .results import Row, Run, Verdict

_NAMES = {
    "mailkeep": "Mailkeep",
    "postfix": "Postfix",
    "disk": "Disk",
    "smtp-source": "Postfix, smtp-source",
}


def number(value: float) -> str:
    """A figure with as many digits as it bears."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lines(row: Row) -> list[tuple[str, ...]]:
    """(system, measure, min, median, max, ratio of medians) of each series of a row.

    The ratio stands beside Mailkeep's figures where Postfix has the same measure.
    """
    found = []
    for one in row.series:
        if not one.values:
            continue
        theirs = row.values("postfix", one.measure)
        ratio = ""
        if one.system == "mailkeep" and theirs and median(theirs) > 0:
            ratio = f"{median(one.values) / median(theirs):.2f} ×"
        shown = [number(value) for value in (min(one.values), median(one.values), max(one.values))]
        measure = f"{one.measure} ({one.unit})"
        found.append((_NAMES.get(one.system, one.system), measure, *shown, ratio))
    return found


def judged(one: Verdict) -> str:
    """Whether a goal was met, or by how much it was missed."""
    if one.reached is None:
        return "not measured"
    if one.met is None:
        return "not judged"
    return "met" if one.met else f"missed by {one.missed:.0%}"


def verdict(one: Verdict) -> str:
    """A goal, what was reached, and whether that will do."""
    reached = "" if one.reached is None else f"{number(one.reached)} {one.unit}, "
    return f"{one.goal}: {reached}{judged(one)}"


def markdown(run: Run) -> str:
    """The whole report."""
    parts = ["# Benchmark\n"]
    parts.append(
        "Figures of one run on one machine, load and sinks beside what they measure: trust the\n"
        "ratios, and the CPU time a message, which is what scales. Every acknowledged message was\n"
        "counted at the sink, exactly once.\n"
    )
    parts.append("| | |\n|---|---|")
    parts += [f"| {name} | {value} |" for name, value in run.about.items()]
    parts.append("\n## Goals\n\n| row | goal | reached | |\n|---|---|---|---|")
    for one in run.verdicts:
        reached = "" if one.reached is None else f"{number(one.reached)} {one.unit}"
        parts.append(f"| {one.row} | {one.goal} | {reached} | {judged(one)} |")
    for row in run.rows:
        parts.append(f"\n## {row.title}\n")
        if row.absent:
            parts.append(f"Not measured: {row.absent}.\n")
        if row.broken:
            parts.append(f"**Broken off: {row.broken}.** Its figures do not count.\n")
        if row.series:
            parts.append("| system | measure | min | median | max | ratio |")
            parts.append("|---|---|---|---|---|---|")
            parts += ["| " + " | ".join(line) + " |" for line in lines(row)]
        if row.counted:
            parts.append(f"\n{row.counted:,} messages counted.")
        if row.short:
            parts.append(f"\nNot judged: {row.short}.")
        parts += [f"\n{note}" for note in row.notes]
    return "\n".join(parts).rstrip() + "\n"

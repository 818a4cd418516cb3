"""Renders measurements as tables in Markdown, which a terminal shows as well (pure)."""

from collections.abc import Sequence

from . import goals
from .figure import rate, span
from .measuring import Measured, Ordinary, Outcome
from .pace import Speed
from .silence import BURST, Silence

#: What a rate of facts is not.
TIMED = (
    "That times the detectors alone: reading facts from the log, decoding them and saving the "
    "detectors' state are left out."
)


def report(found: Measured, lived: Ordinary | None = None, speed: Speed | None = None) -> str:
    """All of it, what was to be reached first; ``lived``: of more years than were measured with the
    rest."""
    ordinary = found.ordinary if lived is None else lived
    lines = _goals(goals.verdicts(found, ordinary, speed))
    if speed is not None:
        whole = f"All detectors together weigh {speed.per_second:,.0f} facts a second on one core."
        lines += ["", f"{whole} {TIMED}"]
    rough = ["", *_rough(found.rough)] if found.rough else []
    tables = [*_silence(found), *rough, "", *_surge(found), "", *_scenarios(found)]
    return "\n".join([*lines, "", *tables, "", *life(ordinary)])


def _goals(found: Sequence[goals.Verdict]) -> list[str]:
    rows = []
    for one in found:
        met = "met" if one.shown else "not shown in so short a time"
        rows.append((one.goal, one.reached, met if one.met else "**missed**"))
    return _table(("goal", "reached", ""), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    out = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return out + [f"| {' | '.join(row)} |" for row in rows]


def _silence(found: Measured) -> list[str]:
    rows = [
        (
            rate(one.rate),
            span(one.limit),
            span(one.mean),
            f"{one.mean / one.limit:.2f}",
            span(one.worst),
            f"{one.runs - one.missed} of {one.runs}",
        )
        for one in found.silence
    ]
    head = ("confirmed", "limit", "mean", "ratio", "worst", "seen")
    return [
        "Total loss of a Poisson stream, from the last report to the signal:",
        "",
        *_table(head, rows),
    ]


def _rough(found: Sequence[Silence]) -> list[str]:
    rows = [
        (
            one.shape,
            rate(one.rate),
            span(one.limit),
            span(one.mean),
            f"{one.mean / one.limit:.2f}",
            span(one.worst),
            f"{one.runs - one.missed} of {one.runs}",
            f"{one.false} in {one.days:,.0f} days",
        )
        for one in found
    ]
    head = ("traffic", "confirmed", "Poisson's limit", "mean", "ratio", "worst", "seen", "false")
    title = f"Total loss of rougher traffic: in bursts of {BURST:g} mails, and by day and night:"
    return [
        title,
        "",
        *_table(head, rows),
    ]


def _surge(found: Measured) -> list[str]:
    rows = [
        (
            f"{one.factor:.0f} times",
            f"{one.limit:.1f}",
            f"{one.mean:.1f}",
            str(one.ninth),
            f"{one.runs - one.missed} of {one.runs}",
        )
        for one in found.surge
    ]
    head = ("surge", "limit, about", "mean", "nine in ten by", "seen")
    return ["Attack resets up to the signal, at a base of one a minute:", "", *_table(head, rows)]


def _scenarios(found: Measured) -> list[str]:
    lines = []
    for title, outsider in (
        ("What a provider, or who is inside it, does", False),
        ("What outsiders can stage", True),
    ):
        rows = [_scenario(one) for one in found.scenarios if one.outsider is outsider]
        head = (
            "scenario",
            "to be held",
            "held",
            "after",
            "detectors that spoke",
            "else held",
            "cut allowed",
        )
        lines += [f"{title}, in a house of ordinary life:", "", *_table(head, rows), ""]
    return lines[:-1]


def _scenario(one: Outcome) -> tuple[str, ...]:
    after = (
        ""
        if one.mean is None or one.worst is None
        else f"{span(one.mean)}, at worst {span(one.worst)}"
    )
    said = ", ".join(f"{name} {count}" for name, count in one.seen_by.items())
    others = ", ".join(f"{name} {count}" for name, count in one.others.items())
    held = f"{one.found} of {one.runs}" if one.expected else ""
    return (one.words, one.expected or "nothing", held, after, said, others, str(one.cut))


def life(one: Ordinary) -> list[str]:
    years = one.days / 365.25
    false = sum(one.false.values())
    outages = ", ".join(
        f"{shape} {one.called.get(shape, 0)} of {count}" for shape, count in one.outages.items()
    )
    brief = f"of {one.brief} that touched fewer than three mails {one.brief_called}"
    lines = [
        f"Ordinary life: {years:.2f} years, {one.facts:,} facts, {one.seconds:.0f} s of one core.",
        "",
        f"- Parties accused falsely: {false}; at 95% under {one.at_most:.2g} a year.",
        f"- Incidents that asked whether it was one of us, as it was: {sum(one.asked.values())}.",
        f"- Held to be what it was: {outages or 'nothing went on'}; {brief}.",
        f"- Campaigns held that were none: {sum(one.provoked.values())}.",
        f"- Parties that could have been cut off automatically: {one.cut}.",
    ]
    lines += [f"- False: {what}: {count}." for what, count in one.false.items()]
    lines += [f"- Asked: {what}: {count}." for what, count in one.asked.items()]
    lines += [f"- Campaign held: {what}: {count}." for what, count in one.provoked.items()]
    quiet = ", ".join(f"{name} {count:g}" for name, count in one.signals.items()) or "none"
    return [*lines, f"- Signals a year while nothing was going on: {quiet}."]

"""Draws the timeline as inline SVG: all runs under one another, on one clock (pure).

Every kind of mark has a shape of its own, so that nothing hangs on colour alone.
"""

import math
from html import escape

from .record import Facts
from .scorecard import SLOW

WIDTH = 1000.0
_LEFT = 20.0
_LANE = 162.0
_TOP = 34.0
_BIN = 2.0  #: seconds of mail in one bar
_LINES = (
    ("foreign", "foreign address"),
    ("leak", "thief reads"),
    ("denial", "“not me”"),
    ("suspended", "mail dropped"),
    ("left", "left for good"),
)


def draw(runs: list[Facts]) -> str:
    """The SVG of all runs."""
    end = max((one.marks.end for one in runs), default=1.0) or 1.0
    height = _TOP + _LANE * len(runs) + 24
    lanes = "".join(_lane(one, _TOP + _LANE * i, end) for i, one in enumerate(runs))
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img"'
        ' aria-labelledby="tl-title tl-desc" xmlns="http://www.w3.org/2000/svg">'
        '<title id="tl-title">Timeline of the drill</title>'
        f'<desc id="tl-desc">{escape(_words(runs))}</desc>'
        f"{_axis(end, height)}{lanes}</svg>"
    )


def bins(facts: Facts, end: float) -> list[tuple[float, int, int, int]]:
    """Mail by when it was handed over: (second, arrived in time, late, lost)."""
    count: dict[int, list[int]] = {}
    for alert in facts.alerts:
        if alert.acknowledged is None or not 0 <= alert.acknowledged <= end:
            continue
        cell = count.setdefault(int(alert.acknowledged // _BIN), [0, 0, 0])
        if alert.arrived is None:
            cell[2] += 1
        else:
            cell[1 if alert.arrived - alert.acknowledged > SLOW else 0] += 1
    return [(n * _BIN, cell[0], cell[1], cell[2]) for n, cell in sorted(count.items())]


def _x(at: float, end: float) -> float:
    return _LEFT + (WIDTH - 2 * _LEFT) * min(max(at, 0.0), end) / end


def _axis(end: float, height: float) -> str:
    step = 10.0 if end <= 120 else 20.0
    out = []
    for n in range(int(end // step) + 1):
        x = _x(n * step, end)
        out.append(
            f'<line class="grid" x1="{x:.1f}" y1="24" x2="{x:.1f}" y2="{height - 20:.0f}"/>'
            f'<text class="tick" x="{x:.1f}" y="16">{n * step:.0f} s</text>'
        )
    return "".join(out)


def _lane(facts: Facts, top: float, end: float) -> str:
    out = [f'<g><text class="lane" x="{_LEFT}" y="{top + 14:.0f}">{escape(facts.title)}</text>']
    marks = facts.marks
    for i, (name, label) in enumerate(_LINES):
        at = getattr(marks, name)
        if at is None:
            continue
        x, y = _x(at, end), top + 28 + 11 * (i % 3)
        out.append(
            f'<line class="event" x1="{x:.1f}" y1="{top + 22:.0f}" x2="{x:.1f}"'
            f' y2="{top + 150:.0f}"/><text class="note" x="{x + 3:.1f}" y="{y:.0f}">'
            f"{escape(label)}</text>"
        )
    out += [_thefts(facts, top + 70, end), _notices(facts, top + 92, end)]
    out.append(_mail(facts, top + 148, end))
    return "".join(out) + "</g>"


def _thefts(facts: Facts, y: float, end: float) -> str:
    out = []
    for one in facts.attempts:
        if one.half is not None:
            x = _x(one.half, end)
            out.append(f'<circle class="half" cx="{x:.1f}" cy="{y:.0f}" r="4"/>')
        if one.changed is not None:
            x = _x(one.changed, end)
            points = (
                f"{x:.1f},{y - 6:.0f} {x + 6:.1f},{y:.0f} {x:.1f},{y + 6:.0f} {x - 6:.1f},{y:.0f}"
            )
            kind = "stolen" if one.signed_in is not None else "changed"
            out.append(f'<polygon class="{kind}" points="{points}"/>')
    return "".join(out)


def _notices(facts: Facts, y: float, end: float) -> str:
    out = []
    for one in facts.suspicions:
        x = _x(one.at, end)
        out.append(
            f'<path class="flag" d="M{x:.1f} {y + 8:.0f}V{y - 8:.0f}l11 5l-11 5z"><title>'
            f"{escape(f'{one.subject}: {one.hypothesis}, {one.at:.0f} s')}</title></path>"
        )
    for step in facts.steps:
        if step.state == "applied":
            x = _x(step.at, end)
            out.append(
                f'<rect class="action" x="{x - 4:.1f}" y="{y + 11:.0f}" width="8" height="8">'
                "<title>"
                f"{escape(f'{step.name} by {step.by}, {step.at:.0f} s')}</title></rect>"
            )
    return "".join(out)


def _mail(facts: Facts, base: float, end: float) -> str:
    cells = bins(facts, end)
    most = max((sum(cell[1:]) for cell in cells), default=1)
    width = (WIDTH - 2 * _LEFT) * _BIN / end - 0.8
    out = []
    for at, good, late, lost in cells:
        y, x = base, _x(at, end)
        for kind, count in (("good", good), ("late", late), ("lost", lost)):
            tall = math.ceil(count) * 24.0 / most
            if count:
                y -= tall
                out.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
                    f' height="{tall:.1f}"/>'
                )
    return "".join(out)


def _words(runs: list[Facts]) -> str:
    parts = []
    for one in runs:
        stolen = sum(attempt.signed_in is not None for attempt in one.attempts)
        lost = sum(alert.acknowledged is not None and alert.arrived is None for alert in one.alerts)
        named = ", ".join(f"{s.hypothesis} at {s.at:.0f} s" for s in one.suspicions) or "none"
        parts.append(
            f"{one.title}: accounts entered by the thief: {stolen}, mails lost: {lost},"
            f" incidents: {named}."
        )
    return " ".join(parts)

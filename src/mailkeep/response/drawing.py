"""Draws the timeline of an incident as SVG, without script, style or outside parts (pure)."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from mailkeep.base.clock import SECOND, Instant, readable

WIDTH, LEFT, RIGHT, LANE = 960, 90, 20, 46
LANES = ("state", "actions", "people")
_COLOURS = {"state": "#b3261e", "actions": "#1f6feb", "people": "#2e7d32"}
MANY = 1000  #: marks; of more, one is drawn where several lie in one place
_NEAR = 90  #: pixels within which a label would cover the one before it


class Mark(msgspec.Struct, frozen=True):
    """A point in time, in its lane."""

    at: Instant
    lane: str
    word: str


def timeline(marks: Sequence[Mark], since: Instant, until: Instant) -> str:
    """The picture. Marks that lie together have one label; the table of the report has them all.

    Args:
        since, until: what the line spans; a mark outside widens it.
    """
    instants = [one.at for one in marks]
    first, last = min([since, *instants]), max([until, since + SECOND, *instants])
    height = LANE * len(LANES) + 40

    def x(at: Instant) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (at - first) / (last - first), 1)

    said = f"{len(marks)} events from {readable(first)} to {readable(last)}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        f' aria-label="Timeline: {escape(said)}" font-family="sans-serif" font-size="12">',
    ]
    for number, lane in enumerate(LANES):
        y = LANE * number + 34
        out.append(
            f'<text x="0" y="{y + 4}" fill="currentColor">{lane}</text>'
            f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="currentColor" '
            'stroke-opacity="0.3"/>'
        )
        labelled, drawn = float("-inf"), -1
        for mark in sorted((one for one in marks if one.lane == lane), key=lambda one: one.at):
            at = x(mark.at)
            if len(marks) > MANY and round(at) == drawn:
                continue
            drawn = round(at)
            out.append(f'<circle cx="{at}" cy="{y}" r="5" fill="{_COLOURS[lane]}"/>')
            if at - labelled >= _NEAR:
                labelled = at
                anchor = "end" if at > WIDTH - 120 else "start"
                out.append(
                    f'<text x="{at}" y="{y - 10}" fill="currentColor" text-anchor="{anchor}">'
                    f"{escape(mark.word)}</text>"
                )
    out.append(
        f'<text x="{LEFT}" y="{height - 6}" fill="currentColor">{readable(first)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{height - 6}" fill="currentColor" text-anchor="end">'
        f"{readable(last)}</text></svg>"
    )
    return "".join(out)

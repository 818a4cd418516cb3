"""Draws the measured delay of silence beside its theoretical limit, as SVG (pure).

Legible in light and dark: it has its own background, and lines differ in dash as well as in colour.
"""

import math
from collections.abc import Sequence

from .silence import Silence

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 56, 56
INK, SOFT = "#1d2433", "#4a5163"
END, MIDDLE = ' text-anchor="end"', ' text-anchor="middle"'


def picture(found: Sequence[Silence]) -> str:
    """Delay against the rate, both logarithmic."""
    rows = [one for one in found if one.runs > one.missed]
    low, high = min(one.rate for one in rows), max(one.rate for one in rows)
    values = [one.limit for one in rows] + [one.worst for one in rows]
    least, most = min(values) / 1.5, max(values) * 1.5

    def x(of: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(of / low) / math.log(high / low)

    def y(value: float) -> float:
        part = math.log(value / least) / math.log(most / least)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    def line(points: list[tuple[float, float]], style: str) -> str:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        return f'<polyline points="{path}" fill="none" {style}/>'

    def text(where: tuple[float, float], words: str, ink: str = SOFT, more: str = "") -> str:
        return f'<text x="{where[0]:.1f}" y="{where[1]:.1f}" fill="{ink}"{more}>{words}</text>'

    box = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    title = "Total loss of mail: from the last report to the alarm"
    bold = ' font-size="16" font-weight="600"'
    parts = [
        f'{box} aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13">',
        '<title id="t">How soon total loss of mail is noticed</title>',
        f'<desc id="d">{_told(rows)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fbfaf7"/>',
        text((LEFT, 28), title, INK, bold),
    ]
    for exponent in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        value = 10.0**exponent
        if not least <= value <= most:
            continue
        across = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"'
        parts.append(f'<line {across} stroke="#d9d5cb"/>')
        parts.append(text((LEFT - 8, y(value) + 4), span(value), SOFT, END))
    for one in rows:
        below = (x(one.rate), HEIGHT - BOTTOM + 22)
        parts.append(text(below, rate(one.rate), SOFT, MIDDLE))
    parts.append(
        line(
            [(x(one.rate), y(one.limit)) for one in rows],
            'stroke="#1d2433" stroke-width="2" stroke-dasharray="7 5"',
        )
    )
    parts.append(
        line([(x(one.rate), y(one.mean)) for one in rows], 'stroke="#b3471d" stroke-width="2.5"')
    )
    for one in rows:
        cx = f"{x(one.rate):.1f}"
        parts.append(
            f'<line x1="{cx}" x2="{cx}" y1="{y(one.mean):.1f}" y2="{y(one.worst):.1f}" '
            f'stroke="#b3471d"/><circle cx="{cx}" cy="{y(one.mean):.1f}" r="4" fill="#b3471d"/>'
        )
    right = WIDTH - RIGHT
    parts.append(text((right, TOP + 8), "measured: mean, and up to the worst", "#b3471d", END))
    parts.append(text((right, TOP + 26), "dashed: the limit, ln(1 + λγ)/λ", INK, END))
    below = ((LEFT + right) / 2, HEIGHT - 10)
    parts.append(text(below, "confirmed deliveries through one provider", SOFT, MIDDLE))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _told(rows: Sequence[Silence]) -> str:
    said = [f"{rate(one.rate)}: {span(one.mean)}, limit {span(one.limit)}" for one in rows]
    return "; ".join(said)


def rate(value: float) -> str:
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if value * seconds >= 0.99:
            return f"{value * seconds:.0f}/{unit}"
    return f"{value * 86_400:.1f}/day"


def span(value: float) -> str:
    for unit, seconds in (("h", 3600), ("min", 60)):
        if value >= 2 * seconds:
            return f"{value / seconds:.3g} {unit}"
    return f"{value:.3g} s"

"""Renders the scorecard as one self-contained HTML page (pure)."""

from collections.abc import Callable
from html import escape

from .record import Facts
from .report_style import LEGEND, STYLE
from .report_words import JUDGED, Words, paragraphs
from .scorecard import Card, Split, Target
from .timeline import draw

Row = tuple[str, str, Callable[[Card], str]]


def page(cards: list[Card], runs: list[Facts], about: dict[str, str], words: Words) -> str:
    """The page.

    Args:
        about: what the drill ran with, for people: name and value.
        words: what was played.
    """
    passed = all(card.passed for card in cards)
    verdict = "Every target was met." if passed else "Some targets were missed."
    taken = "; ".join(f"{card.title}: {card.lost.all} accounts taken" for card in cards)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(words.name)}: the scorecard</title><style>{STYLE}</style></head>"
        "<body><main>"
        f"<h1>{escape(words.heading)}</h1>"
        f'<p class="verdict {"pass" if passed else "miss"}">{verdict}</p>'
        f"<p>{escape(taken)}.</p>{_headline(cards)}"
        f"<h2>Targets</h2>{_targets(cards)}"
        f"<h2>What happened when</h2>{LEGEND}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Timeline">{draw(runs)}</div>'
        f"<h2>The score</h2>{_table(cards)}"
        f"<h2>What the systems noticed and did</h2>{_noticed(cards, runs)}"
        f"<h2>What to make of it</h2>{_plain(runs, about, words)}"
        f"<h2>Event by event</h2>{_events(runs)}</main></body></html>\n"
    )


def _headline(cards: list[Card]) -> str:
    out = []
    for card in cards:
        out.append(
            f'<section class="card"><h2>{escape(card.title)}</h2><dl>'
            f"<div><dt>accounts lost</dt><dd>{card.lost.all}</dd></div>"
            f"<div><dt>locked out</dt><dd>{card.locked_out.all}</dd></div>"
            f"<div><dt>mail lost</dt><dd>{card.mail_lost}</dd></div></dl>"
            f"<p>{card.attacked.all} accounts attacked, {card.acknowledged} mails</p></section>"
        )
    return f'<div class="cards">{"".join(out)}</div>'


def _targets(cards: list[Card]) -> str:
    ours = [card for card in cards if card.targets]
    names = list(dict.fromkeys(one.name for card in ours for one in card.targets))
    head = '<th scope="col">Target</th>' + "".join(
        f'<th scope="col">{escape(card.title)}</th>' for card in ours
    )
    rows = []
    for name in names:
        found = [next((t for t in card.targets if t.name == name), None) for card in ours]
        one = next(target for target in found if target is not None)
        limit = f"at most {one.limit:.0f} {one.unit}".strip()
        cells = "".join(map(_reached, found))
        rows.append(f'<tr><th scope="row">{escape(name)} <small>{limit}</small></th>{cells}</tr>')
    return _scroll("Targets", head, rows)


def _reached(target: Target | None) -> str:
    if target is None:
        return '<td class="none">– not asked</td>'
    if target.met is None:
        return f'<td class="none">– {escape(target.note)}</td>'
    value = "never"
    if target.value is not None:
        value = f"{abs(target.value):.1f}".removesuffix(".0") + f" {target.unit}"
        value = value.strip() + (" before" if target.value < 0 else "")
    word, mark = ("met", "✓") if target.met else ("missed", "✗")
    return f'<td class="{word}">{mark} {word}: {value}</td>'


def _seconds(value: float | None) -> str:
    """A span in words; one below 0 lies before what it is counted from."""
    if value is None:
        return "never"
    return f"{abs(value):.1f} s{' before' if value < 0 else ''}"


def _found(card: Card) -> str:
    return (
        f"{'unknown' if card.exposed_found is None else card.exposed_found} of {card.exposed_true}"
    )


def _silence(card: Card) -> str:
    if card.cut_before is not None:
        return f"cut off {card.cut_before:.0f} s before"
    return _seconds(card.silence_noticed)


def _two(split: Split) -> str:
    return f"{split.password} / {split.totp}"


def _told(card: Card) -> str:
    return f"{card.told} of {card.told_due}"


def _halves(card: Card) -> str:
    return _two(card.halves) if card.kind == "mailkeep" else "one proof is enough"


def _named(card: Card, value: float | None) -> str:
    if value is None and card.kind == "mailkeep" and card.attacked.all and not card.halves.all:
        return "he got none"
    return _seconds(value)


ROWS: tuple[Row, ...] = (
    ("Accounts attacked", "password only / with authenticator", lambda c: _two(c.attacked)),
    ("Accounts lost", "the thief signed in", lambda c: _two(c.lost)),
    ("Half proofs the thief got", "one of the two that an account asks for", _halves),
    ("Passwords written by the thief", "", lambda c: _two(c.replaced)),
    ("Customers locked out", "at the end", lambda c: _two(c.locked_out)),
    ("Mail acknowledged", "", lambda c: str(c.acknowledged)),
    ("Mail lost", "acknowledged, never arrived", lambda c: str(c.mail_lost)),
    ("Mail late", "over 30 s", lambda c: str(c.mail_late)),
    ("Mail delivered twice", "", lambda c: str(c.duplicates)),
    ("Silence noticed", "after the last delivery", _silence),
    ("All mail flows again", "after the suspension", lambda c: _seconds(c.flowing)),
    (
        "Incident names the provider",
        "after a foreign address in a canary",
        lambda c: _seconds(c.named_after_foreign),
    ),
    (
        "Incident names the provider",
        "after the first half proof",
        lambda c: _named(c, c.named_after_half),
    ),
    ("Exposed customers found", "by the system, of all", _found),
    ("Owners told another way", "of those whose reset mail was read", _told),
    ("Honest resets before", "completed", lambda c: c.honest["before"]),
    ("Honest resets while he reads", "completed", lambda c: c.honest["during"]),
    ("Honest resets after the suspension", "completed", lambda c: c.honest["after"]),
)


def _table(cards: list[Card]) -> str:
    head = "".join(f'<th scope="col">{escape(card.title)}</th>' for card in cards)
    body = []
    for name, small, value in ROWS:
        cells = "".join(f"<td>{escape(value(card))}</td>" for card in cards)
        note = f" <small>{escape(small)}</small>" if small else ""
        body.append(f'<tr><th scope="row">{escape(name)}{note}</th>{cells}</tr>')
    return _scroll("Score", f'<th scope="col">Measure</th>{head}', body)


def markdown(cards: list[Card], about: dict[str, str], words: Words) -> str:
    """The score as a table to commit beside the code that it is about."""
    titles = ["Measure", *(card.title for card in cards)]
    lines = [
        f"# {words.document}",
        "",
        "; ".join(f"{name}: {value}" for name, value in about.items()) + ".",
        "",
        (
            f"{'Every target was met.' if all(c.passed for c in cards) else 'A target was missed.'}"
            " Pairs: accounts with a password only / with an authenticator."
        ),
        "",
        f"| {' | '.join(titles)} |",
        f"|{'---|' * len(titles)}",
    ]
    for name, small, value in ROWS:
        first = f"{name} ({small})" if small else name
        lines.append(f"| {' | '.join([first, *(value(card) for card in cards)])} |")
    lines += ["", "What is simulated, compressed and judged:", ""]
    for text in (words.simulated, words.compressed, JUDGED):
        lines += ["\n\n".join(paragraphs(text)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _noticed(cards: list[Card], runs: list[Facts]) -> str:
    out = []
    for card, facts in zip(cards, runs, strict=True):
        out.append(f"<h3>{escape(card.title)}</h3>")
        if not facts.suspicions:
            out.append("<p>It noticed nothing: it has nothing that looks.</p>")
        for one in facts.suspicions:
            reasons = "".join(f"<li>{escape(reason)}</li>" for reason in one.reasons)
            title = f"{one.at:.0f} s: {one.subject}, {one.hypothesis.replace('_', ' ')}"
            out.append(f"<details><summary>{escape(title)}</summary><ul>{reasons}</ul></details>")
        if card.actions:
            items = "".join(f"<li>{escape(action)}</li>" for action in card.actions)
            out.append(f"<ul>{items}</ul>")
    return "".join(out)


def _plain(runs: list[Facts], about: dict[str, str], words: Words) -> str:
    out = []
    for title, text in (
        ("Simulated", words.simulated),
        ("Compressed", words.compressed),
        ("How it is judged", JUDGED),
    ):
        lines = paragraphs(text)
        out.append(f"<h3>{title}</h3>" + "".join(f"<p>{escape(line)}</p>" for line in lines))
    seen: set[str] = set()
    for facts in runs:
        if facts.kind in seen:
            continue
        seen.add(facts.kind)
        versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        changed = "".join(
            f"<li><code>{escape(name)}</code>: {escape(why)}</li>"
            for name, why in facts.changed.items()
        )
        name = "The ordinary set-up" if facts.kind == "ordinary" else "Mailkeep"
        out.append(
            f"<h3>{name}: {escape(versions)}</h3><p>Settings that are not the defaults:</p>"
            f"<ul>{changed}</ul>"
        )
    ran = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in about.items())
    out.append(f"<h3>This run</h3><ul>{ran}</ul>")
    return "".join(out)


def _events(runs: list[Facts]) -> str:
    out = []
    for facts in runs:
        rows = [
            f"<tr><td>{note.at:.1f} s</td><td>{note.kind}</td><td>{escape(note.text)}</td></tr>"
            for note in facts.notes
        ]
        head = "".join(f'<th scope="col">{name}</th>' for name in ("When", "Kind", "What"))
        title = escape(facts.title)
        out.append(
            f"<details><summary>{title}: {len(rows)} events</summary>"
            f"{_scroll(f'Events of {title}', head, rows)}</details>"
        )
    return "".join(out)


def _scroll(label: str, head: str, rows: list[str]) -> str:
    """A table that scrolls by itself on a small screen."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><thead>'
        f"<tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )

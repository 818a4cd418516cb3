"""Renders the threat model as Markdown (pure).

Security: names and reasons are an operator's own words; Markdown and HTML in them is escaped all
the same.
"""

from collections.abc import Iterable, Sequence

from . import words
from .model import (
    ASSETS,
    Difference,
    PartyOut,
    ThreatModel,
    boundaries,
    entries,
    rules_words,
    stride,
)
from .types import How

BEGINNING = (
    "Written by Mailkeep from its settings, its database and its rules; nothing here is kept by"
    " hand. What it says a party could do is what follows from the rules at the end, whether or"
    " not that party ever would."
)


def page(one: ThreatModel) -> str:
    """The whole page."""
    lines = [
        f"# Threat model of {one.day}",
        "",
        BEGINNING,
        "",
        "## Assets",
        "",
        *(f"- **{name}**: {text}" for name, text in ASSETS.items()),
        "",
        "## Parties",
        "",
        *_table(
            ("party", "kind", "tied to", "runs on", "could do", "looked at"),
            (
                (
                    party.name if party.name == party.id else f"{party.name} ({party.id})",
                    party.kind,
                    "; ".join(party.ties) or "-",
                    ", ".join(party.hosts) or "-",
                    could(party) or "nothing",
                    party.reviewed or "-",
                )
                for party in one.parties
            ),
        ),
        "",
        "## Register",
        "",
        *(
            [f"- {_plain(party.name)}: {_plain('; '.join(said))}" for party, said in entries(one)]
            or ["- Nothing is said of anybody."]
        ),
        "",
        "## Boundaries",
        "",
        *(f"- {text}" for text in boundaries(one)),
        "",
        "## Threats",
    ]
    for threat in one.threats:
        lines += ["", f"### {threat.id}: {stride(threat.stride)}", "", f"{threat.words}.", ""]
        who = ", ".join(f"`{_plain(party)}`" for party in threat.parties)
        lines.append(f"Asset: {threat.asset}. Alone able to: {who or 'nobody'}.")
        lines.append("")
        for answer in threat.answers:
            state = "on" if not answer.off else f"**off**: {_plain(answer.off)}"
            shown = ", ".join(f"`{path}`" for path in answer.shown)
            lines.append(f"- {answer.words} ({state}; shown by {shown})")
    lines += ["", "## Single points", ""]
    lines += _table(
        ("party", "accounts", "how", "borne"),
        (
            (
                point.party,
                f"{point.account_class}, factor {point.factor}",
                words.HOWS[How(point.how)],
                point.accepted or ("the customers' own provider" if point.customers else "no"),
            )
            for point in one.single_points
        ),
    ) or ["None."]
    for title, some in (
        ("Overrides and risks borne", one.overrides),
        ("Sources", sources(one)),
        ("Parties that nobody looked at for long", one.overdue),
        ("Blind spots", one.blind),
    ):
        lines += ["", f"## {title}", "", *(f"- {_plain(text)}" for text in some or ("None.",))]
    lines += ["", f"## Visibility: {one.seen_share / 10:.1f}% of the acts are seen", ""]
    lines += _table(
        ("party", "act", "seen", "how"),
        ((s.party, s.act.value, "yes" if s.seen else "blind", s.how) for s in one.sights),
    )
    lines += ["", "## The rules", ""]
    lines += [f"- {text} (`{name}`)" for name, text in rules_words()]
    return "\n".join(lines) + "\n"


def sources(one: ThreatModel) -> list[str]:
    """Where what the catalogue says of houses stands, when that was last read, and whether it is
    their own word."""
    return [
        f"{party.name}: {words.source_words(party.source, party.confirmed)}"
        for party in one.parties
        if party.source
    ]


def difference(one: Difference) -> str:
    """What changed, as Markdown."""
    lines = [f"# What became different between {one.before} and {one.after}", ""]
    for title, some in (("New", one.new), ("Gone", one.gone)):
        for section, facts in some.items():
            lines += [f"## {title}: {section}", "", *(f"- {_plain(fact)}" for fact in facts), ""]
    if not one.new and not one.gone:
        lines.append("Nothing.")
    return "\n".join(lines).rstrip() + "\n"


def could(one: PartyOut) -> str:
    """What a party could do: the verbs of it."""
    return ", ".join(dict.fromkeys(words.verb(word) for word in one.can))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    found = [[_plain(cell) for cell in row] for row in rows]
    if not found:
        return []
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in found),
    ]


def _plain(text: str) -> str:
    """Without what a table, a link or HTML is made of."""
    flat = " ".join(text.split()).replace("[", "").replace("]", "")
    return "".join(" " if one in "|<>`" else one for one in flat)

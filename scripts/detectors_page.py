"""Write ``docs/detectors.md``: what each detector sees and what it says, out of its docstring.

Usage: ``python scripts/detectors_page.py`` writes the page; ``--check`` says whether it is stale,
and which docstring lacks a part, and ends with 1.
"""

import ast
import re
import sys
from pathlib import Path

from mailkeep.watch.levels import ORDER, SEES

ROOT = Path(__file__).parents[1]
HOME = ROOT / "src" / "mailkeep" / "watch" / "detectors"
PAGE = ROOT / "docs" / "detectors.md"

#: What every docstring must tell, and the words by which one finds it.
PARTS = {
    "what it sees": ("Sees:",),
    "its evidence": ("Evidence", "Likelihood ratios"),
    "whether that was measured or judged": ("measured", "judged"),
    "false alarms": ("False alarms:",),
    "its delay": ("Delay:",),
    "how it is evaded": ("Evasion:",),
    "who could forge it": ("Who could forge it:",),
}


def names() -> list[str]:
    """The detectors, in the order of the catalogue."""
    text = (HOME / "catalogue.py").read_text()
    return re.findall(r"^    (\w+)\.DETECTOR,", text, re.MULTILINE)


def docstring(name: str) -> str:
    """A detector's page."""
    return ast.get_docstring(ast.parse((HOME / f"{name}.py").read_text())) or ""


def wrong() -> list[str]:
    """What docstrings do not tell, and modules that the catalogue does not name."""
    out = []
    known = names()
    for name in known:
        text = docstring(name)
        for part, words in PARTS.items():
            if not any(word in text for word in words):
                out.append(f"{name}: its docstring does not tell {part}")
    modules = {one.stem for one in HOME.glob("*.py")} - {"__init__", "catalogue"}
    out += [f"{name}: not in the catalogue" for name in sorted(modules - set(known))]
    return out


def page() -> str:
    """The page."""
    lines = [
        "# The detectors",
        "",
        "<!-- Made by scripts/detectors_page.py from the docstrings; a test fails when stale. -->",
        "",
        "Each reads the log of facts and says, in nats of log-odds, what may be going on; what",
        "they say together is summed by `correlation` (`mailkeep watch`). *Measured* numbers come",
        "from a model or a simulation in the tests, *judged* ones from us. Settings stand in",
        "[the reference](reference.md); [how to add one](how-to/add-a-detector.md).",
        "",
        "None of them looks whether a telephone number was ported or its SIM swapped",
        "([why](decisions/0066-no-detector-of-changed-numbers.md)).",
        "",
        "| detector | in one line |",
        "|---|---|",
    ]
    known = names()
    lines += [
        f"| [`{name}`](#{name}) | {_plain(docstring(name).partition(chr(10))[0])} |"
        for name in known
    ]
    lines += [
        "",
        "## At which level each sees",
        "",
        "A house may begin by [observing](how-to/adopt-by-levels.md), and go on step by step.",
        "",
        "| detector | " + " | ".join(f"`{one}`" for one in ORDER) + " | by what |",
        "|---|" + "---|" * (len(ORDER) + 1),
    ]
    lines += [_level(name) for name in known]
    lines += [
        "",
        "Webhooks are read of Mailchimp Transactional and Postmark. Of a provider that is reached",
        "by SMTP (SendGrid, Amazon SES, Mailgun, Resend, any relay) none are: what needs them is",
        "dark there at `observe`, and from `carry` on canaries see its silence alone. Totals are",
        "told by the same two; by Postmark to the token of a server only, which sends.",
        "`mailkeep doctor` names the providers of which a detector sees nothing.",
        "",
        "Where the application cannot say what it sends, copies (BCC) of its mail may be",
        "[the journal](how-to/adopt-by-levels.md#copies-in-place-of-the-journal). A copy that no",
        "domain of the house signed weighs nothing, anywhere. Those that are signed show:",
        "",
        "| detector | by copies alone |",
        "|---|---|",
    ]
    lines += [
        f"| [`{name}`](#{name}) | {SEES[name].copies} |" for name in known if SEES[name].copies
    ]
    lines += ["", "They show it of providers whose webhooks are read, as above."]
    for name in known:
        first, _, rest = docstring(name).partition("\n")
        lines += ["", f"## {name}", "", f"**{_plain(first)}**", ""]
        lines += _paragraphs(rest.strip())
    return "\n".join(lines) + "\n"


def _level(name: str) -> str:
    """What a detector sees at each level, a row."""
    sees, begins = SEES[name], ORDER.index(SEES[name].level)
    cells = ["–"] * begins + ["yes"] * (len(ORDER) - begins)
    if sees.more:
        cells[begins] = "in part"
    by = f"{sees.by}; later {sees.more}" if sees.more else sees.by
    return f"| [`{name}`](#{name}) | {' | '.join(cells)} | {by} |"


def _plain(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").strip()


_OPENERS = re.compile(
    r"(?<=[.:)]) (?=(?:Evidence|Likelihood ratios|Method|Parameters|False alarms|Delay|Evasion"
    r"|Who could forge it|State|Taken back)\b[^.]{0,40}:)|(?<=\.) (?=Taken back )"
)


def _paragraphs(text: str) -> list[str]:
    """A line for each part of a docstring, its first words in italics."""
    out = []
    for block in text.split("\n\n"):
        joined = " ".join(block.split())
        for part in _OPENERS.split(joined):
            head, colon, tail = part.partition(":")
            marked = f"*{head}:*{tail}" if colon and len(head) <= 40 else part
            out.append(f"- {_plain(marked)}")
    return out


def main() -> None:
    """Write the page, or say what is wrong with it."""
    problems = wrong()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != page():
            problems.append("docs/detectors.md is stale: python scripts/detectors_page.py")
    else:
        PAGE.write_text(page())
    sys.stdout.write("".join(f"{one}\n" for one in problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

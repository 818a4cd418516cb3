"""Write the index of the decision records anew: ``docs/decisions/README.md``."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[1] / "docs" / "decisions"
HEAD = """# Decisions

<!-- Made by scripts/decisions_index.py from the records' headings; a test fails when stale. -->

Why it is as it is, where another way was open: what was decided, why, and what it costs. Numbers
that are not here were used for drafts that came to nothing.

| number | decision |
|---|---|
"""


def page() -> str:
    """The index. Raises ``ValueError`` where a heading is not ``# 7. What was decided``."""
    rows = []
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        heading = path.read_text().partition("\n")[0]
        found = re.fullmatch(r"# (\d+)\. (.+)", heading)
        if found is None or int(found[1]) != int(path.name[:4]):
            raise ValueError(f"{path.name}: {heading}")
        rows.append(f"| {found[1]} | [{found[2]}]({path.name}) |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    (DECISIONS / "README.md").write_text(page())

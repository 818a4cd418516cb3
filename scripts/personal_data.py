"""Write ``docs/security/personal-data.md``: what is kept about people, table by table.

Usage: ``python scripts/personal_data.py`` writes the page out of what each room says of its tables
(``personal.py``). A test fails when it is stale, or when a column is missing there.
"""

from pathlib import Path

import msgspec

from mailkeep.app.retention import RetentionSettings
from mailkeep.privacy.catalogue import ROOMS
from mailkeep.store.personal import Erasing, Form, Kept

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security" / "personal-data.md"

_FORMS = {
    Form.CLEAR: "in clear",
    Form.SEALED: "sealed",
    Form.HASHED: "hashed",
    Form.NAMED: "names",
    Form.SAID: "said",
}
_ERASING = {
    Erasing.REMOVED: "removed",
    Erasing.KEPT: "kept",
}

HEAD = """\
# The map of personal data

<!-- Made by scripts/personal_data.py; a test fails when it is stale. -->

Every table that has something about people, and in what form. *In clear*: readable. *Sealed*: under
a key that is kept outside the database. *Hashed*: a keyed or slow hash of a secret. *Names*:
pseudonyms and random ids. *Said*: times, counts and words of ours about somebody. Columns that are
about nobody are left out.

Pseudonyms are personal data all the same: who holds the key, or knows an address, finds the person
again. They are keyed hashes so that a stolen database does not show whom we know.

How long a class is kept is set in [`[retention]`](../reference.md); the days here are the defaults.
What an erasure does stands in [its how-to](../how-to/export-and-erase.md).
"""


def page() -> str:
    """The page."""
    days = msgspec.to_builtins(RetentionSettings())
    lines = [HEAD]
    quiet: list[str] = []
    for room, tables in ROOMS.items():
        about = {name: one for name, one in tables.items() if _about(one)}
        quiet += sorted(set(tables) - set(about))
        if not about:
            continue
        lines += [f"## {room}", "", "| table | what | columns | how long | an erasure |"]
        lines.append("|---|---|---|---|---|")
        for name, one in about.items():
            cells = [f"`{name}`", one.what, _columns(one), _long(one, days), _erased(one)]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines.append("About nobody: " + ", ".join(f"`{name}`" for name in sorted(quiet)) + ".")
    return "\n".join(lines) + "\n"


def _about(one: Kept) -> bool:
    return any(form is not Form.PLAIN for form in one.columns().values())


def _columns(one: Kept) -> str:
    parts = []
    for form, word in _FORMS.items():
        names = getattr(one, form.value).split()
        if names:
            parts.append(f"{word}: " + ", ".join(f"`{name}`" for name in names))
    return "; ".join(parts)


def _long(one: Kept, days: dict[str, float]) -> str:
    if one.under in days:
        return f"`{one.under}` ({days[one.under]:g} days)"
    return one.under


def _erased(one: Kept) -> str:
    if not one.of:
        return "–"
    if one.erasing is Erasing.BLANKED:
        return "blanks " + ", ".join(f"`{name}`" for name in one.blank)
    return _ERASING[one.erasing]


if __name__ == "__main__":
    PAGE.write_text(page())

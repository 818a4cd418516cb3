"""What is seen of an item of a leave when somebody says that it is done (types)."""

import msgspec

WORD = "a person's word: "  #: before why there is nothing else
AGAINST = "against what was seen: "  #: before what was seen, where a person went past it


class Seen(msgspec.Struct, frozen=True):
    """Attributes:
    stands: why it is not done, as far as was looked; "": nothing that was seen speaks against it.
    note: what goes with the item: what was seen, or that a person's word is all there is.
    """

    stands: str = ""
    note: str = ""


class Rests(msgspec.Struct, frozen=True):
    """What it rests on that an item is done, and the rest of its note. ``doubted``: a person says
    so, and what was seen says otherwise."""

    on: str
    says: str
    doubted: bool = False


def rests(note: str) -> Rests:
    """What ``noted`` made, taken apart."""
    if note.startswith(AGAINST):
        return Rests("Against what was seen", note.removeprefix(AGAINST), doubted=True)
    if not note or note.startswith(WORD):
        return Rests("On a person's word", note.removeprefix(WORD))
    return Rests("Looked at", note)


def noted(seen: Seen, word: str) -> str:
    """What a person says of an item, behind what was seen of it."""
    parts = (f"{AGAINST}{seen.stands}" if seen.stands else seen.note, word.strip())
    return "; ".join(one for one in parts if one)

"""What is seen of an item of a leave when somebody says that it is done (types)."""

import msgspec

from mailkeep.base.errors import Invalid

LONGEST = 200  #: characters of a note
MOST_SEEN = 140  #: of them, of what was seen: a name in DNS alone may have 253
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
    """What a person says of an item, behind what was seen of it; a long one ends in an ellipsis.

    Raises:
        Invalid: they say nothing, and nothing that was seen says it for them; or what they say
            does not fit beside it: no word of theirs is left out.
    """
    found, word = f"{AGAINST}{seen.stands}" if seen.stands else seen.note, word.strip()
    found = found if len(found) <= MOST_SEEN else f"{found[: MOST_SEEN - 1]}…"
    if not word and (not found or found.startswith((WORD, AGAINST))):
        raise Invalid(
            "say who did it, or where it is written: your word is all there is", field="note"
        )
    room = LONGEST - len(f"{found}; " if found else "")
    if len(word) > room:
        raise Invalid(f"say it in {room} characters at most", field="note")
    return "; ".join(one for one in (found, word) if one)

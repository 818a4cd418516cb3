"""What is seen of an item of a leave when somebody says that it is done (types)."""

import msgspec

WORD = "a person's word: "  #: before why there is nothing else


class Seen(msgspec.Struct, frozen=True):
    """Attributes:
    stands: why it is not done, as far as was looked; "": nothing that was seen speaks against it.
    note: what goes with the item: what was seen, or that a person's word is all there is.
    """

    stands: str = ""
    note: str = ""


def is_word(note: str) -> bool:
    """Whether nothing was seen of an item that has this note: a person's word is all there is."""
    return not note or note.startswith(WORD)


def noted(seen: Seen, word: str) -> str:
    """What a person says of an item, behind what was seen of it."""
    parts = (seen.stands or seen.note, word.strip())
    return "; ".join(one for one in parts if one)

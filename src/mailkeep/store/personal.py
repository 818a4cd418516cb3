"""How a room declares what its tables hold about people, column by column.

Each room that has tables has a ``personal.py``. The data map, the export of a person and their
erasure are generated from it, so a column that is missing there fails a test.
"""

import enum
from collections.abc import Mapping

import msgspec


class Form(enum.StrEnum):
    """How a column keeps what it keeps."""

    CLEAR = "clear"  #: readable, and it says who somebody is or what they wrote
    SEALED = "sealed"  #: under a key that is kept outside the database
    HASHED = "hashed"  #: a keyed or slow hash of a secret: it can be compared, not read
    NAMED = "named"  #: a pseudonym or a random id; with the key, or the address, it names somebody
    SAID = "said"  #: times, counts and words of ours about somebody
    PLAIN = "plain"  #: about nobody


class Erasing(enum.StrEnum):
    """What an erasure does to the rows of a person."""

    REMOVED = "removed"  #: the rows are deleted
    BLANKED = "blanked"  #: what is in ``blank`` is overwritten, the rest stays
    KEPT = "kept"  #: no more than names and words; they go with their class


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One table.

    Attributes:
        what: what a row is, in a few words.
        under: the setting of ``[retention]`` that says how long, or a sentence.
        of: who a row is about: ``column:account``, ``column:address`` (by pseudonym) or
            ``column:table.column`` of another table; several are joined with spaces. Empty: it is
            found by nobody's name.
        erasing: see there; ``blank`` says what is written over.
        clear, sealed, hashed, named, said, plain: the columns of each form, joined with spaces.
        others: of those, the ones that name other people as well: an export leaves them out.
    """

    what: str
    under: str
    of: str = ""
    erasing: Erasing = Erasing.KEPT
    blank: Mapping[str, object] = {}
    clear: str = ""
    sealed: str = ""
    hashed: str = ""
    named: str = ""
    said: str = ""
    plain: str = ""
    others: str = ""

    def columns(self) -> dict[str, Form]:
        """The form of each column."""
        return {name: form for form in Form for name in getattr(self, form.value).split()}


#: A room's tables, by name.
Personal = Mapping[str, Kept]

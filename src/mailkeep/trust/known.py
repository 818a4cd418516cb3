"""An entry of the catalogue of well-known companies, and whose word it rests on (pure)."""

import enum

import msgspec

from .types import Party, PartyKind


class Word(enum.StrEnum):
    """Whose words a source is."""

    OWN = "own"  #: the house's, or its owner's: terms, a list of subprocessors, documentation
    OTHERS = "others"  #: somebody else's, and so not confirmed


class Known(msgspec.Struct, frozen=True):
    """A company of the catalogue; fields as in ``Party``.

    Attributes:
        source: where it says so; "": an owner, of which nothing is said but whom it owns.
        seen: the day on which the source was read.
        word: whose words the source is.
        also: more pages of the same kind, read on the same day, for hosts and signs that the source
            says nothing of.
        provider_kinds: kinds of ``[[provider]]`` that are this house.
    """

    id: str
    name: str
    kind: PartyKind
    source: str = ""
    seen: str = ""
    word: Word = Word.OWN
    also: tuple[str, ...] = ()
    owned_by: tuple[str, ...] = ()
    relays_via: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    provider_kinds: tuple[str, ...] = ()

    def party(self) -> Party:
        """As the register has it."""
        return Party(
            self.id,
            self.name,
            relays_via=self.relays_via,
            owned_by=self.owned_by,
            runs_on=self.runs_on,
            kind=self.kind,
            known=self.id,
            source=f"{', '.join((self.source, *self.also))} ({self.seen})" if self.source else "",
            confirmed=self.is_confirmed,
        )

    @property
    def is_confirmed(self) -> bool:
        """Whether the house, or its owner, says so itself."""
        return bool(self.source) and self.word is Word.OWN

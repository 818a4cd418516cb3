"""DNS answers for pure checks: a check asks, and a name that was not looked up yet is noted for the
next round."""

import enum

import msgspec


class Found(enum.StrEnum):
    """What became of a question."""

    SOME = "some"  #: there are records
    NONE = "none"  #: the name is not there, or has none of that type: a void look-up
    ERROR = "error"  #: nobody answered, or not in earnest
    PENDING = "pending"  #: not looked up yet; the round is run again


class Answer(msgspec.Struct, frozen=True):
    """The records of a name, each as text: TXT joined, MX as ``preference host``."""

    found: Found
    rows: tuple[str, ...] = ()


class Records:
    """The answers so far, and the questions that are still open."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Answer] = {}
        self.open: set[tuple[str, str]] = set()

    def ask(self, name: str, kind: str) -> Answer:
        """The answer, or ``PENDING``."""
        question = (name.rstrip(".").lower(), kind)
        if question not in self._known:
            self.open.add(question)
            return Answer(Found.PENDING)
        return self._known[question]

    def learn(self, name: str, kind: str, answer: Answer) -> None:
        """What a question was answered with."""
        self._known[name, kind] = answer
        self.open.discard((name, kind))

"""The event envelope, and how events are serialised and read back."""

import enum
from collections.abc import Callable
from typing import ClassVar, Self, TypeVar

import msgspec

from mailkeep.base.clock import Instant

F = TypeVar("F", bound="Fact")


class Fact(msgspec.Struct, frozen=True):
    """Something that happened. Subclasses are named in the past tense and live in a room's
    ``events.py`` under ``@fact("<room>.<words>")``; a kind is never renamed once shipped. Each says
    ``kw_only=True``, which is not inherited: most fields are words, and two in the wrong order
    would be on the log for good."""

    kind: ClassVar[str] = ""


class Word(enum.StrEnum):
    """A word of a fact, out of a closed list. One that another version wrote is read as it stands,
    and is none of the list."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_, word._value_ = "UNKNOWN", value
        return word


_KINDS: dict[str, type[Fact]] = {}


def fact(kind: str) -> Callable[[type[F]], type[F]]:
    """Class decorator that names a fact and makes it readable from the log."""

    def name(cls: type[F]) -> type[F]:
        if cls.__match_args__:  # what can be given without its name
            raise TypeError(f"{cls.__name__} is not kw_only")
        if _KINDS.setdefault(kind, cls) is not cls:
            raise ValueError(f"two facts are called {kind}")
        cls.kind = kind
        return cls

    return name


class Recorded(msgspec.Struct, frozen=True):
    """A fact with its position in the log.

    Attributes:
        position: dense, and final once assigned.
        placed_at: the relay's clock when it was placed; never decreases along the log, so that a
            replay sees time pass as the first reading did.
        at: when it happened.
    """

    position: int
    placed_at: Instant
    at: Instant
    id: str
    fact: Fact


def encode(fact: Fact) -> str:
    return msgspec.json.encode(fact).decode()


def decode(kind: str, data: str) -> Fact | None:
    """The fact, or None for a kind that this version does not know."""
    known = _KINDS.get(kind)
    return None if known is None else msgspec.json.decode(data, type=known)

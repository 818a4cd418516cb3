"""Types of the catalogue of threats."""

from collections.abc import Callable, Mapping

import msgspec

from .types import Live, TrustConfiguration

STRIDE: Mapping[str, str] = {
    "S": "Spoofing",
    "T": "Tampering",
    "R": "Repudiation",
    "I": "Information disclosure",
    "D": "Denial of service",
    "E": "Elevation of privilege",
}


class Mitigation(msgspec.Struct, frozen=True):
    """What mitigates a threat. ``on``: "" when it is on, else why it is not; ``shown``: tests."""

    words: str
    on: Callable[[TrustConfiguration, Live], str]
    shown: tuple[str, ...]


class Threat(msgspec.Struct, frozen=True):
    """A threat.

    Attributes:
        verbs: of the capabilities that carry it out; see ``words.VERBS``.
        answers: what mitigates it.
        ways: rules that carry it out, where the capability comes about by others too; see
            ``rules.RULES``.
        premise: the verb of something that such a rule must rest on; "": whatever it rests on.
    """

    id: str
    stride: str
    words: str
    asset: str
    verbs: tuple[str, ...]
    answers: tuple[Mitigation, ...]
    ways: tuple[str, ...] = ()
    premise: str = ""


def by(module: str, test: str) -> tuple[str, ...]:
    """The test of that name in a module below ``tests``."""
    return (f"tests/{module}.py::test_{test}",)

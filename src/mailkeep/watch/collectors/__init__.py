"""Collectors: what is asked of the outside now and then, and becomes facts.

A collector is asked for facts at its own pace; what it is told is a claim, and each fact says so.
It holds no detector's knowledge: it asks, reads strictly and bounds what it records.
"""

from collections.abc import Sequence
from typing import Protocol

from mailkeep.events.types import Fact


class Collector(Protocol):
    """The port."""

    @property
    def name(self) -> str: ...

    @property
    def seconds(self) -> float:
        """How often it is asked."""
        ...

    async def collect(self) -> Sequence[Fact]:
        """Ask, and say what is to be recorded. Raises for nothing that the other side does."""
        ...

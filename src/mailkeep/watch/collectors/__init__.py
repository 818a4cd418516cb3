"""Collectors: poll outside sources at their own pace, and record the answers as events.

An answer is a claim, and each event says so. A collector knows nothing of detectors: it asks,
parses strictly and bounds what it records.
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

"""Counts how often each message of each round arrived at a sink, and when."""

import time
from typing import Any


class Tally:
    """See the module."""

    def __init__(self) -> None:
        self._counts: dict[str, bytearray] = {}
        self._span: dict[str, tuple[float, float]] = {}
        self._times: dict[str, list[tuple[int, float]]] = {}
        self._unique: dict[str, int] = {}
        self._all: dict[str, int] = {}
        self.strangers = 0

    def arrived(self, number: int, round_: str) -> None:
        """A message is in our hands."""
        now = time.monotonic()
        counts = self._counts.setdefault(round_, bytearray())
        if number >= len(counts):
            counts.extend(bytes(max(4096, number + 1 - len(counts))))
        if not counts[number]:
            self._unique[round_] = self._unique.get(round_, 0) + 1
        if counts[number] < 255:
            counts[number] += 1
        self._all[round_] = self._all.get(round_, 0) + 1
        first, _ = self._span.get(round_, (now, now))
        self._span[round_] = (first, now)
        if round_.startswith("t"):  # a round whose latency is measured
            self._times.setdefault(round_, []).append((number, now))

    def count(self, round_: str) -> dict[str, Any]:
        """How many arrived, how many of them once, when the first and the last."""
        first, last = self._span.get(round_, (0.0, 0.0))
        return {
            "unique": self._unique.get(round_, 0),
            "all": self._all.get(round_, 0),
            "first": first,
            "last": last,
            "strangers": self.strangers,
        }

    def missing(self, round_: str, sent: int, unsure: list[tuple[int, int]]) -> int:
        """How many of the first ``sent`` did not arrive, those left out whose fate is unknown."""
        counts = self._counts.get(round_, bytearray())
        seen = counts[:sent].ljust(sent, b"\0")
        for first, count in unsure:
            seen[first : first + count] = b"\1" * count
        return seen.count(0)

    def times(self, round_: str) -> list[tuple[int, float]]:
        """When each message of a timed round arrived."""
        return self._times.get(round_, [])

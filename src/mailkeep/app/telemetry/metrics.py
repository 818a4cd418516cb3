"""The numbers themselves, in a registry of their own.

Counting costs about half a microsecond: the child of each label set is looked up once.
"""

import gc

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from mailkeep import __version__

from .catalogue import METRICS

Labels = tuple[str, ...]


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        if hasattr(gc, "get_stats"):
            GCCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for one in METRICS:
            if one.kind == "counter":
                self._counters[one.name] = Counter(
                    one.name, one.help, one.labels, registry=self.registry
                )
            elif one.kind == "gauge":
                self._gauges[one.name] = Gauge(
                    one.name, one.help, one.labels, registry=self.registry
                )
            else:
                self._histograms[one.name] = Histogram(
                    one.name, one.help, one.labels, registry=self.registry, buckets=one.buckets
                )
        self._counting: dict[tuple[str, Labels], Counter] = {}
        self._observing: dict[tuple[str, Labels], Histogram] = {}
        self.set("mailkeep_build_info", 1.0, __version__)

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Count ``by`` more; 0 makes the series begin, so that its first rise is seen as one."""
        child = self._counting.get((name, labels))
        if child is None:
            whole = self._counters[name]
            child = whole.labels(*labels) if labels else whole
            self._counting[name, labels] = child
        child.inc(by)

    def observe(self, name: str, value: float, *labels: str) -> None:
        child = self._observing.get((name, labels))
        if child is None:
            whole = self._histograms[name]
            child = whole.labels(*labels) if labels else whole
            self._observing[name, labels] = child
        child.observe(value)

    def set(self, name: str, value: float, *labels: str) -> None:
        gauge = self._gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def forget(self, name: str) -> None:
        """Drop every series of a gauge with labels: what is set next is all there is."""
        self._gauges[name].clear()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All of them as text, in the format that ``accept`` asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type

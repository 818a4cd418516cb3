"""The Prometheus counters, gauges and histograms, in a registry of their own.

Counting costs about half a microsecond, some three for all that is counted of a message.
"""

import gc
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from math import inf

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from mailkeep import __version__

from .catalogue import METRICS, Metric

Labels = tuple[str, ...]


class _Tallies(Collector):
    """A histogram. The library's own asks for a lock and walks through the buckets at each value;
    all of this happens on one thread, and finding the bucket by halves costs a fraction of it."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._bounds = [_written(bound) for bound in (*metric.buckets, inf)]
        #: By labels: how many fell into each bucket, and the sum of the values last.
        self._tallies: dict[Labels, list[float]] = {}
        if not metric.labels:
            self._begin(())

    def observe(self, value: float, labels: Labels) -> None:
        tally = self._tallies.get(labels) or self._begin(labels)
        tally[bisect_left(self._metric.buckets, value)] += 1
        tally[-1] += value

    def _begin(self, labels: Labels) -> list[float]:
        tally = [0.0] * (len(self._bounds) + 1)
        self._tallies[labels] = tally
        return tally

    def collect(self) -> Iterator[HistogramMetricFamily]:
        metric = self._metric
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, tally in self._tallies.items():
            below = zip(self._bounds, accumulate(tally[:-1]), strict=True)
            family.add_metric(labels, list(below), tally[-1])
        yield family


def _written(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


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
        self._histograms: dict[str, _Tallies] = {}
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
                self._histograms[one.name] = tallies = _Tallies(one)
                self.registry.register(tallies)
        self._counting: dict[tuple[str, Labels], Counter] = {}
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
        self._histograms[name].observe(value, labels)

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

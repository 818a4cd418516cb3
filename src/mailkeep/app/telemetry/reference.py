"""Generates ``docs/metrics.md``: ``python -m mailkeep.app.telemetry.reference >
docs/metrics.md``."""

import sys

from .catalogue import METRICS, Metric

HEAD = """# Metrics

`GET /metrics`, in the format of Prometheus or of OpenMetrics. It may be read from
`[telemetry] networks` (loopback, unless said otherwise) or with an API key of the scope `read`.
Made by `python -m mailkeep.app.telemetry.reference` from the table that the code counts by.

Counters and histograms are of one process, from its start, and count what this process did: take
`sum` over processes. Gauges marked *shared* are read from the database, every five seconds at most,
and the same from every process: take `max`. Labels hold names from the settings and words of the
code; a name that is in the settings no more is `other`. Canaries count among the messages and
attempts of their stream. A counter of what happens seldom begins at 0 with the process where an
alert rests on it.

Beside these stand `process_…` and `python_…`: memory, processor, descriptors, garbage collection.

Alert rules: [alerts.yml](../deploy/prometheus/alerts.yml), each with its section in
[runbooks/alerts.md](runbooks/alerts.md). A dashboard: `deploy/grafana/mailkeep.json`.

```yaml
scrape_configs:
  - job_name: mailkeep
    authorization: { credentials_file: /etc/prometheus/mailkeep.key }  # not needed on loopback
    static_configs: [{ targets: ["127.0.0.1:8025"] }]
```

| metric | kind | labels | what |
|---|---|---|---|
"""


def row(one: Metric) -> str:
    """The line of one metric (pure)."""
    labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
    kind = f"{one.kind}, shared" if one.shared else one.kind
    return f"| `{one.name}` | {kind} | {labels} | {one.help} |\n"


def page() -> str:
    """The whole page (pure)."""
    return HEAD + "".join(row(one) for one in METRICS)


if __name__ == "__main__":
    sys.stdout.write(page())

"""The catalogue of metrics: name, labels, help text. ``docs/metrics.md`` is generated from it."""

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One metric as Prometheus has it.

    Attributes:
        shared: read from the database, so every process on it says the same: take ``max``. All
            others are of one process: take ``sum``.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    shared: bool = False


_SEND = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_LIFE = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21_600.0)
_COMMIT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_SIZE = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)

_S, _P = "stream", "provider"


def _counter(name: str, labels: tuple[str, ...], text: str) -> Metric:
    return Metric(f"mailkeep_{name}_total", "counter", labels, text)


def _gauge(name: str, labels: tuple[str, ...], text: str, *, shared: bool = False) -> Metric:
    return Metric(f"mailkeep_{name}", "gauge", labels, text, (), shared)


def _histogram(name: str, labels: tuple[str, ...], text: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(f"mailkeep_{name}", "histogram", labels, text, buckets)


METRICS: tuple[Metric, ...] = (
    _counter("messages_accepted", (_S,), "Messages stored durably and acknowledged"),
    _counter("attempts", (_S, _P, "outcome"), "Attempts by what came of them"),
    _histogram("attempt_seconds", (_S, _P), "How long attempts took", _SEND),
    _counter("failovers", (_S, "left", "taken"), "Messages that went on to another provider"),
    _counter("given_up", (_S, "why"), "Messages that will not be sent"),
    _counter("requeued", (_S,), "Messages given up that a person had sent after all"),
    _histogram(
        "delivery_seconds",
        (_S, _P),
        "From acceptance to a provider's claim of delivery came in; a planned wait included",
        _LIFE,
    ),
    _gauge(
        "queue_depth",
        (_S, "status"),
        "Messages to send: due (time has come, under way included), later (planned, tried again)",
        shared=True,
    ),
    _gauge(
        "queue_oldest_seconds",
        (_S,),
        "For how long the message that waits longest has been due or tried",
        shared=True,
    ),
    _gauge("breaker_open", (_S, _P), "1 while this process leaves the provider for a time"),
    _gauge("provider_cut", (_P,), "1 while the provider is cut off", shared=True),
    _gauge("provider_resting", (_P,), "1 while the provider is left alone", shared=True),
    _counter("claims", (_P, "event"), "New claims of providers about mail"),
    _counter("claims_duplicate", (_P,), "Claims that had been made before"),
    _counter("claims_refused", (_P, "why"), "Webhooks and bounces of which nothing was believed"),
    _counter("canaries", (_P, "result"), "Canaries that were sent, refused, or arrived"),
    _histogram("canary_seconds", (_P,), "From handing a canary over to its arrival", _LIFE),
    _counter("canary_strangers", (_P,), "Canaries that came back with a host that is not ours"),
    _counter("signals", ("detector",), "Signals that detectors raised"),
    _counter("incidents_opened", ("kind",), "Incidents that were opened"),
    _gauge("incidents_open", ("kind", "state"), "Incidents that are not closed", shared=True),
    _gauge(
        "regulator_clocks",
        ("state",),
        "Clocks of regulators that nobody answered: running, near (a day), over (for a week)",
        shared=True,
    ),
    _counter("actions", ("action", "result"), "What was done about incidents"),
    _counter("recoveries", ("stage",), "Steps of account recoveries"),
    _counter("sign_ins", ("result",), "Sign-ins by what came of them"),
    _counter("facts_set_aside", ("subscriber",), "Facts that a subscriber could not bear"),
    _counter("audit_contradicted", (), "Times that the audit chain was found cut or rewritten"),
    _gauge("event_log_lag", ("subscriber",), "Facts placed that it has not read yet", shared=True),
    _gauge("events_unplaced", (), "Facts without a place yet; counted to 10,000", shared=True),
    _gauge(
        "feed_lag",
        ("feed",),
        "Facts that a feed has not been told or passed over; up to 10,000 of no concern to it",
        shared=True,
    ),
    _gauge("feed_failing_seconds", ("feed",), "For how long a feed has failed", shared=True),
    _gauge(
        "feed_waiting_seconds",
        ("feed",),
        "For how long what a feed is told next has waited",
        shared=True,
    ),
    Metric(
        "mailkeep_feed_lines_total",
        "counter",
        ("feed", "result"),
        "Lines that a feed was told, or refused for good",
        shared=True,
    ),
    _counter(
        "console_lines", ("log", "result"), "Lines of others' audit logs, by what became of them"
    ),
    _gauge("cutover", ("state",), "1 while a move between providers stands so", shared=True),
    _histogram("commit_jobs", (), "Jobs that shared one commit", _SIZE),
    _histogram("commit_seconds", (), "How long a shared commit took", _COMMIT),
    _gauge("loop_running", ("loop",), "1 while this loop of the process goes on"),
    _counter(
        "loop_failures",
        ("loop", "why"),
        "Steps of loops that failed: `unavailable` (the database), `outside` (somebody else, as a"
        " mailbox that cannot be read), `fault` (ours)",
    ),
    _gauge(
        "loop_last_success_timestamp_seconds",
        ("loop",),
        "When a loop, or any of those that share its name, last did its step to the end",
    ),
    _counter("http_requests", ("route", "method", "status"), "Requests that were answered"),
    _gauge("ready", (), "1 while /readyz says so"),
    _gauge("ready_check", ("check",), "1 for each check of /readyz that passes"),
    _counter("heartbeats", ("result",), "Heartbeats sent, failed, or withheld"),
    _gauge("heartbeat_last_success_timestamp_seconds", (), "When a heartbeat was last heard"),
    _gauge("hourly_keys", (), "Hourly keys on file, each with secret bodies under it"),
    _gauge("disk_free_bytes", (), "Free space where the database and the keys are"),
    _gauge("disk_size_bytes", (), "Size of that disk"),
    _gauge("snapshot_age_seconds", (), "Age of what was read from the database"),
    _counter("snapshot_failures", (), "Times that it could not be read"),
    _gauge("build_info", ("version",), "Always 1"),
)

BY_NAME = {one.name: one for one in METRICS}

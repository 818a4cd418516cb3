"""The registry of rows, one line each, in the order of the report."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailkeep_bench.bench import Bench
from mailkeep_bench.results import Row

from . import accept, delivery, disk, life, recovery, reference, standing


@dataclass(frozen=True, slots=True)
class Entry:
    """A row.

    Attributes:
        asked: it takes long, and is run only when it is asked for.
    """

    title: str
    measure: Callable[[Bench, Row], Awaitable[None]]
    asked: bool = False


ROWS: dict[str, Entry] = {
    "disk": Entry("The disk alone, what nothing durable can do without", disk.disk),
    "http-accept": Entry("HTTP accept, one message a request, durable", accept.http_accept),
    "http-batch": Entry("HTTP accept, 100 messages a request, durable", accept.http_batch),
    "smtp-accept": Entry("SMTP accept, kept sessions, no TLS, durable", accept.smtp_accept),
    "smtp-source": Entry("Postfix's accept by its own load generator", reference.smtp_source),
    "delivery-smtp": Entry("Delivery of what waits, to an SMTP sink", delivery.smtp),
    "delivery-http": Entry("Delivery of what waits, to an HTTP API", delivery.http),
    "recovery-depth": Entry("Recovery mail while bulk waits", recovery.depth),
    "recovery-hang": Entry("Recovery mail while bulk's connections hang", recovery.hang),
    "ready": Entry("Ready after a start", standing.ready),
    "memory": Entry("A deep queue: memory, and ready after a kill", standing.memory, asked=True),
    "life": Entry("Whole life, accept to delivered webhook", life.life, asked=True),
}

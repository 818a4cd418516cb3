"""Time series that start at 0 with the process, so that alerts can see their first rise (pure).

A series that appears with its first failure shows no increase to a rule; those that alerts depend
on exist before.
"""

from collections.abc import Collection, Iterator

from mailkeep.mail.types import GiveUpReason, StreamSettings
from mailkeep.providers.types import OutcomeKind
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.watch.consoles import OVER
from mailkeep.watch.detectors.catalogue import DETECTORS

from .facts import OTHER, RESULTS, STAGES

Series = tuple[str, ...]  # the metric, then the values of its labels


def series(
    streams: Collection[StreamSettings],
    providers: Collection[str],
    canaries: Collection[str],
    subscribers: Collection[str],
    feeds: Collection[str],
    consoles: Collection[str],
) -> Iterator[Series]:
    """All of them.

    Args:
        canaries: providers through which canaries go.
        consoles: audit logs of other houses that are brought in.
    """
    for stream in streams:
        yield from _of_stream(stream)
    for provider in providers:
        yield "mailkeep_claims_total", provider, "delivered"
        yield "mailkeep_claims_duplicate_total", provider
        for why in ("forged-webhook", "malformed-webhook", "flood"):
            yield "mailkeep_claims_refused_total", provider, why
    for provider in canaries:
        for result in ("sent", "refused", "arrived"):
            yield "mailkeep_canaries_total", provider, result
        yield "mailkeep_canary_strangers_total", provider
    for subscriber in subscribers:
        yield "mailkeep_facts_set_aside_total", subscriber
    for feed in feeds:
        for result in ("told", "refused"):
            yield "mailkeep_feed_lines_total", feed, result
    for log in consoles:
        yield "mailkeep_console_lines_total", log, OVER
    yield ("mailkeep_audit_contradicted_total",)
    yield from _of_the_code()


def _of_stream(stream: StreamSettings) -> Iterator[Series]:
    yield "mailkeep_messages_accepted_total", stream.name
    for why in (GiveUpReason.EXPIRED, GiveUpReason.REJECTED, GiveUpReason.NO_BODY, OTHER):
        yield "mailkeep_given_up_total", stream.name, why
    names = [route.provider for route in stream.routes]
    for name in names:
        for outcome in OutcomeKind:
            yield "mailkeep_attempts_total", stream.name, name, outcome.value
        for taken in names:
            if taken != name:
                yield "mailkeep_failovers_total", stream.name, name, taken


def _of_the_code() -> Iterator[Series]:
    for detector in DETECTORS:
        yield "mailkeep_signals_total", detector.name
    for stage in STAGES.values():
        yield "mailkeep_recoveries_total", stage
    for action in ACTIONS:
        for result in RESULTS.values():
            yield "mailkeep_actions_total", action, result
    for route in ("/v1/messages", "/hooks/{provider}"):
        for status in ("500", "503"):
            yield "mailkeep_http_requests_total", route, "POST", status
    yield ("mailkeep_snapshot_failures_total",)

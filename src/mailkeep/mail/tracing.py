"""Trace context (W3C Trace Context), from the request that brought a message to its attempts.

Without an OpenTelemetry SDK in the process nothing is recorded; a caller's context is kept with the
message all the same: it lies in the body (``Content.trace``) and is deleted with it. Only
``traceparent`` is taken: ``tracestate`` and baggage are whatever a stranger cares to write.

Security: providers never see our trace ids. A request to one is built from the message alone, and
instrumentation libraries that would add the ids to outgoing requests are told not to.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec
from opentelemetry import context, trace
from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    Context,
)
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .types import Content, Job, NewMessage

HEADER = "traceparent"
_LONGEST = 256
_propagator = TraceContextTextMapPropagator()


def parent_of(carried: str | None) -> Context | None:
    """The context that a ``traceparent`` names; None when there is none, or none that is valid."""
    if not carried or len(carried) > _LONGEST:
        return None
    found = _propagator.extract({HEADER: carried}, Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else None


def accept_span(carried: str | None, count: int) -> AbstractContextManager[str | None]:
    """Around taking ``count`` messages in; gives what is to be kept with them, if anything is."""
    parent = parent_of(carried)
    if _recording():
        return _accepting(parent, count)
    return nullcontext(None if parent is None else _written(trace.get_current_span(parent)))


@contextmanager
def _accepting(parent: Context | None, count: int) -> Iterator[str | None]:
    with trace.get_tracer("mailkeep").start_as_current_span(
        "accept",
        context=parent or Context(),
        kind=SpanKind.SERVER,
        attributes={"mailkeep.messages": count},
        # The text of an error about a message may quote it, and must not get into a trace.
        record_exception=False,
    ) as span:
        yield _written(span)


def attempt_span(carried: str | None, job: Job) -> AbstractContextManager[Span]:
    """Around one attempt: a child of the acceptance, however long ago that was."""
    return _attempting(carried, job) if _recording() else nullcontext(INVALID_SPAN)


@contextmanager
def _attempting(carried: str | None, job: Job) -> Iterator[Span]:
    with trace.get_tracer("mailkeep").start_as_current_span(
        "attempt",
        context=parent_of(carried) or Context(),
        kind=SpanKind.PRODUCER,
        attributes={
            "mailkeep.message": job.message,
            "mailkeep.attempt": job.attempt,
            "mailkeep.provider": job.provider,
            "mailkeep.stream": job.stream,
            "mailkeep.tries": job.tries,
        },
        record_exception=False,
    ) as span:
        quiet = context.get_current()
        for key in (_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_HTTP_INSTRUMENTATION_KEY):
            quiet = context.set_value(key, True, quiet)
        token = context.attach(quiet)
        try:
            yield span
        finally:
            context.detach(token)


def traced(new: NewMessage, carried: str | None) -> NewMessage:
    """The message with what is to be kept of its trace."""
    if carried is None:
        return new
    content = msgspec.structs.replace(new.content, trace=carried)
    return msgspec.structs.replace(new, content=content)


def untraced(content: Content) -> Content:
    """The content as it is compared: the same mail, sent twice, comes in two traces."""
    return content if content.trace is None else msgspec.structs.replace(content, trace=None)


def _recording() -> bool:
    """Whether somebody set OpenTelemetry up in this process."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def _written(span: Span) -> str | None:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get(HEADER)

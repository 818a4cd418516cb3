"""A caller's trace goes with the message to its attempts, and never to a provider."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    Tracer,
    TracerProvider,
)

from mailkeep.mail.intake import to_outgoing
from mailkeep.mail.tracing import accept_span, attempt_span, parent_of, traced, untraced
from mailkeep.mail.types import Content, Job, NewMessage, StreamSettings
from mailkeep.providers.message import OutgoingMessage

TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
PARENT = f"00-{TRACE:032x}-00f067aa0ba902b7-01"
CONTENT = Content("us@example.com", "ada@example.net", "Hello", text="words")
JOB = Job("msg_1", "att_1", "a", "alert", "address_1", False, 1, 0, 0, 1, None, b"")


class _Recorder(Tracer):
    """What an SDK does, as far as these tests look: spans with ids of their own and a parent."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, int, int, dict[str, object]]] = []

    def start_span(self, *args: object, **kwargs: object) -> Span:
        raise NotImplementedError

    @contextmanager
    def start_as_current_span(
        self, name: str, context: Context | None = None, **more: object
    ) -> Iterator[Span]:
        parent = trace.get_current_span(context).get_span_context()
        own = len(self.spans) + 1
        attributes = more["attributes"]
        assert isinstance(attributes, dict)
        self.spans.append((name, parent.span_id, own, attributes))
        sampled = TraceFlags(TraceFlags.SAMPLED)
        known = SpanContext(parent.trace_id or 7, own, is_remote=False, trace_flags=sampled)
        with trace.use_span(NonRecordingSpan(known)) as span:
            yield span


class _Provider(TracerProvider):
    def __init__(self, recorder: _Recorder) -> None:
        self.recorder = recorder

    def get_tracer(self, *args: object, **kwargs: object) -> Tracer:
        return self.recorder


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> _Recorder:
    made = _Recorder()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", _Provider(made))
    return made


def test_without_an_sdk_a_callers_context_is_kept_and_nothing_is_recorded() -> None:
    with accept_span(PARENT, 1) as kept:
        assert kept == PARENT
    with accept_span(None, 1) as kept:
        assert kept is None
    with attempt_span(PARENT, JOB) as span:
        assert span is INVALID_SPAN


def test_an_attempt_is_a_child_of_the_acceptance_and_that_of_the_callers_span(
    recorder: _Recorder,
) -> None:
    with accept_span(PARENT, 3) as kept:
        pass
    with attempt_span(kept, JOB):
        assert context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) is True
    assert context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) is None
    (accept, caller, accepted, counted), (attempt, parent, _, said) = recorder.spans
    assert (accept, caller, counted) == ("accept", 0x00F067AA0BA902B7, {"mailkeep.messages": 3})
    assert (attempt, parent) == ("attempt", accepted)
    assert said["mailkeep.provider"] == "a"
    assert kept is not None
    assert f"{TRACE:032x}" in kept


def test_an_attempt_of_a_message_that_came_in_no_trace_begins_its_own(
    recorder: _Recorder,
) -> None:
    with attempt_span(None, JOB):
        pass
    assert recorder.spans[0][1] == 0


@given(st.text(max_size=300) | st.just(f"00-{'0' * 32}-{'0' * 16}-01"))
def test_what_is_no_trace_context_is_none(said: str) -> None:
    assert parent_of(said) is None


def test_the_trace_stays_in_the_house() -> None:
    """No provider's request holds it, and the same mail in another trace is the same mail."""
    new = traced(NewMessage("alert", CONTENT), PARENT)
    assert new.content.trace == PARENT
    assert msgspec.json.decode(msgspec.json.encode(new.content), type=Content) == new.content
    assert untraced(new.content) == CONTENT
    stream = StreamSettings("alert", 1, ())
    sent = to_outgoing(new.content, "msg_1", "att_1", stream, 0)
    assert "trace" not in OutgoingMessage.__struct_fields__
    assert f"{TRACE:032x}" not in str([getattr(sent, one) for one in sent.__struct_fields__])

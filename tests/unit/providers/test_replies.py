"""Reading replies: JSON with one meaning, waits, and bare statuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.providers import replies
from mailkeep.providers.types import MAX_REPLY, HttpReply, OutcomeKind

SENT = "Mon, 17 Feb 2014 12:25:01 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"retry-after": " 12 "}, 12.0),
        ({"RETRY-AFTER": "999999999"}, 3600.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "9" * 100}, None),
        ({"Retry-After": "Mon, 17 Feb 2014 12:25:31 GMT", "Date": SENT}, 30.0),
        ({"Retry-After": "Mon, 17 Feb 2014 12:20:00 GMT", "Date": SENT}, 0.0),
        ({"Retry-After": "Mon, 17 Feb 2099 12:20:00 GMT", "Date": SENT}, 3600.0),
        ({"Retry-After": "Mon, 17 Feb 2014 12:25:31 GMT"}, None),
        ({"Retry-After": "Mon, 17 Feb 2014 12:25:31", "Date": SENT}, None),
        ({"Retry-After": "soon", "Date": SENT}, None),
        ({"Retry-After": SENT, "Date": "today"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert replies.retry_after(headers) == expected


@given(st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=70)))
def test_retry_after_never_raises(headers: dict[str, str]) -> None:
    replies.retry_after(headers)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b'{"x":{"a":1,"b":2,"a":1}}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[" * 100_000 + b"]" * 100_000,
        b"1" * 5000,
        b'"\n"',
        b'"\0"',
        b"{} {}",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_strict_json_refuses(data: bytes) -> None:
    with pytest.raises(replies.NotJson):
        replies.strict_json(data)


def test_a_huge_body_is_not_even_decoded() -> None:
    body = b'"' + b"a" * MAX_REPLY + b'"'
    assert replies.strict_json(body) is not None
    assert replies.body_of(HttpReply(200, {}, body)) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, OutcomeKind.AMBIGUOUS),
        (204, OutcomeKind.AMBIGUOUS),
        (302, OutcomeKind.UNAVAILABLE),
        (400, OutcomeKind.UNAVAILABLE),
        (401, OutcomeKind.UNAUTHORISED),
        (402, OutcomeKind.SUSPENDED),
        (403, OutcomeKind.UNAVAILABLE),
        (413, OutcomeKind.SUPPRESSED_THERE),
        (429, OutcomeKind.THROTTLED),
        (500, OutcomeKind.UNAVAILABLE),
        (502, OutcomeKind.UNAVAILABLE),
        (503, OutcomeKind.UNAVAILABLE),
        (504, OutcomeKind.AMBIGUOUS),
        (-1, OutcomeKind.AMBIGUOUS),
    ],
)
def test_a_bare_status(status: int, kind: OutcomeKind) -> None:
    outcome = replies.of_status(HttpReply(status, {"Retry-After": "9"}, b""))
    assert outcome.kind is kind
    assert outcome.retry_after == 9.0


@pytest.mark.parametrize("value", [None, 5, "", "a b", "a\n", "ä", "x" * 201, ["a"]])
def test_an_id_is_a_short_visible_text(value: object) -> None:
    assert replies.identifier(value) is None
    assert replies.identifier("a" * 200) == "a" * 200

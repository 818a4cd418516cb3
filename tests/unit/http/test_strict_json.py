"""JSON bodies: what is taken is what anyone reads in them; a key that stands twice never is."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.errors import Invalid
from mailkeep.http.api import batch, idempotency, strict_json
from mailkeep.http.api.message_in import BatchIn, MessageIn

TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40
) | st.sampled_from(['":', '":"', '\\":', '{"a":1,"a":2}', '"', "\\", '\\"', ": :"])
NESTED = st.recursive(
    TEXTS | st.none() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class Any_(msgspec.Struct):
    """Takes anything under one name."""

    it: Any = None
    more: Any = None


@given(value=NESTED, spaced=st.booleans(), ascii_=st.booleans())
def test_what_stands_there_once_is_taken_as_it_is(value: Any, spaced: bool, ascii_: bool) -> None:
    text = json.dumps({"it": value}, ensure_ascii=ascii_, indent=1 if spaced else None)
    assert strict_json.decode(text.encode(), Any_).it == value


@given(value=NESTED, name=TEXTS, other=NESTED)
def test_a_key_that_stands_twice_is_refused_wherever_it_is(
    value: Any, name: str, other: Any
) -> None:
    key, one, two = json.dumps(name), json.dumps(value), json.dumps(other)
    twice = f"{{{key}: {one}, {key}\n:{two}}}"
    for text in (
        f'{{"it":{twice}}}',
        f'{{"it":[1,{twice}]}}',
        f'{{"it":1,"more":{{"x":{twice}}}}}',
    ):
        with pytest.raises(Invalid, match="twice") as caught:
            strict_json.decode(text.encode(), Any_)
        assert caught.value.field is not None
        assert caught.value.field.startswith(("it", "more"))


@pytest.mark.parametrize("more", ['"a@b.co",', '"",', '"\\\\",', '"\\"",'])
def test_a_body_of_very_many_short_texts_is_not_made_into_objects(more: str) -> None:
    """Else one request of fifty megabytes takes a gigabyte, and the loop for seconds."""
    one = '{"from":"a@b.co","subject":"s","stream":"alert","text":"x","to":[%s""]}'
    crowd = one % (more * strict_json.MOST_TEXTS)
    for body in (crowd, f'{{"messages":[{crowd}]}}'):
        with pytest.raises(Invalid, match="too many fields"):
            batch.read(body.encode())
    few = json.dumps({"it": [more * strict_json.MOST_TEXTS]}).encode()  # all of it in one text
    assert len(strict_json.decode(few, Any_).it) == 1


@given(NESTED, st.integers(0, 3))
def test_a_nul_is_no_text_and_a_word_for_it_is(value: Any, slashes: int) -> None:
    with pytest.raises(Invalid, match="NUL"):
        strict_json.decode(json.dumps({"it": [value, "a\0"]}).encode(), Any_)
    text = "\\" * (slashes + 1) + "u0000"
    assert strict_json.decode(json.dumps({"it": text}).encode(), Any_).it == text


def test_a_text_that_never_ends_is_looked_through_once() -> None:
    with pytest.raises(Invalid):
        strict_json.decode(b'{"it":"' + b'\\"' * 2_000_000, Any_)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda one: one.encode(errors="replace"))
)
def test_whatever_comes_is_taken_or_refused(body: bytes) -> None:
    for read in (batch.read, lambda one: strict_json.decode(one, MessageIn)):
        with contextlib.suppress(Invalid):
            assert read(body) is not None


def test_the_parts_of_a_batch_are_those_that_are_described() -> None:
    assert batch._Batch.__struct_fields__ == BatchIn.__struct_fields__


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([], None),
        (["8e03978e-40d5-43dd-bc93-6894a57f9324"], "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (['"8e03978e"'], "8e03978e"),
        (['"a \\"b\\" \\\\"'], 'a "b" \\'),
        (["x" * 255], "x" * 255),
    ],
)
def test_an_idempotency_key(values: list[str], key: str | None) -> None:
    assert idempotency.read(values) == key


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"],
        [""],
        ['""'],
        ["a b"],
        ["ü"],
        ['"ü"'],
        ["a\tb"],
        ['"a'],
        ['a"'],
        ['"\\x"'],
        ["x" * 256],
    ],
)
def test_what_is_no_idempotency_key(values: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        idempotency.read(values)
    assert caught.value.field == "Idempotency-Key"


def test_a_key_in_the_header_and_in_the_body() -> None:
    assert idempotency.choose("a", None, "") == idempotency.choose(None, "a", "") == "a"
    assert idempotency.choose("a", "a", "") == "a"
    with pytest.raises(Invalid) as caught:
        idempotency.choose("a", "b", "messages[1].")
    assert caught.value.field == "messages[1].idempotency_key"

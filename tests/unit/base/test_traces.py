"""Of an error the log has where it came from, and none of its words."""

import pytest

from mailkeep.base.traces import MOST, frames

CODE = "481516 for ada@example.net"


def _read(said: str) -> int:
    return int(said)


def _wrapped(said: str) -> int:
    try:
        return _read(said)
    except ValueError as error:
        raise RuntimeError(f"no number: {said}") from error


def test_it_says_where_and_what_and_quotes_nothing() -> None:
    try:
        _wrapped(CODE)
    except RuntimeError as error:
        said = frames(error)
    assert "481516" not in said
    assert "ada" not in said
    first, second = said.index("ValueError"), said.index("RuntimeError")
    assert first < second, "what came first stands first"
    assert "in _read" in said[:first]
    assert "in _wrapped" in said[first:second]


def test_what_is_suppressed_is_left_out_and_chains_end() -> None:
    def hidden() -> None:
        try:
            _read(CODE)
        except ValueError:
            raise KeyError(CODE) from None

    with pytest.raises(KeyError) as caught:
        hidden()
    assert "KeyError" in frames(caught.value)
    assert "ValueError" not in frames(caught.value).replace("except ValueError", "")
    one, other = OSError(), LookupError()
    one.__context__, other.__context__ = other, one
    assert frames(one).count("\n") == MOST - 1

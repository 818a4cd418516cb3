"""What goes out to a client is one line with its codes, whatever came in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.smtp import replies

LINE = re.compile(rb"[245]\d\d([ -])([245])\.\d{1,3}\.\d{1,3}(?: [\x20-\x7e]*)?\r\n")


@given(st.sampled_from("245"), st.integers(0, 99), st.text(max_size=700))
def test_every_reply_is_one_line_with_an_enhanced_code(kind: str, code: int, text: str) -> None:
    line = replies.finish(f"{kind}{code:02} {text}")
    assert LINE.fullmatch(line)
    assert line[:1] == line[4:5] or line[4:5].decode() == text[:1]
    assert len(line) <= 512


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("250 OK", b"250 2.0.0 OK\r\n"),
        ("503 Error: send HELO first", b"503 5.5.1 Error: send HELO first\r\n"),
        ("235 2.7.0 Authentication successful", b"235 2.7.0 Authentication successful\r\n"),
        ("354 End data", b"354 End data\r\n"),
        ("334 VXNlcg==", b"334 VXNlcg==\r\n"),
        ("334 ", b"334 \r\n"),
        ("502 Could not VRFY a\r\n250 ok\u20ac", b"502 5.5.1 Could not VRFY a??250 ok?\r\n"),
    ],
)
def test_codes_by_the_reply(status: str, line: bytes) -> None:
    assert replies.finish(status) == line


def test_a_greeting_has_none() -> None:
    assert replies.finish("220 host Mailkeep", greeting=True) == b"220 host Mailkeep\r\n"
    assert replies.finish("250-SIZE 1", greeting=True) == b"250-SIZE 1\r\n"
    assert replies.finish("501 Syntax", greeting=True) == b"501 5.5.4 Syntax\r\n"


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("<ada@example.net>", ("ada@example.net", "")),
        (" <ada@example.net> SIZE=5 BODY=8BITMIME", ("ada@example.net", "SIZE=5 BODY=8BITMIME")),
        ("ada@example.net", ("ada@example.net", "")),
        ("<>", ("<>", "")),
        ("<@relay.example:ada@example.net>", ("ada@example.net", "")),
        ("<ada@example.net", (None, None)),
        ('<"a b"@example.net>', (None, None)),
        ("<a@b>x", (None, None)),
        ("", (None, None)),
    ],
)
def test_paths(argument: str, found: tuple[str | None, str | None]) -> None:
    assert replies.path(argument) == found


@given(st.text())
def test_no_path_has_spaces_or_brackets(argument: str) -> None:
    address, parameters = replies.path(argument)
    if address != "<>":
        assert address is None or not set(address) & set(" <>\r\n\t")
    assert (address is None) == (parameters is None)

"""Submitted mail that is dear to parse: refused, or read where nobody waits for it; and once."""

import time
from collections.abc import Callable
from email import _header_value_parser
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage

import pytest
from dear_mail import DEAR, folded

from mailkeep.base.errors import Invalid
from mailkeep.smtp import headers
from mailkeep.smtp.fast import LARGEST_HEADER, plain
from mailkeep.smtp.parsing import parse

BASE = b"From: a@example.com\r\nSubject: x\r\n"
END = b"\r\nhi\r\n"
UNITS = {
    "addresses": (b"To: ", b"b@example.net, "),
    "names": (b"To: ", b"a, "),
    "groups": (b"To: ", b"g:;, "),
    "dots": (b"Cc: ", b"a."),
    "strings": (b"Cc: ", b'"a" '),
    "comments": (b"Reply-To: ", b"(a) "),
    "comments in comments": (b"To: ", b"("),
    "of a resent mail": (b"Resent-To: ", b"a "),
    "words": (b"X-A: ", b"a "),
    "encoded words": (b"X-A: ", b"=?q?q?a?= "),
    "a quoted string": (b'Content-Type: text/plain; x="', b";"),
    "parameters": (b"Content-Type: text/plain", b";a=b"),
    "an encoding": (b"Content-Transfer-Encoding: 7bit ", b"a "),
    "a name": (b"Content-Disposition: inline; filename=", b"a."),
}
SUBMITTED: dict[str, Callable[[int], bytes]] = {
    name: lambda n, of=of: BASE + folded(*of, n) + END for name, of in UNITS.items()
} | {f"strangers' {name}": make for name, make in DEAR.items()}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The values that the library's slow parser is given."""
    given: list[str] = []
    original = HeaderRegistry.__call__

    def counted(self: HeaderRegistry, name: str, value: str) -> object:
        given.append(value)
        return original(self, name, value)

    monkeypatch.setattr(HeaderRegistry, "__call__", counted)
    return given


@pytest.mark.check("ASVS 15.2.2")
@pytest.mark.parametrize("kind", SUBMITTED)
def test_of_what_is_dear_little_reaches_the_library(kind: str, parsed: list[str]) -> None:
    raw = SUBMITTED[kind](100_000)
    assert plain(raw) is None
    assert sum(map(len, parsed)) < 3_000
    with pytest.raises(Invalid):
        parse(raw)
    assert sum(map(len, parsed)) <= headers.HEADER


@pytest.mark.parametrize("kind", SUBMITTED)
def test_twice_as_much_of_it_takes_twice_as_long_at_most(kind: str) -> None:
    def seconds(size: int) -> float:
        raw, best = SUBMITTED[kind](size), float("inf")
        for _ in range(2):
            began = time.process_time()
            with pytest.raises(Invalid):
                parse(raw)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(200_000) <= 3 * seconds(100_000) + 0.25


def test_a_field_is_parsed_once(parsed: list[str]) -> None:
    """The library parses one each time that somebody asks for it: seven times a part's type."""
    message = EmailMessage()
    message["From"] = "Us <us@example.com>"
    message["To"] = "Ada <ada@example.net>"
    message["Bcc"] = "Nobody <nobody@example.net>"
    message["X-Note"] = "kept"
    message.set_content("words\n")
    message.add_attachment(
        b"x",
        maintype="image",
        subtype="png",
        filename="Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.png",
    )
    raw = message.as_bytes()
    parsed.clear()
    content, _ = parse(raw)
    assert content.attachments[0].filename == "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.png"
    assert len(parsed) == len(set(parsed))
    assert not any("nobody" in one for one in parsed)  # it is left behind


def test_in_the_loop_nothing_large_is_read(parsed: list[str]) -> None:
    for raw in (
        BASE + b"X: y\r\n" * (LARGEST_HEADER // 6) + END,
        folded(b"From: ", b'"a" ', 400)[:-2] + b"<a@example.com>\r\n" + END,
        b"From: a@example.com\r\n" + folded(b"Subject: ", b"=?q?q?a?= ", 3_000) + END,
    ):
        assert plain(raw) is None
    assert parsed == []


def test_comments_in_comments_are_no_fault_of_ours() -> None:
    """A relay repeated what was answered with 451 for days."""
    raw = folded(b"From: ", b"(", 2_700) + b"Subject: x\r\n" + END
    with pytest.raises(RecursionError):
        _header_value_parser.get_comment("(" * 2_700)
    assert plain(raw) is None
    with pytest.raises(Invalid):
        parse(raw)


def test_as_many_as_may_be_shown_are_within_the_bounds() -> None:
    name = "\N{SNOWMAN}" * 20
    message = EmailMessage()
    message["From"] = f"{name} <us@example.com>"
    message["To"] = ", ".join(
        f'"{name}, {at}" <somebody.{at}@mail.example.net>' for at in range(50)
    )
    message["References"] = " ".join(f"<{at:040}@mail.example.net>" for at in range(200))
    message.set_content("words\n")
    for _ in range(40):
        message.add_attachment(b"x", maintype="a", subtype="b", filename=name)
    content, _ = parse(message.as_bytes())
    assert content.shown is not None
    assert len(content.shown.to) == 50
    assert len(content.attachments) == 40


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (SUBMITTED["addresses"](30_000), "fields of addresses are larger than 16 kB"),
        (SUBMITTED["names"](3_000), "more than 500 addresses"),
        (SUBMITTED["parameters"](6_000), "more than 100 parameters"),
        (SUBMITTED["words"](70_000), "header is larger than 64 kB"),
    ],
)
def test_the_refusal_says_what_is_too_much(raw: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse(raw)

"""Mail of strangers: what would be dear to parse is refused, and the rest costs by its size."""

import email.message
import time
from email.message import EmailMessage

import pytest
from dear_mail import DEAR, HEAD, OUTER

from mailkeep.base import raw_mail
from mailkeep.base.raw_mail import DEEPEST, FIELDS, HEADERS, LINES, PARAMETERS, PARTS, TooDear


@pytest.fixture
def taken_apart(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The work that the library has with parameters: the length of each text by the semicolons in
    it, at each of which it begins anew."""
    work: list[int] = []
    original = email.message._parseparam

    def counted(text: str) -> object:
        work.append(len(str(text)) * (1 + str(text).count(";")))
        return original(text)

    monkeypatch.setattr(email.message, "_parseparam", counted)
    return work


@pytest.mark.check("ASVS 15.2.2")
@pytest.mark.parametrize("kind", DEAR)
def test_what_is_dear_is_refused_before_anything_looks_at_it(
    kind: str, taken_apart: list[int]
) -> None:
    raw = DEAR[kind](60_000)
    with pytest.raises(TooDear):
        raw_mail.read(raw)
    assert sum(taken_apart) < 1_000


@pytest.mark.parametrize("kind", DEAR)
def test_twice_as_much_of_it_takes_twice_as_long_at_most(kind: str) -> None:
    def seconds(size: int) -> float:
        raw, best = DEAR[kind](size), float("inf")
        for _ in range(2):
            began = time.process_time()
            with pytest.raises(TooDear):
                raw_mail.read(raw)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(120_000) <= 3 * seconds(60_000) + 0.25


def test_as_dear_as_it_may_be_it_costs_by_its_size(taken_apart: list[int]) -> None:
    part = (
        b'--b\r\nContent-Type: multipart/mixed; x="' + b";" * 90 + b"x" * 100 + b'"\r\n\r\nhi\r\n'
    )

    def work(parts: int) -> int:
        taken_apart.clear()
        raw = HEAD + OUTER + b"\r\n" + part * parts + b"--b--\r\n"
        assert len(list(raw_mail.read(raw).walk())) == parts + 1
        return sum(taken_apart)

    assert 0 < work(200) <= 2.1 * work(100)


def test_each_bound_lets_its_own_amount_through() -> None:
    def field(size: int) -> bytes:
        start = b'Content-Type: text/plain; x="'
        return start + b"x" * (size - len(start) - 3) + b'"\r\n'

    raw_mail.read(field(PARAMETERS) + b"\r\nhi")
    with pytest.raises(TooDear, match="larger than 8 kB"):
        raw_mail.read(field(PARAMETERS + 1) + b"\r\nhi")
    raw_mail.read(b"x: " + b"x" * (HEADERS - 5) + b"\r\n\r\nhi")
    with pytest.raises(TooDear, match="larger than 256 kB"):
        raw_mail.read(b"x: " + b"x" * (HEADERS - 4) + b"\r\n\r\nhi")
    raw_mail.read(b"x:\r\n" * FIELDS + b"\r\nhi")
    with pytest.raises(TooDear, match="fields"):
        raw_mail.read(b"x:\r\n" * (FIELDS + 1) + b"\r\nhi")
    inner = b"--b\r\n\r\nhi\r\n"
    raw_mail.read(OUTER + b"\r\n" + inner * PARTS + b"--b--\r\n")
    with pytest.raises(TooDear, match="parts"):
        raw_mail.read(OUTER + b"\r\n" + inner * (PARTS + 1) + b"--b--\r\n")
    within = b"Content-Type: message/rfc822\r\n\r\n"
    raw_mail.read(within * DEEPEST + b"\r\nhi")
    with pytest.raises(TooDear, match="deep"):
        raw_mail.read(within * (DEEPEST + 1) + b"\r\nhi")
    raw_mail.check_lines(b"\r\n" * LINES)
    for end in (b"\r\n", b"\n", b"\r"):
        with pytest.raises(TooDear, match="lines"):
            raw_mail.read(end * (LINES + 1))


def test_what_programs_write_is_within_the_bounds() -> None:
    """A long file name, a long chain of fields, and a report with many parts."""
    mail = EmailMessage()
    mail["From"] = "us@example.com"
    mail["To"] = ", ".join(f"Somebody {number} <n{number}@example.net>" for number in range(100))
    mail.set_content("words\n")
    for _ in range(40):
        mail.add_attachment(b"x", maintype="a", subtype="b", filename="\N{SNOWMAN}" * 80)
    chain = b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; t=1; cv=pass; d=example.net; s=x;\r\n b=%s\r\n"
        b"Received: from a.example (a.example [192.0.2.1])\r\n by b.example with ESMTPS id %d;\r\n"
        b" Mon, 1 Jan 2029 00:00:00 +0000\r\n" % (number, b"x" * 344, number)
        for number in range(40)
    )
    read = raw_mail.read(chain + mail.as_bytes())
    parts = [part for part in read.walk() if part.get_filename() is not None]
    assert len(parts) == 40
    assert read.as_bytes()


def test_text_that_looks_like_a_field_is_text() -> None:
    line = b"Content-Type: text/plain" + b";a=b" * 5_000 + b"\r\n"
    assert raw_mail.read(HEAD + b"\r\n" + line).get_payload(decode=True) == line

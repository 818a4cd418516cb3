"""The written message, read back by the standard library's parser."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailkeep.providers import mime, outgoing
from mailkeep.providers.message import Address, OutgoingMessage

MESSAGE = OutgoingMessage(
    id="m-1",
    attempt="a-1",
    stream="alert",
    sender=Address("no-reply@example.com"),
    to=Address("ann@example.net"),
    reply_to=None,
    subject="Hello",
    text="Hello\n",
    html=None,
    headers=(),
    secret=False,
    tags=(),
    metadata={},
)
clean = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=180)
bodies = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=3000
) | st.lists(st.sampled_from(["a" * 80, "--=_", ".", "From x", "ä", " ", "\t", "="])).map("\n".join)


def read(message: OutgoingMessage) -> EmailMessage:
    outgoing.check(message)
    mail = message_from_bytes(mime.write(message), policy=SMTP)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def lines(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


@given(subject=clean)
@example("")
@example(" ")
@example("=?utf-8?q?Admin?=")
@example("a  b ")
@example("word " * 36)
@example("x" * 180)
@example("ä" * 180)
@example("😀" * 100)
def test_subject_comes_back_as_it_was(subject: str) -> None:
    assert read(msgspec.structs.replace(MESSAGE, subject=subject))["Subject"] == subject


@given(name=clean)
@example('O"Neil, Ann <eve@example.org>')
@example("=?utf-8?q?Admin?=")
@example("back\\slash")
@example("Jörg, eve@example.org")
@example("a@b")
@example(".")
@example("Dr. Who")
@example(" spaces  inside ")
def test_a_name_adds_no_recipient_and_comes_back(name: str) -> None:
    message = msgspec.structs.replace(MESSAGE, to=Address("ann@example.net", name))
    mail = read(message)
    (address,) = mail["To"].addresses
    assert address.addr_spec == "ann@example.net"
    if name.isascii():
        assert address.display_name == name
    # The library's structured parser loses no-break spaces; its plain decoder does not.
    raw = mime.write(message).split(b"\r\nTo: ")[1].split(b"\r\n <ann@")[0].decode()
    if not name.isascii():
        assert str(make_header(decode_header(raw.replace("\r\n", "")))) == name


@given(text=bodies, html=st.none() | bodies)
def test_bodies_come_back(text: str, html: str | None) -> None:
    mail = read(msgspec.structs.replace(MESSAGE, text=text, html=html))
    parts = list(mail.iter_parts()) if html is not None else [mail]
    expected = [("text/plain", text)] + ([] if html is None else [("text/html", html)])
    assert len(parts) == len(expected)
    for part, (kind, body) in zip(parts, expected, strict=True):
        assert part.get_content_type() == kind
        assert lines(part.get_payload(decode=True).decode()) == lines(body)


@given(text=bodies, subject=clean, value=clean)
@example("a", "ä" * 180, "ä" * 180)
@example("a" * 5000, "b" * 180, "c" * 180)
def test_every_line_is_within_the_limits(text: str, subject: str, value: str) -> None:
    """RFC 5322 section 2.1.1, and nothing but ASCII so that no relay needs 8BITMIME."""
    message = msgspec.structs.replace(
        MESSAGE, text=text, html=text, subject=subject, headers=(("X-A", value),)
    )
    data = mime.write(message)
    assert data.isascii()
    assert data.endswith(b"\r\n")
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    head = data.partition(b"\r\n\r\n")[0].decode()
    assert all(line.strip() for line in head.split("\r\n"))
    # RFC 2047 section 2.
    assert all(len(word) <= 75 for word in head.split() if word.startswith("=?utf-8?b?"))


def test_no_body_can_hold_the_boundary() -> None:
    """Whoever learns both ids knows the boundary: as text it must stay text."""
    plain = mime.write(msgspec.structs.replace(MESSAGE, html="<p>x</p>"))
    boundary = plain.partition(b'boundary="')[2].partition(b'"')[0].decode()
    attack = f"--{boundary}\nContent-Type: text/html\n\n<p>evil</p>\n--{boundary}--\n"
    mail = read(msgspec.structs.replace(MESSAGE, text=attack, html="<p>x</p>"))
    text, html = mail.iter_parts()
    assert lines(text.get_content()) == attack
    assert lines(html.get_content()) == "<p>x</p>\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<https://example.com/u?t=" + "a" * 300 + ">", None),
        ("<mailto:u@example.com>, <https://example.com/u>", None),
        ("words " * 40 + "end", None),
        ("à" * 60, None),
    ],
)
def test_headers_of_the_caller_come_back(value: str, expected: None) -> None:
    mail = read(msgspec.structs.replace(MESSAGE, headers=(("List-Unsubscribe", value),)))
    assert mail["List-Unsubscribe"] == value


def test_message_id_is_the_same_for_every_attempt_and_date_is_utc() -> None:
    first = read(msgspec.structs.replace(MESSAGE, date=1_700_000_000_123_456))
    again = read(msgspec.structs.replace(MESSAGE, attempt="a-2"))
    assert first["Message-ID"] == again["Message-ID"] == "<m-1@example.com>"
    assert first["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert again["Date"] is None
    assert first["X-Mailkeep-Id"] == "m-1"


def test_json_mailbox_quotes_what_a_name_may_hold() -> None:
    assert mime.mailbox(Address("a@b.example")) == "a@b.example"
    assert mime.mailbox(Address("a@b.example", 'x" <e@v.il>, \\')) == (
        '"x\\" <e@v.il>, \\\\" <a@b.example>'
    )

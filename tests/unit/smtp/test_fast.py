"""The short way reads a message as the long way does, or leaves it alone."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailkeep.base.errors import Invalid
from mailkeep.smtp.fast import plain
from mailkeep.smtp.parsing import parse

ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
people = st.sampled_from(
    [
        *("us@example.com", "Example <us@example.com>", '"Ex, ample" <us@example.com>', "<a@b>"),
        *("=?utf-8?q?Gr=C3=BC=C3=9Fe?= <us@example.com>", "a@b, c@d", "undisclosed:;", "a@", ""),
        *(
            '"A B" <a@b.example>, Bob C <b@c.example>, c@d.example',
            "<a@b.example>, d <d@e.example>",
        ),
        *("A  B <us@example.com>", "a..b@example.com", "us@example.com (comment)", "Ex.A <a@b>"),
    ]
)
fields = st.one_of(
    st.tuples(st.sampled_from(["From", "To", "Reply-To", "Cc", "Sender", "Bcc"]), people),
    st.tuples(
        st.sampled_from(["Subject", "X-Note", "List-Unsubscribe", "X-Mailkeep-Stream", "Comments"]),
        ascii_text
        | st.sampled_from(["=?utf-8?b?w6k=?= x", "a\r\n b", "a\r\n\tb  c", "=?x?=", "\r\n a"]),
    ),
    st.tuples(
        st.sampled_from(["Date", "Message-ID", "MIME-Version", "Received", "In-Reply-To"]),
        ascii_text
        | st.sampled_from(["Mon, 1 Jan 2029 00:00:00 +0000", "<a@b.example>", "1.0", "x\r\n y"]),
    ),
    st.tuples(
        st.just("Content-Type"),
        st.sampled_from(
            [
                *("text/plain", "text/html; charset=utf-8", 'text/plain; charset="us-ascii"'),
                *("TEXT/PLAIN; CHARSET=UTF-8", "text/plain; charset=utf-16", "text/x", "text"),
                *("multipart/mixed; boundary=x", "text/plain; charset=iso-8859-1; format=flowed"),
            ]
        ),
    ),
    st.tuples(
        st.just("Content-Transfer-Encoding"),
        st.sampled_from(["7bit", "8bit", "base64", "quoted-printable", "BASE64", "x-uuencode", ""]),
    ),
    st.tuples(st.just("Content-Disposition"), st.sampled_from(["inline", "attachment"])),
    st.tuples(st.text("aX-: ", min_size=1, max_size=4), ascii_text),
)
bodies = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"words\r\n", "grüße\r\n".encode(), b"d29yZHM=\r\n", b"d29y\r\nZHM", b"=C3=BC="]
    ),
)


def _hold(raw: bytes) -> bool:
    found = plain(raw)
    if found is None:
        return False
    assert found == parse(raw)
    return True


@given(st.lists(fields, max_size=7), people, bodies)
@example([("Subject", " ")], "us@example.com", b"")
@settings(max_examples=600)
def test_it_gives_what_parse_gives_or_nothing(
    found: list[tuple[str, str]], sender: str, body: bytes
) -> None:
    lines = [("From", sender), *found]
    _hold("\r\n".join(f"{name}: {value}" for name, value in lines).encode() + b"\r\n\r\n" + body)


@given(st.binary(max_size=80))
def test_any_octets(raw: bytes) -> None:
    _hold(raw)
    _hold(b"From: us@example.com\r\n" + raw)
    _hold(b"From: us@example.com\r\n\r\n" + raw)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200),
    st.sampled_from(["plain", "html"]),
)
def test_what_the_standard_library_writes(subject: str, text: str, kind: str) -> None:
    message = EmailMessage()
    message["From"] = "Example <us@example.com>"
    message["To"] = "ada@example.net"
    message["Subject"] = subject
    message["Date"] = "Mon, 01 Jan 2029 00:00:00 +0000"
    message["X-Note"] = "kept"
    message.set_content(text, subtype=kind)
    _hold(message.as_bytes(policy=SMTP))


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_ordinary_mail_goes_the_short_way(encoding: str) -> None:
    message = EmailMessage()
    message["From"] = "Example <us@example.com>"
    message["To"] = "Ada <ada@example.net>, bob@example.net"
    message["Subject"] = (
        "Your order 7, and a subject that is long enough to be folded into two lines"
    )
    message["Message-ID"] = "<1234.5@mail.example.com>"
    message["Date"] = "Mon, 01 Jan 2029 00:00:00 +0000"
    message.set_content("words\n" * 3, cte=encoding)
    assert _hold(message.as_bytes(policy=SMTP))


part_lines = st.lists(
    st.sampled_from(
        [
            *("--b", "--b--", "--b ", "--bc", "--c", "", "words", "--", "b", " --b"),
            *("Content-Type: text/plain", "Content-Type: text/html; charset=utf-8"),
            *("Content-Transfer-Encoding: quoted-printable", "MIME-Version: 1.0", "X: y"),
            *("Content-Disposition: attachment", "=C3=BC", "d29yZHM=", "From x", "a: b"),
        ]
    ),
    max_size=14,
)


@given(
    part_lines,
    st.sampled_from(['; boundary="b"', "; boundary=b", ";\r\n boundary=b", "; BOUNDARY=b", ""]),
    st.sampled_from(["7bit", "base64", "binary"]),
    st.booleans(),
)
@settings(max_examples=400)
def test_parts(lines: list[str], boundary: str, encoding: str, whole: bool) -> None:
    if whole:
        lines = ["--b", "Content-Type: text/plain", "", "a", *lines, "--b"]
        lines += ["Content-Type: text/html", "", "<p>", "--b--", ""]
    body = "\r\n".join(lines)
    _hold(
        f"From: us@example.com\r\nContent-Type: multipart/alternative{boundary}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n{body}".encode()
    )


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=100),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=100),
)
def test_alternatives_as_the_standard_library_writes_them(text: str, html: str) -> None:
    message = EmailMessage()
    message["From"] = "Example <us@example.com>"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    _hold(message.as_bytes(policy=SMTP))


def test_ordinary_alternatives_go_the_short_way() -> None:
    message = EmailMessage()
    message["From"] = "Grüße <us@example.com>"
    message["Subject"] = "Grüße"
    message.set_content("Wörter\n")
    message.add_alternative("<p>Wörter</p>\n", subtype="html")
    assert _hold(message.as_bytes(policy=SMTP))


def test_what_is_refused_goes_the_long_way() -> None:
    for raw in (b"", b"Subject: a\r\n\r\nwords", b"From: a@b, c@d\r\n\r\nwords"):
        assert plain(raw) is None
        with pytest.raises(Invalid):
            parse(raw)

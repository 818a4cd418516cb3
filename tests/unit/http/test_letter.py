"""A received mail taken apart for people: whatever it holds, something true is shown."""

import time
from email.message import EmailMessage

import pytest

from mailkeep.http.mailbox import letter

NESTED = b"".join(
    b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(2000)
)


def test_bodies_and_files_are_told_apart_however_deep_they_stand() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Invoice"
    mail.set_content("plain words")
    mail.add_alternative('<p>rich <img src="cid:logo"></p>', subtype="html")
    mail.get_payload()[1].add_related(b"png", "image", "png", cid="<logo>")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a/b.pdf")
    mail.add_attachment("a,b", subtype="csv", filename="list.csv")
    found = letter.take_apart(mail.as_bytes())
    assert found.text == "plain words\n"
    assert found.html is not None
    assert "rich" in found.html
    assert [(one.name, one.kind, one.content_id) for one in found.files] == [
        ("part-1.png", "image/png", "logo"),
        ("b.pdf", "application/pdf", ""),
        ("list.csv", "text/csv", ""),
    ]
    assert found.images()["logo"].body == b"png"


def test_a_text_that_is_attached_is_a_file() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n"
        b"Content-Disposition: ATTACHMENT; filename=evil.html\r\n\r\n<b>\r\n--x\r\n\r\n"
        b"body\r\n--x--"
    )
    found = letter.take_apart(raw)
    assert (found.html, found.text) == (None, "body")
    assert [one.name for one in found.files] == ["evil.html"]


def test_a_mail_within_the_mail_is_a_file() -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("<script>")
    outer = EmailMessage()
    outer.set_content("see below")
    outer.add_attachment(inner)
    found = letter.take_apart(outer.as_bytes())
    assert found.text == "see below\n"
    assert [(one.kind, b"inner" in one.body) for one in found.files] == [("message/rfc822", True)]


@pytest.mark.parametrize(
    "charset", ["x-no-such", "punycode", "idna", "undefined", "hex", "utf-16", "unicode_escape"]
)
def test_a_charset_that_lies_is_no_error(charset: str) -> None:
    raw = f"Content-Type: text/plain; charset={charset}\r\n\r\nwords".encode()
    found = letter.take_apart(raw)
    assert found.text
    assert not found.broken


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\xff\xfe",
        b"no header at all",
        b"Subject: x\r\n" + NESTED,
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: a/b/c;;;=\r\n\r\n",
        b"Content-Type: message/rfc822\r\n\r\n" * 200,
        b"Subject: =?utf-8?b?!!!?= =?x?q?=ZZ?=\r\nFrom: =?utf-8?q?\r\n\r\nx",
        b"Content-Type: text/plain; charset*=x''%ff; name*0*=a; name*x=b\r\n\r\nhi",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
        b"Content-Disposition: attachment; filename*=no-such''%00%ff..%2f\r\n\r\nx",
        b"X: " + b"a" * 100_000 + b"\r\n\r\nx",
    ],
)
def test_nothing_raises_and_everything_is_quick(raw: bytes) -> None:
    start = time.process_time()
    found = letter.take_apart(raw)
    made = letter.brief("cm_1", 0, "ada@example.net", raw)
    assert time.process_time() - start < 5
    assert made.subject
    assert len(found.files) <= letter.MAX_PARTS
    for name, value in found.fields:
        assert "\n" not in name + value
        (name + value).encode()


def test_a_mail_that_nests_too_deep_still_says_who_it_is_from() -> None:
    found = letter.take_apart(b"Subject: deep\r\n" + NESTED)
    assert found.broken
    assert found.field("subject") == "deep"


def test_header_words_are_decoded() -> None:
    raw = "Subject: caf\u00e9 =?utf-8?q?J=C3=B6rg?=\r\nFrom: =?iso-8859-1?q?Ren=E9?= <r@x.example>"
    found = letter.take_apart(raw.encode() + b"\r\n\r\n")
    assert found.field("subject") == "caf\u00e9 J\u00f6rg"
    assert found.field("from") == "Ren\u00e9 <r@x.example>"


@pytest.mark.parametrize(
    ("said", "safe"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\run.exe", "run.exe"),
        ('a"; evil="b.txt', "a__ evil__b.txt"),
        ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
        ("\u202egpj.exe", "gpj.exe"),
        ("..", "part-3.bin"),
        (".bashrc", "bashrc"),
        ("", "part-3.bin"),
        ("x" * 300 + ".txt", "x" * 96 + ".txt"),
    ],
)
def test_a_files_name_can_do_no_harm(said: str, safe: str) -> None:
    assert letter.safe_name(said, "", 3) == safe


@pytest.mark.parametrize(
    ("said", "taken"),
    [("msg_01abc", "msg_01abc"), ("msg_\0", ""), ("x" * 41, ""), ("a' or '1", ""), ("", "")],
)
def test_only_what_could_be_an_id_is_looked_up(said: str, taken: str) -> None:
    raw = f"X-Mailkeep-Id: {said}\r\n\r\nx".encode()
    assert letter.brief("cm_1", 0, "ada@example.net", raw).message == taken

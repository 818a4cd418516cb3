"""A submitted message: every part of it is carried whole, or the message is refused."""

from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailkeep.base.errors import Invalid
from mailkeep.base.raw_mail import DEEPEST
from mailkeep.mail.intake import to_outgoing
from mailkeep.mail.types import Content, StreamSettings
from mailkeep.providers import mime, outgoing
from mailkeep.providers.message import Address, Attachment, Shown
from mailkeep.smtp.parsing import parse, to_one

STREAM = StreamSettings("alert", 1, ())
PNG = b"\x89PNG\r\n\x1a\n\0\xff"


def mail(text: str = "words\n", html: str | None = None) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Us <us@example.com>"
    message["To"] = "Ada <ada@example.net>"
    message["Subject"] = "Hello"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def read(message: EmailMessage | bytes) -> Content:
    return parse(message if isinstance(message, bytes) else message.as_bytes())[0]


def written(content: Content, to: str = "ada@example.net") -> bytes:
    message = to_outgoing(to_one(content, to), "m-1", "a-1", STREAM, 0)
    outgoing.check(message)
    return mime.write(message)


def raw(*parts: str, kind: str = "mixed", head: str = "") -> bytes:
    """A message written by hand: each part with its headers."""
    lines = [
        *("From: us@example.com", "To: ada@example.net", "Subject: x", "MIME-Version: 1.0"),
        f'Content-Type: multipart/{kind}; boundary="b"{head}',
        "",
        *(f"--b\n{part}" for part in parts),
        "--b--",
        "",
    ]
    return "\n".join(lines).replace("\n", "\r\n").encode("utf-8", "surrogateescape")


TEXT = "Content-Type: text/plain\n\nwords"
HTML = "Content-Type: text/html\n\n<p>words</p>"
bodies = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=80)
names = st.text(
    st.characters(categories=("L", "N"), include_characters=" .-_()'"), min_size=1, max_size=40
).filter(lambda name: name == name.strip() and name.strip("."))
kinds = st.sampled_from(["application/pdf", "image/png", "text/csv", "audio/ogg", "x-a/x-b+json"])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    text=bodies,
    html=st.none() | bodies,
    inline=st.booleans(),
    files=st.lists(st.tuples(names, st.binary(max_size=300), kinds), max_size=3),
    forwarded=st.none() | bodies,
)
def test_what_the_library_writes_goes_on_and_comes_back(
    text: str,
    html: str | None,
    inline: bool,
    files: list[tuple[str, bytes, str]],
    forwarded: str | None,
) -> None:
    message = mail(text, html)
    if inline and html is not None:
        page = message.get_payload()[1]
        page.set_content(html + '<img src="cid:logo@x">', subtype="html")
        page.add_related(PNG, "image", "png", cid="<logo@x>", filename="logo.png")
    for name, content, kind in files:
        main, sub = kind.split("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    if forwarded is not None:
        message.add_attachment(mail(forwarded))
    content = read(message)
    expected = [(name, data, kind) for name, data, kind in files]
    if inline and html is not None:
        expected.insert(0, ("logo.png", PNG, "image/png"))
    if forwarded is not None:
        expected.append(("forwarded.eml", mail(forwarded).as_bytes(), "message/rfc822"))
    found = [(one.filename, one.content, one.media_type) for one in content.attachments]
    assert found == expected
    assert (content.text or "").rstrip("\n") == text
    assert (content.html is None) is (html is None)
    again = read(written(content))
    assert [(one.filename, one.content) for one in again.attachments] == [
        (one.filename, one.content) for one in content.attachments
    ]
    assert [one.content_id for one in again.attachments] == [
        one.content_id for one in content.attachments
    ]
    assert (again.text or "").rstrip("\n") == text
    assert again.shown == content.shown


@pytest.mark.parametrize("to", ["ada@example.net", "ADA@example.net"])
def test_a_mail_that_shows_who_gets_it_needs_no_header_of_its_own(to: str) -> None:
    one = to_one(read(mail()), to)
    assert (one.to, one.to_name, one.shown) == (to, "Ada", None)


def test_the_envelope_says_who_gets_it_and_the_header_what_is_shown() -> None:
    message = mail()
    del message["To"]
    message["To"] = "Ada <ada@example.net>, Friends: bob@example.net, cleo@example.net;"
    message["Cc"] = "dora@example.net"
    message["Bcc"] = "hidden@example.net"
    content = read(message)
    to = (
        Address("ada@example.net", "Ada"),
        Address("bob@example.net"),
        Address("cleo@example.net"),
    )
    assert content.shown == Shown(to, (Address("dora@example.net"),))
    one = to_one(content, "someone@elsewhere.example")
    assert (one.to, one.to_name, one.shown) == ("someone@elsewhere.example", "", content.shown)
    out = written(content, "dora@example.net")
    assert b"hidden" not in out
    assert b"To: Ada\r\n <ada@example.net>,\r\n bob@example.net,\r\n cleo@example.net\r\n" in out
    for nobody in ("undisclosed-recipients:;", None):
        del message["To"], message["Cc"]
        if nobody is not None:
            message["To"] = nobody
        assert read(message).shown == Shown()


def test_a_forwarded_message_keeps_its_octets() -> None:
    """A DKIM signature on it covers its header's folding too."""
    inner = (
        "DKIM-Signature: v=1; a=rsa-sha256;\n\tb=abc\n  def\nSubject:no space\nX-Long: "
        + "word " * 60
        + "\n\nbody \n\n.\n--=_inner\n"
    )
    content = read(raw(TEXT, f"Content-Type: message/rfc822\n\n{inner}"))
    (file,) = content.attachments
    assert file.content == inner.replace("\n", "\r\n").rstrip("\r\n").encode() + b"\r\n"
    assert file.filename == "forwarded.eml"


def test_an_invitation_stays_beside_the_text() -> None:
    invite = (
        "Content-Type: text/calendar; method=REQUEST; charset=utf-8; name=x.ics\n"
        "Content-Transfer-Encoding: base64\n\nQkVHSU46VkNBTEVOREFS"
    )
    content = read(raw(TEXT, HTML, invite, kind="alternative"))
    assert content.attachments == (
        Attachment(
            "x.ics",
            b"BEGIN:VCALENDAR",
            "text/calendar; method=REQUEST; charset=utf-8",
            alternative=True,
        ),
    )
    again = read(written(content))
    assert again.attachments[0].alternative
    assert again.attachments[0].content == b"BEGIN:VCALENDAR"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # A footer that a list added stands apart: it is no other form of the text.
        (raw(TEXT, "Content-Type: text/plain\n\nfooter"), [("part-1.txt", b"footer")]),
        (raw(TEXT, HTML), [("part-1.html", b"<p>words</p>")]),
        # A text that has a name is a file.
        (raw(TEXT, 'Content-Type: text/plain; name="a.txt"\n\nx'), [("a.txt", b"x")]),
        (
            raw(TEXT, "Content-Type: image/png\nContent-ID: <a@b>\n\nx"),
            [("part-1.png", b"x")],
        ),
        (
            raw(
                TEXT,
                "Content-Type: application/x-y\nContent-Transfer-Encoding: QUOTED-PRINTABLE\n\n=FF",
            ),
            [("part-1.bin", b"\xff")],
        ),
        (
            raw(TEXT, "Content-Type: image/png\nContent-Transfer-Encoding: 8bit\n\n\udcff"),
            [("part-1.png", b"\xff")],
        ),
    ],
)
def test_what_stands_behind_the_text_is_a_file(
    message: bytes, expected: list[tuple[str, bytes]]
) -> None:
    content = read(message)
    assert content.text == "words"
    assert content.html is None
    assert [(one.filename, one.content) for one in content.attachments] == expected
    assert [one.content_id for one in content.attachments] == [""]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            raw(TEXT, "Content-Type: application/pgp-signature\n\nx", kind="signed"),
            "multipart/signed",
        ),
        (
            raw("Content-Type: application/pgp-encrypted\n\nx", kind="encrypted"),
            "multipart/encrypted",
        ),
        (
            raw(TEXT, "Content-Type: message/delivery-status\n\nx", kind="report"),
            "multipart/report",
        ),
        (raw(TEXT, "Content-Type: text/x-amp-html\n\nx", kind="alternative"), "text/x-amp-html"),
        (raw(HTML, TEXT, kind="related", head='; start="<other>"'), "multipart/related"),
        (
            raw(HTML, "Content-Type: image/png\nContent-Location: a.png\n\nx", kind="related"),
            "multipart/related",
        ),
        (raw(TEXT, "Content-Type: image/png\nContent-Transfer-Encoding: x-own\n\nx"), "image/png"),
        (
            raw(TEXT, "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nQUJDR"),
            "image/png",
        ),
        (raw(TEXT).replace(b"--b--\r\n", b""), "multipart/mixed"),
        (raw(TEXT).replace(b"--b", b"--c"), "multipart/mixed"),
        (raw("Content-Type: image/png\n\nx"), None),
        (raw("Content-Type: text/plain; charset=utf-8\n\n\udcff"), None),
        (raw(TEXT).replace(b"Subject: x", b"To: bob@example.net"), "To"),
        (raw(TEXT).replace(b"From: us@example.com\r\n", b""), "From"),
    ],
)
def test_what_cannot_be_carried_whole_is_refused(message: bytes, field: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        read(message)
    assert refused.value.field == field


def nested(depth: int) -> bytes:
    head = b"From: us@example.com\r\nTo: ada@example.net\r\n"
    begun = (
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at)
        for at in range(depth)
    )
    ended = (b"\r\n--b%d--\r\n" % at for at in reversed(range(depth)))
    return head + b"".join(begun) + b"Content-Type: text/plain\r\n\r\nwords" + b"".join(ended)


def test_parts_in_parts_are_read_to_a_depth() -> None:
    """Each line of a part is held against the ends of all around it: a thief of a key that may send
    kept a processor busy for minutes with one mail. Deeper still, and it was 'try again later'."""
    assert read(nested(DEEPEST)).text == "words"
    for depth in (DEEPEST + 1, 2000):
        with pytest.raises(Invalid, match="deep"):
            read(nested(depth))


def test_a_header_twice_is_not_dropped() -> None:
    """Which of the two was meant nobody knows; the check before sending refuses it."""
    message = raw(TEXT).replace(b"Subject: x", b"Subject: x\r\nX-A: 1\r\nX-A: 2")
    assert read(message).headers == (("X-A", "1"), ("X-A", "2"))


@given(st.binary(max_size=600) | st.text("-b\r\n:;= /mutiparxedCon", max_size=300).map(str.encode))
def test_nothing_else_than_a_refusal_comes_of_anything(junk: bytes) -> None:
    for message in (junk, raw(TEXT, "").replace(b"words", junk), raw(TEXT) + junk):
        try:
            content, _ = parse(message)
        except Invalid:
            continue
        assert content.text is not None or content.html is not None

"""Files of a mail: what may be one, and how they are written, read back by the library's parser."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailkeep.providers import attachments, mime, outgoing
from mailkeep.providers.errors import UnbuildableMessage
from mailkeep.providers.message import Address, Attachment, OutgoingMessage, Shown

MESSAGE = OutgoingMessage(
    id="m-1",
    attempt="a-1",
    stream="alert",
    sender=Address("no-reply@example.com"),
    to=Address("ann@example.net", "Ann"),
    reply_to=None,
    subject="Hello",
    text="Hello\n",
    html='<img src="cid:i0@x">',
    headers=(),
    secret=False,
    tags=(),
    metadata={},
)
BOUNDARY = mime.write(MESSAGE).partition(b'boundary="=_')[2].partition(b'"')[0]
names = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="/\\:"),
    min_size=1,
    max_size=60,
).filter(
    # The library that reads it back takes angle brackets around a name away.
    lambda name: name == name.strip() and name.strip(".") and not re.fullmatch("<.*>", name)
)
contents = st.binary(max_size=400) | st.sampled_from(
    [
        b"--=_" + BOUNDARY + b"--\r\n",
        b"\r\n--=_m" + BOUNDARY + b"\r\n\r\nevil",
        b"a\nb",
        b"x" * 3000,
    ]
)
types = st.sampled_from(
    ["application/pdf", "image/png", "text/plain; charset=iso-8859-1", 'text/csv; header="a b"']
)


def read(message: OutgoingMessage) -> EmailMessage:
    outgoing.check(message)
    data = mime.write(message)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    mail = message_from_bytes(data, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        assert not part.defects
    return mail


def leaves(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_content_maintype() != "multipart"]


@given(
    files=st.lists(st.tuples(names, contents, types, st.booleans()), min_size=1, max_size=4),
    html=st.booleans(),
)
@example([("a.pdf", b"", "application/pdf", True)], True)
@example([("=?utf-8?q?x?=", b"x", "image/png", False)], False)
@example([("a\"b'c%;=*.pdf", b"x", "image/png", False)], True)
@example([("ä" * 60, b"x", "image/png", True), ("a" * 60, b"x", "image/png", True)], True)
def test_files_come_back_octet_for_octet(
    files: list[tuple[str, bytes, str, bool]], html: bool
) -> None:
    given_ = tuple(
        Attachment(name, content, kind, f"i{at}@x" if inline else "")
        for at, (name, content, kind, inline) in enumerate(files)
    )
    message = msgspec.structs.replace(
        MESSAGE, attachments=given_, html=MESSAGE.html if html else None
    )
    found = {}
    for part in leaves(read(message)):
        if part.get_filename() is not None:
            key = (part.get_filename(), str(part.get("Content-ID", "")).strip("<>"))
            found[key] = (
                part.get_payload(decode=True),
                part.get_content_type(),
                part.get_content_disposition(),
                part.get_content_charset(),
            )
    assert found == {
        (one.filename, one.content_id): (
            one.content,
            one.media_type,
            "inline" if one.content_id else "attachment",
            "iso-8859-1" if "8859" in one.content_type else None,
        )
        for one in given_
    }


def test_each_part_stands_where_its_readers_look() -> None:
    """RFC 2046 section 5.1.4, RFC 2387, RFC 6047 section 2.4."""
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    mail = read(
        msgspec.structs.replace(
            MESSAGE,
            attachments=(
                Attachment("i.png", b"i", "image/png", "i0@x"),
                Attachment("invite.ics", calendar, "text/calendar; method=REQUEST", "", True),
                Attachment("a.pdf", b"p", "application/pdf"),
            ),
        )
    )
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/calendar",
        "application/pdf",
    ]
    (invite,) = [part for part in leaves(mail) if part.get_content_type() == "text/calendar"]
    assert invite.get_content_disposition() is None
    assert invite["Content-Type"].params["method"] == "REQUEST"
    assert invite.get_payload(decode=True) == calendar


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"Subject: x\r\n\r\nplain\r\n", "message/rfc822"),
        (b"Subject: x\r\n\r\nno end", "message/rfc822"),
        ("Subject: x\r\n\r\nä".encode(), "message/global"),
        (b"Subject: x\r\n\r\n" + b"x" * 2000, "message/global"),
        (b"Subject: x\n\nbare", "message/global"),
        (b"Subject: x\r\n\r\n--=_m" + BOUNDARY + b"--\r\n", "message/global"),
    ],
)
def test_a_message_in_a_message_is_never_in_base64(content: bytes, kind: str) -> None:
    """RFC 2046 section 5.2.1; what cannot stand as it is goes by RFC 6532 section 3.7."""
    file = Attachment("a.eml", content, "message/rfc822")
    data = mime.write(msgspec.structs.replace(MESSAGE, attachments=(file,)))
    head, _, rest = data.partition(f"Content-Type: {kind}".encode())
    assert rest, head
    if kind == "message/rfc822":
        assert b"\r\n\r\n" + content + b"\r\n--=_m" in rest
    else:
        part = message_from_bytes(data, policy=SMTP).get_payload()[-1]
        assert part["Content-Transfer-Encoding"] == "base64"


@pytest.mark.parametrize("field", ["more_to", "cc"])
def test_everybody_is_shown_but_the_blind_copies(field: str) -> None:
    people = (
        Address("bob@example.net", "Bob, the other"),
        Address("zoe@x.example", "Zoë"),
    )
    message = msgspec.structs.replace(
        MESSAGE, **{field: people}, bcc=(Address("hidden@example.net"),)
    )
    mail = read(message)
    shown = mail["To"].addresses[1:] if field == "more_to" else mail["Cc"].addresses
    assert [(one.addr_spec, one.display_name) for one in shown] == [
        (one.email, one.name) for one in people
    ]
    assert mail["To"].addresses[0].addr_spec == "ann@example.net"
    assert b"hidden" not in mime.write(message)
    assert mail["Bcc"] is None


def test_what_a_submitted_mail_shows_is_shown() -> None:
    shown = Shown(to=(Address("list@example.net", "All"),), cc=(Address("bob@example.net"),))
    mail = read(msgspec.structs.replace(MESSAGE, shown=shown))
    assert (mail["To"], mail["Cc"]) == ("All <list@example.net>", "bob@example.net")
    nobody = read(msgspec.structs.replace(MESSAGE, shown=Shown()))
    assert nobody["To"] == "undisclosed-recipients:;"
    assert nobody["Cc"] is None
    only_cc = read(msgspec.structs.replace(MESSAGE, shown=Shown(cc=shown.cc)))
    assert only_cc["To"] is None


@pytest.mark.parametrize(
    ("file", "field"),
    [
        *((Attachment(name, b""), "filename") for name in ("", " ", ".", "..", " a", "a ")),
        *((Attachment(name, b""), "filename") for name in ("a/b", "a\\b", "c:d", "../x")),
        *(
            (Attachment(f"a{char}b", b""), "filename")
            for char in "\0\r\n\t\x7f\x85\u2028\u202e\ud800"
        ),
        (Attachment("ä" * 128, b""), "filename"),
        *(
            (Attachment("a", b"", kind), "content_type")
            for kind in (
                *("", "text", "text/", "/x", "a/b/c", "text/plain;", "te xt/plain", "text/plän"),
                *("text/plain\r\nX: 1", "text/plain; a", "text/plain; a=b c", 'a/b; c="\r\n"'),
                *("a/b; name=x", "a/b; filename=x", "a/b; c=1; C=2", 'a/b; c="\\""'),
                *("multipart/mixed; boundary=x", "multipart/mixed", "Message/Partial"),
                "message/external-body",
            )
        ),
        (Attachment("a", b"", "image/png", alternative=True), "content_type"),
        *(
            (Attachment("a", b"", "image/png", cid), "content_id")
            for cid in ("<a>", "a b", "a\r\n", "ä", "a" * 201, "a>")
        ),
    ],
)
def test_what_cannot_be_a_file_names_its_field(file: Attachment, field: str) -> None:
    with pytest.raises(UnbuildableMessage) as refused:
        attachments.check((Attachment("good.txt", b"x"), file))
    assert refused.value.field == f"attachments[1].{field}"
    assert file.filename not in str(refused.value) or len(file.filename) < 3


def test_a_content_id_stands_once_and_files_are_bounded() -> None:
    one = Attachment("a", b"", "image/png", "x")
    with pytest.raises(UnbuildableMessage) as refused:
        attachments.check((one, one))
    assert refused.value.field == "attachments[1].content_id"
    with pytest.raises(UnbuildableMessage) as many:
        attachments.check((Attachment("a", b""),) * 101)
    assert many.value.field == "attachments"
    attachments.check((Attachment("👩\u200d🚀 नी\u200dति.pdf", b""), Attachment(".profile", b"")))


@given(
    st.lists(st.binary(max_size=5000), max_size=4),
    st.text(st.characters(codec="utf-8"), max_size=500),
)
def test_the_size_is_never_said_to_be_less_than_it_is(files: list[bytes], text: str) -> None:
    given_ = tuple(Attachment("a.bin", one) for one in files)
    message = msgspec.structs.replace(
        MESSAGE, attachments=given_, text=None, html=text.replace("\0", "")
    )
    encoded = sum(4 * ((len(one) + 2) // 3) for one in files)
    assert attachments.size(message) >= encoded + len(message.html.encode())


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), ("a.exe. ", "exe"), (".vbs", "vbs")],
)
def test_endings(name: str, ending: str) -> None:
    assert attachments.ending(name) == ending

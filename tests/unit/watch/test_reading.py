"""Every host that a reader of the mail, or his software, would meet."""

import random
import re
import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.tokens import grouped, link_secret
from mailkeep.watch import letters
from mailkeep.watch.reading import (
    ATTACHED,
    MAX_HOSTS,
    MAX_RAW,
    TOO_LARGE,
    UNREADABLE,
    Reading,
    plain,
    read,
    strangers,
)

OURS = {"ours.example", "example.com"}


def _mail(text: str = "Hello", html: str | None = None, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Us <us@example.com>"
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def _hosts(raw: bytes) -> set[str]:
    return set(read(raw).hosts)


def test_our_own_canary_names_our_hosts_only_and_shows_its_secret() -> None:
    for seed in range(50):
        secret = link_secret()
        content = letters.compose(
            "us@example.com",
            "a.b@post.example",
            "https://ours.example",
            secret,
            random.Random(seed),
        )
        raw = _mail(content.text or "", content.html, Subject=content.subject)
        found = read(raw)
        assert set(found.hosts) == OURS
        assert found.markers == (secret,)


def test_a_letter_of_ones_own_is_known_again_by_link_or_reference() -> None:
    secret = link_secret()
    for text, html in (
        ("Für {name}: {link}", ""),
        ("Order {reference} for {name}", '<p>{name}</p><a href="{link}">{odd}</a>'),
    ):
        one = letters.CanaryLetter("Danke, {name}", text, html)
        content = letters.compose(
            *("us@example.com", "edda.b31@post.example", "https://ours.example", secret),
            random.Random(1),
            (one,),
        )
        assert content.subject == "Danke, Edda"
        assert "Reference" not in (content.text or "")
        found = read(_mail(content.text or "", content.html, Subject=content.subject))
        assert found.markers == (secret,)
        assert set(found.hosts) <= OURS


def test_a_secret_is_found_when_the_link_is_rewritten() -> None:
    secret = link_secret()
    raw = _mail(f"https://click.example/x\n\nReference: {grouped(secret)}")
    assert read(raw).markers == (secret,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Reply-To", "Us <support@evil.example>"),
        ("Reply-To", "=?utf-8?q?support=40evil=2Eexample?="),
        ("Sender", "x@evil.example"),
        ("Return-Path", "<bounce@evil.example>"),
        ("From", '"us@example.com" <x@evil.example>'),
        ("Cc", "us@example.com, x@EVIL.example"),
        ("Errors-To", "x@evil.example"),
        ("Disposition-Notification-To", "x@evil.example"),
        ("List-Unsubscribe", "<mailto:out@evil.example?subject=x>"),
        ("List-Help", "<https://evil.example/help>"),
        ("DKIM-Signature", "v=1; a=rsa-sha256; d=evil.example; s=x; b=abcd"),
        ("DKIM-Signature", "v=1; d=example.com; i=@evil.example; s=x; b=abcd"),
        ("Subject", "Call evil.example"),
    ],
)
def test_a_stranger_in_a_header_is_seen(field: str, value: str) -> None:
    raw = f"From: us@example.com\r\n{field}: {value}\r\n\r\nHello\r\n".encode()
    assert "evil.example" in _hosts(raw)
    # A provider may have a new return path, or sign anew; whom a mail is from is ours.
    answered = field in {"From", "Reply-To"}
    assert ("evil.example" in read(raw).answered) is answered


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://evil.example/x">x</a>',
        "<a href='HTTPS://user:pass@evil.example:8080/x'>x</a>",
        "<a href=//evil.example/x>x</a>",
        '<a href="https:\\\\evil.example/x">x</a>',
        '<a href="https:/\\/evil.example">x</a>',
        '<a href="ht\ntps://ev\til.example">x</a>',
        '<a href="&#104;ttps&colon;//evil&period;example">x</a>',
        '<a href="https://our.s.example@evil.example/">x</a>',
        '<img src="http://evil.example/p.gif">',
        '<form action="https://evil.example"><input></form>',
        '<p style="background: url(https://evil.example/x)">x</p>',
        '<a href="mailto:support@evil.example">x</a>',
        '<a href="mailto:us@example.com?cc=x@evil.example">x</a>',
        '<meta http-equiv="refresh" content="0;url=https://evil.example">',
        "<p>Write to support@evil.example</p>",
        "<p>Write to support&#64;evil.example</p>",
        "<p>See ev\u200bil.example</p>",
        "<p>See e<b>vil</b> evil.example.</p>",
    ],
)
def test_a_stranger_in_html_is_seen(html: str) -> None:
    assert "evil.example" in _hosts(_mail(html=html))


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/a?b#c",
        "http://evil.example:8080",
        "(see www.evil.example)",
        "evil.example",
        "Mail: a@evil.example.",
        "a.b.c.d.e.f.g.h.i.j.evil.example",
    ],
)
def test_a_stranger_in_text_is_seen(text: str) -> None:
    found = _hosts(_mail(text)) - {"example.com"}
    assert any(host.endswith("evil.example") for host in found)


def test_other_scripts_become_what_is_looked_up() -> None:
    assert "xn--exmple-cua.com" in _hosts(_mail("https://exämple.com/"))
    assert plain("EXÄMPLE.com") == "xn--exmple-cua.com"
    assert plain("a..b") == UNREADABLE
    assert plain("[2001:db8::1]") == "[2001:db8::1]"


def test_what_cannot_be_looked_at_is_named() -> None:
    assert TOO_LARGE in _hosts(_mail("x " * MAX_RAW))
    assert TOO_LARGE in _hosts(_mail("\n".join(f"h{n}.example" for n in range(2 * MAX_HOSTS))))
    attached = EmailMessage()
    attached.set_content("x")
    attached.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    assert ATTACHED in _hosts(attached.as_bytes())
    inside = b"Content-Type: message/rfc822\n\nFrom: x@y.example\n\nhttps://evil.example/\n"
    assert "evil.example" in _hosts(inside)


def test_an_entry_covers_itself_and_with_a_dot_what_is_below_it() -> None:
    hosts = ("a.provider.example", "evilprovider.example", "ours.example", "sub.ours.example")
    allowed = ("ours.example", ".provider.example")
    assert strangers(hosts, allowed) == ("evilprovider.example", "sub.ours.example")
    assert strangers(hosts, ("", ".")) == tuple(sorted(hosts))


@given(st.binary(max_size=3000))
def test_nothing_makes_it_fail(raw: bytes) -> None:
    assert isinstance(read(raw), Reading)


_pieces = st.lists(
    st.sampled_from(
        [
            *("From: ", "Content-Type: ", "text/html", "multipart/mixed; boundary=a\n\n", "\n--a"),
            *("=?utf-8?q?", "?=", "charset=x-none", "base64", "Content-Transfer-Encoding: "),
            *("<a href=", '"', "https:", "//", "@", ".", "\0", "\xff", "é", "\n", "\n\n", "xn--"),
        ]
    ),
    max_size=60,
)


@given(_pieces)
def test_mails_made_of_what_matters_are_read_into_plain_hosts(pieces: list[str]) -> None:
    for host in read("".join(pieces).encode("utf-8", "replace")).hosts:
        assert re.fullmatch(r"[a-z0-9._\-\[\]:]{1,255}", host)


@pytest.mark.parametrize(
    "piece", ["<a href=", "<", "a.", "//", "href='", "A-", "a@", "&#x41", "--a\n\n", "x:y\n", ";d="]
)
def test_no_mail_takes_long(piece: str) -> None:
    for start in (
        "Content-Type: text/html\n\n",
        "DKIM-Signature: ",
        "From: ",
        "Content-Type: multipart/mixed; boundary=a\n\n",
    ):
        raw = (start + piece * (MAX_RAW // len(piece)) + "\n\n").encode()
        began = time.process_time()
        read(raw)
        assert time.process_time() - began < 5

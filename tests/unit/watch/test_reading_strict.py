"""Where mail programs are more lenient than we are, the mail names a stranger all the same."""

import base64
import random
import time

import pytest

from mailkeep.base.tokens import link_secret
from mailkeep.providers import mime
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.watch import letters
from mailkeep.watch.reading import (
    ATTACHED,
    MAX_RAW,
    TOO_LARGE,
    UNREADABLE,
    plain,
    read,
    strangers,
)

OURS = ("ours.example", "example.com")
EVIL = b'<a href="https://evil.test/x">See it</a>'
HTML = b"Content-Type: text/html"


def _mail(head: bytes, body: bytes) -> bytes:
    return (
        b"From: us@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello https://ours.example/account#X\r\n"
        b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n--b--\r\n"
    )


def _strangers(head: bytes, body: bytes) -> set[str]:
    return set(strangers(read(_mail(head, body)).hosts, OURS))


def _encoded(head: str) -> bytes:
    return HTML + b"\r\nContent-Transfer-Encoding: " + head.encode()


def test_the_two_parts_that_we_sent_name_nobody() -> None:
    assert _strangers(HTML, b'<a href="https://ours.example/x">See it</a>') == set()
    assert _strangers(_encoded("BASE64 "), base64.encodebytes(b"<p>hello</p>")) == set()
    assert _strangers(_encoded("quoted-printable"), b"<p>he=\r\nllo=3D</p> =\r\n") == set()


@pytest.mark.parametrize("seed", range(20))
def test_what_leaves_here_is_clear(seed: int) -> None:
    chance, secret = random.Random(seed), link_secret()
    url = "https://ours.example"
    content = letters.compose("us@example.com", "a.b@post.example", url, secret, chance)
    sent = OutgoingMessage(
        id=f"msg_{seed}",
        attempt="att_1",
        stream="alert",
        sender=Address("us@example.com", "Us"),
        to=Address("a.b@post.example"),
        reply_to=None,
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers=(),
        secret=False,
        tags=(),
        metadata={},
        date=1_700_000_000_000_000,
    )
    found = read(mime.write(sent))
    assert strangers(found.hosts, (*OURS, "post.example")) == ()
    assert found.markers == (secret,)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (_encoded("base64 (x)"), base64.encodebytes(EVIL)),
        (_encoded("7bit\r\nContent-Transfer-Encoding: base64"), base64.encodebytes(EVIL)),
        (_encoded("base64;"), base64.encodebytes(EVIL)),
        (_encoded("x-uuencode"), b"begin 644 x\n"),
        (
            _encoded("base64"),
            base64.b64encode(b"<p>hello</p> ") + b"\r\n" + base64.b64encode(EVIL),
        ),
        (_encoded("base64"), base64.b64encode(b"<p>a</p> a") + b"!" + base64.b64encode(EVIL)),
        (_encoded("base64"), base64.b64encode(b"<p>a</p> a").rstrip(b"=") + b"R=="),
        (_encoded("quoted-printable"), b"<p>=zz</p>"),
        *(
            (HTML + b"; charset=" + name, EVIL.decode().encode("utf-16-le"))
            for name in (b"unicode", b"ucs-2", b"x-mac-cyrillic", b"utf-8", b"utf-16le")
        ),
        (HTML + b"; charset=utf-7", b"+ADw-a href=+ACI-https+ADo-//evil+AC4-test+ACIAPg-x"),
        (HTML + b"; charset=iso-8859-1", b"\xff\xfe" + EVIL.decode().encode("utf-16-le")),
        (HTML + b"; charset=iso-2022-jp", b"\x1b$B\x1b(B"),
        (HTML + b"\r\nContent-Type: text/plain", EVIL),
        (b"Content-Type: text/plain\r\nContent-Type: text/html", b"x"),
        (b"Content-Type: text/html (x)", b"x"),
        (b'Content-Type: text/html; charset="utf-8', b"x"),
        (b"Content-Type: text/html; charset=utf-8; charset=utf-16", b"x"),
        (b"Content-Type: text/html; charset*=utf-8''utf-16", b"x"),
        (b"Content-Type : text/html", b"x"),
        (b"Content-Type: text/plain; format=flowed; delsp=yes", b"evil. \r\ntest"),
        (HTML, b"<p>\0</p>"),
        (HTML, b"<p>x\ry</p>"),
        (HTML, b'<a href="tel:+123">x</a>'),
        (HTML, b'<a href="java\nscript:x">x</a>'),
        (HTML, b'<a href="data:text/html;base64,PGE+">x</a>'),
        (HTML, b"<script>location=atob(name)</script>"),
        (HTML, b'<a href="https://evil%2etest/">x</a>'),
    ],
)
def test_what_is_not_clear_is_named(head: bytes, body: bytes) -> None:
    assert UNREADABLE in _strangers(head, body)


@pytest.mark.parametrize("quote", [b'"', b"'", b""])
def test_an_attribute_at_its_bound_is_named(quote: bytes) -> None:
    space = b" " if quote else b"x"
    body = b"<a href=" + quote + space * 9001 + b"https://evil.test/" + quote + b">x</a>"
    assert TOO_LARGE in _strangers(HTML, body)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Type: message/rfc822", b"Content-Type: text/html\r\n\r\n" + EVIL),
        (
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
            base64.encodebytes(b"Content-Type: text/html\r\n\r\n" + EVIL),
        ),
        (b"Content-Type: message/external-body; access-type=URL", b"Content-Type: text/html"),
        (b"Content-Type: multipart/related", EVIL),
        (b"Content-Type: text/calendar", b"x"),
        (b"Content-Type: text/plain", b"a second one that we did not send"),
    ],
)
def test_a_part_that_we_did_not_send_is_named(head: bytes, body: bytes) -> None:
    assert ATTACHED in _strangers(head, body)


@pytest.mark.parametrize(
    "html",
    [
        rb'<p style="background:url(\68ttps\3a\2f\2f evil\2etest/x)">x</p>',
        rb"<style>p { background: url(https:\2f\2f evil\00002etest) }</style>",
        rb'<p style="background:url(https://ev&#92;69l.test/x)">x</p>',
        b'<a ping="https://evil.test/" href="https://ours.example/">x</a>',
        b'<iframe srcdoc="&lt;a href=https://evil.test/&gt;"></iframe>',
        b'<svg><animate attributeName="href" to="https://evil.test/"/></svg>',
        b'<a title="<" href="https://evil.test/">x</a>',
        b"<a href=`https://evil.test/`>x</a>",
        b"<a href=https:evil.test/x",
    ],
)
def test_a_stranger_in_unusual_html_is_seen(html: bytes) -> None:
    assert "evil.test" in _strangers(HTML, html)


def test_a_base_in_a_field_of_a_part_is_seen() -> None:
    head = HTML + b"\r\nContent-Base: https://evil.test/"
    assert "evil.test" in _strangers(head, b'<a href="/account">x</a>')


def _nested(depth: int) -> bytes:
    parts = [
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth)
    ]
    return ("From: us@example.com\r\n" + "".join(parts) + "\r\n" + "--x\r\n" * 90_000).encode()


@pytest.mark.parametrize(
    "raw",
    [
        _nested(300),
        b"From: a@b.example\r\n\r\n" + " ".join(f"é{n:x}.ab" for n in range(45_000)).encode(),
        b"From: a@b.example\r\n\r\n" + ("http://" + "\u05d0" * 250 + " ").encode() * 900,
        b"Content-Type: multipart/mixed; " + b';"' * 200_000 + b"\r\n\r\nx",
        HTML + b"\r\n\r\n" + b"href=\"'" * 70_000,
        HTML + b"\r\n\r\n" + b"&#92;" * 100_000,
    ],
    ids=["nested", "idn", "bidi", "parameters", "quotes", "escapes"],
)
def test_a_costly_canary_is_named_and_costs_little(raw: bytes) -> None:
    began = time.process_time()
    found = read(raw)
    assert time.process_time() - began < 5
    assert TOO_LARGE in found.hosts


def test_ten_multiparts_are_read_and_eleven_are_not() -> None:
    inner = b"\r\nhttps://evil.test/\r\n"
    for depth, named in ((10, False), (11, True)):
        raw = _nested(depth)[: -5 * 90_000] + inner
        assert (TOO_LARGE in read(raw).hosts) is named
        assert "evil.test" in read(raw).hosts


def test_a_secret_stands_out_of_what_is_too_large_to_be_read() -> None:
    secret = link_secret()
    raw = b"From: us@example.com\r\n\r\n" + secret.encode() + b"\r\n" + b"x " * MAX_RAW
    assert read(raw).markers == (secret,)


def test_a_mail_without_a_known_secret_is_not_looked_into() -> None:
    secret = link_secret()
    raw = _mail(HTML, EVIL + secret.encode())
    assert read(raw, lambda _them: False).hosts == ()
    assert "evil.test" in read(raw, lambda them: secret in them).hosts


def test_a_host_that_is_too_long_is_not_looked_up() -> None:
    assert plain("é" * 254) == UNREADABLE

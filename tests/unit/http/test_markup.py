"""The HTML of a mail: what is found in it, what is said of it, what the frame gets."""

import time

import pytest

from mailkeep.http.mailbox import letter, markup, view

PICTURE = letter.File("logo.png", "image/png", "logo@x", b"png")


def test_links_are_listed_with_the_host_a_browser_would_go_to() -> None:
    html = (
        '<a href="https://Shop.Example.com:8443/a">track</a>'
        "<a href=' \thttps:\\\\evil.example\\x'>x</a><a href=//b.example>b</a>"
        '<a href="http://good.example@evil2.example/">c</a><a href="javascript:alert(1)">d</a>'
        '<a href="mailto:a@b.example">e</a><a href="https://\u0435xample.com/">f</a>'
        '<!-- <a href="http://hidden.example">no</a> --><a href=http://last.example>open'
    )
    found = markup.look(html)
    assert [one.host for one in found.links] == [
        "shop.example.com",
        "evil.example",
        "b.example",
        "evil2.example",
        "",
        "",
        "xn--xample-2of.com",
        "last.example",
    ]
    assert found.links[0].label == "track"


def test_what_is_odd_is_said_in_plain_words() -> None:
    html = (
        "<script>alert('<a href=http://no.example>')</script><form></form><iframe></iframe>"
        '<meta http-equiv="REFRESH" content="0;url=http://x.example">'
        '<img src="http://t.example/p.png"><p style="background:url(//s.example/x)" onclick="x()">'
        "<style>@import url('https://css.example/a.css');</style><a href='/here'>relative</a>"
        '<a href="http://evil.example/">www.bank.example</a><img src="cid:gone" alt="">'
    )
    found = markup.look(html)
    said = " ".join(markup.remarks(html, found, [], has_text=False))
    for words in (
        *("1 script:", "1 form:", "1 embedded object", "1 redirect", "1 event handler"),
        *("1 picture without alt", "1 link without a host", "1 link over http"),
        "reads as www.bank.example and leads to evil.example",
        "cid:gone",
        "css.example, s.example, t.example",
        "no text part",
    ):
        assert words in said
    assert not any(one.host == "no.example" for one in found.links)


def test_a_plain_mail_has_nothing_to_be_said_of() -> None:
    html = '<p>Hello <a href="https://example.com/a">example.com</a> <img src="cid:l" alt="L"></p>'
    assert markup.remarks(html, markup.look(html), ["l"], has_text=True) == []


def test_a_large_mail_is_named() -> None:
    html = "<p>" + "x" * 110_000
    assert "Gmail hides" in markup.remarks(html, markup.look(html), [], has_text=True)[0]


def test_the_frame_gets_the_mails_own_pictures_and_nothing_that_connects() -> None:
    html = (
        "<LiNk rel=preconnect href=//evil.example><IFRAME src=x></iframe><frame src=x>"
        "<img src='cid:logo%40x'>"
        "<p style=\"background:url('CID:logo@x')\"><img src=cid:none>"
    )
    document = markup.frame(html, {"logo@x": PICTURE})
    assert document.startswith('<base target="_blank">')
    for name in ("<link", "<iframe", "<frame"):
        assert name not in document.lower()
    assert document.count("data:image/png;base64,cG5n") == 2
    assert "cid:none" in document


def test_only_pictures_are_put_in_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    page = letter.File("x.html", "text/html", "p", b"<script>")
    assert "data:" not in markup.frame("<img src='cid:p'>", {"p": page})
    monkeypatch.setattr(markup, "MAX_PICTURES", 4)
    twice = markup.frame("<img src='cid:l'><img src='cid:l'>", {"l": PICTURE})
    assert twice.count("data:") == 1


@pytest.mark.parametrize(
    "piece",
    ["<a ", '<a href="', "<!--", "<!", "</a", "<", "&", "<a href='x'>", "<![CDATA[", "<a =\"'"],
)
def test_its_time_grows_with_the_length_alone(piece: str) -> None:
    html = piece * (markup.MAX_LOOKED_AT // len(piece))
    start = time.process_time()
    found = markup.look(html)
    markup.remarks(html, found, [], has_text=True)
    assert time.process_time() - start < 5
    assert len(found.links) <= markup.MAX_LINKS


def test_strange_hosts_stand_first_and_ours_are_named() -> None:
    raw = (
        b"From: Shop <us@example.com>\r\nReply-To: support@arxxwalls.com\r\n\r\n"
        b"https://localhost:8025/recover https://mail.example.com/x https://evil-example.com/y"
    )
    found = view.opened(letter.take_apart(raw), "localhost")
    assert [(one.name, one.whose) for one in found.hosts] == [
        ("evil-example.com", ""),
        ("localhost", "this Mailkeep"),
        ("mail.example.com", "the sender's domain"),
    ]
    assert found.remarks == ("Answers go to arxxwalls.com, which is not the sender's domain.",)


def test_html_reads_as_text() -> None:
    html = "<style>p{}</style><h1>Hello</h1><p>one<br>two &amp; three <img src=x alt=Logo></p>"
    assert markup.look(html).text == "Hello\n\none\ntwo & three [Logo]"

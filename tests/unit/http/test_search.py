"""What is looked for in the mailbox."""

import pytest

from mailkeep.http.mailbox import search
from mailkeep.http.mailbox.letter import brief
from mailkeep.http.mailbox.search import Known

RAW = (
    b"From: Shop <us@example.com>\r\nSubject: Your Order 4711\r\n"
    b"Received: from a by relay.example\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nParcel for \xc3\x84da\r\n--x\r\n"
    b"Content-Type: a/b\r\n\r\n--x--"
)
MAIL = brief("cm_1", 0, "ada@example.net", RAW)
KNOWN = Known("mandrill", "recovery", secret=True)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("order", True),
        ("parcel ORDER ada@", True),
        ("order nothing", False),
        ("\u00e4da", True),
        ("to:ada", True),
        ("to:us@", False),
        ("from:us@example", True),
        ('subject:"order 4711"', True),
        ('"4711 order"', False),
        ("-order", False),
        ("-to:grace order", True),
        ("by:mandrill", True),
        ("by:postmark", False),
        ("stream:recovery", True),
        ("stream:recov", False),
        ("is:secret", True),
        ("is:unknown", False),
        ("has:attachment", True),
        ("-has:attachment", False),
        ("https://x.example", False),
        ('"', True),
        ("to:", True),
    ],
)
def test_words_and_places(query: str, fits: bool) -> None:
    assert search.fits(MAIL, KNOWN, search.terms(query)) is fits


def test_a_mail_that_mailkeep_does_not_know() -> None:
    assert search.fits(MAIL, None, search.terms("is:unknown by:relay.example -is:secret"))
    assert not search.fits(MAIL, None, search.terms("stream:recovery"))

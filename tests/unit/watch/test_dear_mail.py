"""What anybody may send us is dear to no reader: to none that there is."""

import contextlib
import email.message
from collections.abc import Callable

import pytest
from dear_mail import DEAR

from mailkeep.http.mailbox import letter
from mailkeep.mail import bounces
from mailkeep.watch import abuse_mail, dkim, notices, parts, reading, report_mail
from mailkeep.watch.report_types import Unreadable

READERS: dict[str, Callable[[bytes], object]] = {
    "reports": report_mail.find,
    "abuse": abuse_mail.read,
    "honey": parts.take_apart,
    "canaries": reading.read,
    "notices": notices.of_mail,
    "bounces": bounces.read,
    "signatures": dkim.take_apart,
    "the mailbox of development": letter.take_apart,
}


@pytest.mark.check("ASVS 15.2.2")
@pytest.mark.parametrize("kind", DEAR)
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_works_long_for_a_stranger(
    reader: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = 0
    original = email.message._parseparam

    def counted(text: str) -> object:
        nonlocal work
        work += len(str(text)) * (1 + str(text).count(";"))
        return original(text)

    monkeypatch.setattr(email.message, "_parseparam", counted)
    with contextlib.suppress(Unreadable):
        READERS[reader](DEAR[kind](60_000))
    assert work < 2_000_000  # 60 kB by the square are 3,600,000,000


def test_what_is_too_dear_to_take_apart_is_looked_at_as_it_stands() -> None:
    """Whoever is in the way of a canary hides nothing by making it dear."""
    hidden = DEAR["a string of semicolons"](60_000).replace(
        b"\r\nhi", b"\r\nhttps://evil.example/x"
    )
    found = parts.take_apart(hidden)
    assert found.odd == {parts.TOO_LARGE}
    assert parts.TOO_LARGE in reading.read(hidden).hosts
    assert "evil.example" in reading.read(hidden).hosts


def test_mails_within_mails_are_no_bounce_and_no_fault() -> None:
    assert bounces.read(b"Content-Type: message/rfc822\r\n\r\n" * 4_000) == ()

"""What is read of a copy, and everything that must not be believed of one."""

import pytest
from dkim_signing import record, sign

from mailkeep.base.clock import SECOND
from mailkeep.base.ids import new_id
from mailkeep.watch import copied, dkim

NOW = 1_700_000_000 * SECOND
ADDRESS = "copy-abc@in.example.com"
FIELDS = ("from", "to", "cc", "date", "subject")
MAIL = (
    b"From: Shop <shop@example.com>\r\nTo: Ada <Ada@Example.net>\r\n"
    b"Subject: Your order\r\nDate: Tue, 14 Nov 2023 22:13:00 +0000\r\n\r\nhello\r\n"
)
KEY = {"r._domainkey.example.com": (record(),)}


def read(raw: bytes, **keys: tuple[str, ...]) -> copied.Read | str:
    mail = dkim.take_apart(raw)
    return copied.read(mail, ("example.com",), keys or KEY, NOW, lambda one: one == ADDRESS)


def signed(raw: bytes = MAIL, domain: str = "example.com", **more: object) -> bytes:
    return sign(raw, domain, **({"fields": FIELDS} | more))


def good(raw: bytes) -> copied.Read:
    found = read(raw)
    assert isinstance(found, copied.Read)
    return found


def test_a_copy_tells_whom_it_was_for_and_when() -> None:
    found = good(signed())
    assert found.to == ("ada@example.net",)
    assert found.at == NOW - 20 * SECOND
    assert (found.stream, found.message) == (None, None)


def test_everybody_whom_it_shows_is_told_once_and_the_address_for_copies_is_nobody() -> None:
    mail = MAIL.replace(
        b"To: Ada <Ada@Example.net>",
        b"To: Ada <Ada@Example.net>, bob@example.net,\r\n ada@example.net, not an address\r\n"
        b"Cc: copy-abc@in.example.com, Eve <eve@example.org>",
    )
    assert good(signed(mail)).to == ("ada@example.net", "bob@example.net", "eve@example.org")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (MAIL, copied.UNSIGNED),
        (signed().replace(b"hello", b"hallo"), copied.UNSIGNED),
        (signed().replace(b"Ada@Example.net", b"eve@example.net"), copied.UNSIGNED),
        (signed(fields=("from", "subject")), copied.UNSIGNED),  # to whomever
        (signed(domain="evil.example"), copied.UNSIGNED),
        (signed(more=" x=1600000000;"), copied.UNSIGNED),
        (signed(MAIL.replace(b"@example.com", b"@evil.example"), "evil.example"), copied.FOREIGN),
        (signed(MAIL.replace(b"@example.com", b"@notexample.com")), copied.FOREIGN),
        (b"From: x@evil.example\r\n" + signed(), copied.FOREIGN),
        (b"no mail at all", copied.FOREIGN),
        (b"To: eve@example.net\r\n" + signed(), copied.NOBODY),  # one of two is not signed
        (signed(MAIL.replace(b"Ada <Ada@Example.net>", ADDRESS.encode())), copied.NOBODY),
        (signed(MAIL.replace(b"To: Ada <Ada@Example.net>\r\n", b"")), copied.NOBODY),
    ],
)
def test_what_no_domain_of_ours_signed_is_nothing(raw: bytes, why: str) -> None:
    keys = KEY | {"r._domainkey.evil.example": (record(),)}
    assert read(raw, **keys) == why


def test_what_was_added_after_it_was_signed_is_not_read() -> None:
    added = b"Cc: eve@example.org\r\nDate: Tue, 14 Nov 2023 22:00:00 +0000\r\n"
    without = tuple(one for one in FIELDS if one not in {"cc", "date"})
    bare = MAIL.replace(b"Date: Tue, 14 Nov 2023 22:13:00 +0000\r\n", b"")
    found = good(added + signed(bare, fields=without))
    assert found.to == ("ada@example.net",)
    assert found.at is None
    assert good(signed(fields=without, more=" t=1699999000;")).at == 1_699_999_000 * SECOND
    assert good(signed(MAIL.replace(b"Nov 2023", b"Foo 2023"))).at is None


def test_the_same_mail_is_known_however_its_fields_are_folded() -> None:
    raw = signed()
    folded = raw.replace(b"\r\n\t ", b"\r\n        ").replace(b"SUBJECT", b"Subject")
    again = b"Return-Path: <x@y.example>\r\nX-Other: 1\r\n" + folded
    assert folded != raw
    assert good(again).signature == good(raw).signature
    assert good(signed(MAIL.replace(b"order", b"parcel"))).signature != good(raw).signature


def test_a_stream_and_an_id_of_ours_are_read_where_each_stands_once() -> None:
    name = new_id("msg", NOW)
    more = f"X-Mailkeep-Stream: alert \r\nX-Mailkeep-Id: {name}\r\n".encode()
    found = good(more + signed())
    assert (found.stream, found.message) == ("alert", name)
    found = good(more + more + signed())
    assert (found.stream, found.message) == (None, None)
    assert good(b"X-Mailkeep-Id: msg_none\r\n" + signed()).message is None

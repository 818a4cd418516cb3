"""Who signed a mail: what holds, and everything that must not."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim_signing import record, sign
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.watch import dkim

MAIL = (
    b"From: Reports <noreply@them.example>\r\nTo: dmarc@example.com\r\n"
    b"Subject: Report  Domain:\r\n example.com\r\nDate: x\r\n\r\nHello \t you,\r\n\r\n\r\n"
)
NOW = 1_700_000_000
NAME = "r._domainkey.them.example"


def who(raw: bytes, txt: str | None = None, *, name: str = NAME, now: int = NOW) -> str:
    return dkim.signer(dkim.take_apart(raw), {name: (txt or record(),)}, now)


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("how", ["relaxed/relaxed", "simple/simple", "relaxed/simple"])
@pytest.mark.parametrize("mail", [MAIL, MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"])
def test_a_signature_holds(kind: str, how: str, mail: bytes) -> None:
    assert who(sign(mail, "them.example", kind=kind, how=how), record(kind)) == "them.example"


def test_what_a_way_may_change_does_not_break_a_relaxed_signature() -> None:
    raw = sign(MAIL, "them.example")
    folded = raw.replace(b"Subject: Report  Domain:", b"SUBJECT :  Report Domain:  ")
    assert who(b"Return-Path: <x@y.example>\r\n" + folded) == "them.example"
    assert who(raw.replace(b"\r\n", b"\n")) == "them.example"


def test_a_domain_above_the_sender_may_sign_and_no_other() -> None:
    below = MAIL.replace(b"@them.example", b"@mail.them.example")
    assert who(sign(below, "them.example")) == "them.example"
    above = sign(MAIL, "mail.them.example")
    assert who(above, name="r._domainkey.mail.them.example") == ""
    assert who(sign(MAIL, "evil.example"), name="r._domainkey.evil.example") == ""
    assert who(sign(MAIL, "example"), name="r._domainkey.example") == ""


_SIGNED = sign(MAIL, "them.example")


@pytest.mark.parametrize(
    "raw",
    [
        _SIGNED.replace(b"Hello", b"Hallo"),
        _SIGNED.replace(b"noreply@", b"other@"),
        _SIGNED + b"more\r\n",
        b"From: a@them.example\r\n" + _SIGNED,
        _SIGNED.replace(b"From: Reports <noreply@them.example>", b"From: a@them.example, b@x.org"),
        _SIGNED.replace(b"v=1;", b"v=1; l=4;"),
        _SIGNED.replace(b"v=1;", b"v=2;"),
        _SIGNED.replace(b"rsa-sha256", b"rsa-sha1"),
        _SIGNED.replace(b"s=r;", b"s=r; s=r;"),
        _SIGNED.replace(b"s=r;", b"s=../r;"),
        sign(MAIL, "them.example", fields=("to", "subject")),
        sign(MAIL, "them.example", more=" l=3;"),
        sign(MAIL, "them.example", more=" x=1699999999;"),
        sign(MAIL, "them.example", more=" i=@evil.example;"),
        b"\0" + _SIGNED,
        b"",
        b"\r\n\r\n",
    ],
)
def test_what_is_unclear_is_not_signed(raw: bytes) -> None:
    assert who(raw) == ""


SHORT = rsa.generate_private_key(65537, 1024)


def test_keys_that_do_not_count() -> None:
    assert who(_SIGNED) == "them.example"
    for txt in (
        record().replace("p=", "p=; x="),
        record().replace("v=DKIM1", "v=DKIM2"),
        record() + "; t=y",
        record() + "; s=chat",
        record() + "; h=sha1",
        record() + "; p=",
        record("ed25519"),
        "v=spf1 -all",
        "v=DKIM1; p=!",
        "p=" + "A" * 5000,
        "ü",
    ):
        assert who(_SIGNED, txt) == "", txt
    assert who(_SIGNED, name="s._domainkey.them.example") == ""
    two = {NAME: (record(), record())}
    assert dkim.signer(dkim.take_apart(_SIGNED), two, NOW) == ""


def test_an_rsa_key_must_not_be_short(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, txt = sign(MAIL, "them.example", key=SHORT), record(key=SHORT)
    assert who(raw, txt) == "them.example"
    monkeypatch.setattr(dkim, "SHORTEST", 1025)
    assert who(raw, txt) == ""


@pytest.mark.parametrize("sender", [b"(" * 5000, b"a@them.example," * 5000, b'"' * 5000])
def test_a_field_that_exhausts_who_reads_it_names_nobody(sender: bytes) -> None:
    mail = dkim.take_apart(MAIL.replace(b"Reports <noreply@them.example>", sender))
    assert (mail.sender, mail.signatures) == ("", ())
    assert dkim.people("(" * 5000) == []


def test_a_body_of_nothing_but_lines_is_not_reckoned() -> None:
    assert dkim.take_apart(_SIGNED + b"\r\n" * 1000).signatures
    assert dkim.take_apart(_SIGNED + b"\r\n" * (dkim.MAX_LINES + 1)).signatures == ()


def test_a_body_is_reckoned_once_however_many_signatures_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, reckoned = dkim._body, 0

    def body(raw: bytes, *, relaxed: bool) -> bytes:
        nonlocal reckoned
        reckoned += 1
        return real(raw, relaxed=relaxed)

    monkeypatch.setattr(dkim, "_body", body)
    raw = MAIL
    for _ in range(4):
        raw = sign(raw, "them.example")
    assert len(dkim.take_apart(raw).signatures) == 4
    assert who(raw.replace(b"Hello", b"Hallo")) == ""
    assert reckoned == 1


@settings(deadline=None)
@given(st.data())
def test_no_changed_mail_is_authentic_unless_it_reads_the_same(data: st.DataObject) -> None:
    """A signed mail in which anything but white space was changed has no signer."""
    changed = bytearray(_SIGNED)
    at = data.draw(st.integers(_SIGNED.index(b"From:"), len(changed) - 1))
    changed[at : at + 1] = data.draw(st.binary(max_size=3))
    if who(bytes(changed)):
        date = _SIGNED.index(b"Date")
        tight = [b"".join(one.lower().split()) for one in (bytes(changed), _SIGNED)]
        assert tight[0] == tight[1] or date - 2 <= at < date + 10  # the date was not signed

"""Reports of others, read strictly: real ones, and what a hostile reporter sends."""

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports_made import report, row, signature, tls

from mailkeep.watch import dmarc, packed, report_mail, tlsrpt
from mailkeep.watch.report_types import Source, Unreadable

#: Real reports, which lie beside the project and not in it.
DATA = next(
    (one for up in Path(__file__).parents if (one := up / "shared" / "data").is_dir()), Path("none")
)
real = pytest.mark.skipif(not DATA.is_dir(), reason="the real reports are not here")

#: (what it is read as, or why not), by the name of the file.
REAL = {
    "!example.com!1538204542!1538463818.xml": ("accurateplastics.com", 1, 1),
    "!large-example.com!1711897200!1711983600.xml": (),
    "empty_reason.xml": ("example.org", 2, 0),
    "estadocuenta1.infonacot.gob.mx!example.com!1536853302!1536939702!2940.xml.zip": (),
    "example.net!example.com!1529366400!1529452799.xml": ("example.net", 1, 1),
    "fastmail.com!example.com!1516060800!1516147199!102675056.xml.gz": ("fastmaildmarc.com", 1, 1),
    "ikea.com!example.de!1538690400!1538776800.xml": "no-report",
    "invalid_utf_8.xml": "bad-xml",
    "invalid_xml.xml": "bad-xml",
    "old_draft_from_wiki.xml": ("acme.com", 2, 0),
    "protection.outlook.com!example.com!1711756800!1711843200.xml": ("microsoft.com", 1, 1),
    "rfc9990-example.net!example.com!1700000000!1700086399.xml": ("example.net", 7, 2),
}


@real
def test_every_real_report_is_read_or_refused_for_a_reason() -> None:
    files = [one for one in sorted((DATA / "dmarc").iterdir()) if one.name != "LICENSE"]
    assert {one.name for one in files} == REAL.keys()
    for file in files:
        wanted = REAL[file.name]  # empty: any
        try:
            found = dmarc.read(report_mail.text(packed.unpack(file.read_bytes())))
        except Unreadable as error:
            found = error.why
        if isinstance(found, str):
            assert found == wanted, file.name
            continue
        assert not isinstance(wanted, str), file.name
        assert found.domain, file.name
        assert found.mails >= sum(one.count for one in found.sources) > 0
        if wanted:
            assert (found.reporter, found.mails, found.failed) == wanted, file.name


@real
def test_every_real_tls_report_is_read() -> None:
    folder = DATA / "tlsrpt"
    found = tlsrpt.read((folder / "rfc8460.json").read_bytes())
    assert (found.reporter, found.fine, found.failed) == ("company-x.example", 5326, 303)
    assert found.results[0] == ("starttls-not-supported", 200)
    assert found.domains == ("company-y.example",)
    assert tlsrpt.read((folder / "smtp_tls.json").read_bytes()).failed == 3
    raw = (folder / "google.com_smtp_tls_report.eml").read_bytes()
    (part,) = report_mail.find(raw)
    google = tlsrpt.read(report_mail.text(packed.unpack(part)))
    assert (google.reporter, google.domains) == ("google.com", ("cardinalhealth.ca",))


def test_rows_of_one_network_that_fared_alike_are_one_source() -> None:
    rows = (
        row("192.0.2.7", 3)
        + row("192.0.2.9", 4)
        + row("2001:db8:1:2::3", 5, dkim="pass", signatures=signature("mail.example.com", "S1"))
        + row("198.51.100.1", 2, reason="forwarded")
        + row("::ffff:203.0.113.9", 1, spf="pass", disposition="reject")
    )
    found = dmarc.read(report(rows))
    assert (found.mails, found.failed, found.report) == (15, 7, "r1")
    assert found.sources == (
        Source("192.0.2.0/24", 7, False, False),
        Source("2001:db8:1::/48", 5, True, False, "s1"),
        Source("198.51.100.0/24", 2, False, False, "", "none", True),
        Source("203.0.113.0/24", 1, False, True, "", "reject"),
    )


def test_a_signature_of_somebody_else_lends_no_selector() -> None:
    others = signature("other.example", "x") + signature("notexample.com", "y")
    failed = signature("example.com", "z", "fail")
    found = dmarc.read(report(row(dkim="pass", signatures=others + failed)))
    assert found.sources[0].selector == ""


def test_a_report_in_a_namespace_is_the_same() -> None:
    text = report().replace(b"<feedback>", b'<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">')
    assert dmarc.read(text) == dmarc.read(report())


_BOMB = '<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
_FILE = '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (report(before=_BOMB), "doctype"),
        (report(before=_FILE, domain="&x;"), "doctype"),
        (report(before='<!DOCTYPE f SYSTEM "http://them.example/x.dtd">'), "doctype"),
        (b"<html></html>", "no-report"),
        (b"", "bad-xml"),
        (b"<feedback>", "bad-xml"),
        (b"<?xml version='1.0' encoding='utf-7'?><feedback/>", "bad-xml"),
        (b"<feedback/>", "no-domain"),
        (report("<record>" + "<a>" * 50 + "</a>" * 50 + "</record>"), "too-deep"),
        (report("<x/>"), "empty"),
        (report(row(count=-1)), "bad-number"),
        (report(row(count="1e9")), "bad-number"),
        (report(row(count=10**11)), "bad-number"),
        (report(row(ip="them.example")), "bad-row"),
        (report(row(ip="")), "bad-row"),
        (report(row(dkim="perhaps")), "bad-row"),
        (report(row(disposition="burn")), "bad-row"),
        (report(row(signatures=signature() * 101)), "too-large"),
        (report(domain="a b"), "no-domain"),
        (report(domain="x" * 3000), "too-large"),
        (report(of=""), "no-reporter"),
        (report().replace(b"<end>1700086399", b"<end>1600086399"), "bad-period"),
        (report().replace(b"<end>1700086399", b"<end>1800086399"), "bad-period"),
        (report().replace(b"<report_id>", b"<report_id>x</report_id><report_id>"), "twice"),
        (report(row().replace("<count>", "<count>1</count><count>")), "twice"),
    ],
)
def test_a_report_that_is_not_as_it_should_be_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        dmarc.read(text)
    assert caught.value.why == why
    assert "passwd" not in str(caught.value)


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc, "MAX_ROWS", 10)
    with pytest.raises(Unreadable, match="too many rows"):
        dmarc.read(report(row() * 11))
    many = "".join(row(f"10.{n // 200}.{n % 200}.1") for n in range(300))
    monkeypatch.setattr(dmarc, "MAX_ROWS", 1000)
    found = dmarc.read(report(many))
    assert (found.mails, len(found.sources)) == (900, dmarc.MAX_SOURCES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "bad-json"),
        (b"[" * 100_000, "no-tls-report"),
        (b'{"a":' * 100_000, "bad-json"),
        (b"{}", "no-tls-report"),
        (b"[]", "no-tls-report"),
        (tls(contact="nobody"), "no-reporter"),
        (tls(begin="yesterday"), "bad-period"),
        (tls(begin="2027-01-01T00:00:00Z"), "bad-period"),
        (tls(type="x" * 5000), "no-tls-report"),
        (tls().replace(b":9,", b":-9,"), "no-tls-report"),
        (tls().replace(b'"example.com"', b'"a b"'), "no-domain"),
    ],
)
def test_a_tls_report_that_is_not_as_it_should_be_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        tlsrpt.read(text)
    assert caught.value.why == why


def _zip(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def test_archives_are_unpacked() -> None:
    text = report()
    assert packed.unpack(text) == text
    assert packed.unpack(gzip.compress(text)) == text
    assert packed.unpack(gzip.compress(text[:100]) + gzip.compress(text[100:])) == text
    assert packed.unpack(_zip(("a.xml", text))) == text


_LOCKED = bytearray(_zip(("a", b"b")))
_LOCKED[6] |= 1
_LOCKED[_LOCKED.find(b"PK\x01\x02") + 8] |= 1


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (gzip.compress(b"\0" * 30 * 1024 * 1024), "bomb"),
        (gzip.compress(b"\0" * 5 * 1024 * 1024), "bomb"),
        (_zip(("a", b"\0" * 30 * 1024 * 1024)), "bomb"),
        (gzip.compress(gzip.compress(b"x")), "nested"),
        (_zip(("a", _zip(("b", b"x")))), "nested"),
        (_zip(("a", b"x"), ("b", b"x")), "many-files"),
        (bytes(_LOCKED), "locked"),
        (gzip.compress(b"x" * 100)[:-9], "broken-gzip"),
        (gzip.compress(b"x") + b"y", "broken-gzip"),
        (b"\x1f\x8b\x08rubbish", "broken-gzip"),
        (b"PK\x03\x04rubbish", "broken-zip"),
        (_zip(("a", b"x" * 1000))[:-30], "broken-zip"),
        (b"x" * (packed.MAX_PACKED + 1), "too-large"),
        (gzip.compress(b"") * 200, "bomb"),
    ],
    ids=range(14),  # archives carry the time at which they were packed
)
def test_archives_that_burst_or_are_broken_are_refused(raw: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        packed.unpack(raw)
    assert caught.value.why == why


def test_a_directory_of_many_entries_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each would take a kilobyte of memory, whatever is made of it then."""
    raw = _zip(*((str(number), b"") for number in range(200)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Unreadable) as caught:
        packed.unpack(raw)
    assert caught.value.why == "many-files"


def _read_or_refuse(read: Callable[[bytes], object], raw: bytes) -> None:
    """Nothing but a refusal may be raised."""
    with contextlib.suppress(Unreadable):
        read(raw)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"{", b"<"]))
def test_whatever_comes_is_read_or_refused(raw: bytes, start: bytes) -> None:
    for read in (packed.unpack, dmarc.read, tlsrpt.read, report_mail.find):
        _read_or_refuse(read, start + raw)


@settings(deadline=None)
@given(st.data())
def test_a_report_with_anything_changed_is_read_or_refused(data: st.DataObject) -> None:
    for raw, read in (
        (report(row(signatures=signature())), dmarc.read),
        (tls(), tlsrpt.read),
        (gzip.compress(report()), packed.unpack),
        (_zip(("a.xml", report())), packed.unpack),
    ):
        changed = bytearray(raw)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(changed) - 1))
            changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        _read_or_refuse(read, bytes(changed))


def test_many_parts_and_many_reports_in_one_mail_are_refused() -> None:
    part = b"--x\r\nContent-Type: application/gzip\r\n\r\n{}\r\n"
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    assert len(report_mail.find(head + part * 2 + b"--x--")) == 2
    for number, why in ((0, "no-report"), (5, "too-many"), (40, "no-mail")):
        with pytest.raises(Unreadable) as caught:
            report_mail.find(head + part * number + b"--x--")
        assert caught.value.why == why
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(20)
    )
    with pytest.raises(Unreadable):
        report_mail.find(nested)


def test_a_tls_report_of_very_many_details_is_not_decoded() -> None:
    with pytest.raises(Unreadable, match="too many details"):
        tlsrpt.read(b'{"policies":[' + b"{}," * tlsrpt.MAX_OBJECTS + b"{}]}")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"--x\r\n"])
def test_a_mail_of_empty_lines_takes_no_time_from_others(end: bytes) -> None:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    with pytest.raises(Unreadable, match="too many lines"):
        report_mail.find(head + end * report_mail.MAX_ENDS)


def test_a_stream_that_never_ends_is_not_waited_for() -> None:
    """A deflate stream without an end gives nothing more; it does not hang the reader."""
    packer = zlib.compressobj(wbits=31)
    raw = packer.compress(b"x" * 1000) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(Unreadable, match="too soon"):
        packed.unpack(raw)

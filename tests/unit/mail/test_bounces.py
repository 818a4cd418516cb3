"""What came back, for whom and for how long; and that nothing else is taken for it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base import addresses
from mailkeep.mail.bounces import MAX_GROUPS, Returned, read
from mailkeep.providers.types import ClaimKind

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "bounces"
FILES = sorted(REAL.glob("*.eml"))

GROUP = """Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1
"""


def report(*groups: str, before: str = "", after: str = "") -> bytes:
    text = "\n".join(("Reporting-MTA: dns; mx.example.net\n", *groups))
    return (
        f"From: MAILER-DAEMON@mx.example.net\nMIME-Version: 1.0\n{before}"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nIt came back.\n"
        f"--b\nContent-Type: message/delivery-status\n\n{text}\n{after}--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", ClaimKind.BOUNCED),
        ("Failed (final)", "5.1.1 (no such user)", ClaimKind.BOUNCED),
        ("failed", "5.7.1", ClaimKind.BOUNCED),
        ("failed", "5.2.2", ClaimKind.SOFT_BOUNCED),  # full
        ("failed", "5.4.7", ClaimKind.SOFT_BOUNCED),  # too long on the way
        ("failed", "4.4.7", ClaimKind.SOFT_BOUNCED),
        ("failed", "", ClaimKind.SOFT_BOUNCED),
        ("failed", "5.1.1111", ClaimKind.SOFT_BOUNCED),
        ("expired", "4.4.1", ClaimKind.SOFT_BOUNCED),
        ("delayed", "4.4.1", ClaimKind.DEFERRED),
        ("delayed", "5.4.1", ClaimKind.DEFERRED),
        ("delivered", "2.1.5", None),
        ("relayed", "2.0.0", None),
        ("failed", "2.0.0", None),
        ("deliverable", "5.1.1", None),
    ],
)
def test_the_action_and_its_code_say_what_came_of_it(
    action: str, status: str, kind: ClaimKind | None
) -> None:
    found = read(
        report(f"Final-Recipient: rfc822; x@example.net\nAction: {action}\nStatus: {status}\n")
    )
    assert [one.kind for one in found] == ([] if kind is None else [kind])


def test_each_recipient_has_a_group_and_is_named_as_we_named_it() -> None:
    forwarded = GROUP + "Original-Recipient: rfc822;Ada@Example.NET\n"
    odd = GROUP.replace("rfc822; ada@example.net", "x400; nobody")
    found = read(report(forwarded.replace("ada@", "other@"), odd))
    assert [one.recipient for one in found] == ["Ada@example.net", None]
    assert len(read(report(*[GROUP] * (MAX_GROUPS + 9)))) == MAX_GROUPS


def test_what_is_quoted_is_its_authors_word() -> None:
    quoted = "--b\nContent-Type: message/rfc822\n\n" + report(GROUP).decode().replace(
        "=b\n", "=c\n"
    )
    quoted = quoted.replace("--b\nContent-Type: text", "--c\nContent-Type: text")
    quoted = quoted.replace("--b\nContent-Type: message/d", "--c\nContent-Type: message/d")
    other = GROUP.replace("5.1.1", "4.4.1")
    (found,) = read(report(other, after=quoted))
    assert found.kind is ClaimKind.SOFT_BOUNCED


def test_where_there_is_no_report_exims_field_names_them() -> None:
    words = (
        "SMTP error from remote mail server after RCPT TO:<ada@example.net>: host mx: 550 {}no\n"
    )
    head = "X-Failed-Recipients: ada@example.net,\n bob@example.net\n\n"
    found = read((head + words.format("5.1.1 ")).encode())
    assert [(one.recipient, one.kind, one.status) for one in found] == [
        ("ada@example.net", ClaimKind.BOUNCED, "5.1.1"),
        ("bob@example.net", ClaimKind.BOUNCED, "5.1.1"),
    ]
    assert [one.kind for one in read((head + words.format("")).encode())] == [ClaimKind.BOUNCED] * 2
    full = words.format("5.2.2 ")
    for text in (full, "retry timeout exceeded\n", "--- a copy of the message\n550 5.1.1 no\n"):
        assert {one.kind for one in read((head + text).encode())} == {ClaimKind.SOFT_BOUNCED}
    # A report that says nothing of that kind comes first.
    said = GROUP.replace("failed", "delivered").replace("5.1.1", "2.0.0")
    assert read(report(said, before="X-Failed-Recipients: ada@example.net\n")) == ()


def test_a_robots_answer_is_no_bounce() -> None:
    assert (
        read(b"Subject: Undelivered\nAuto-Submitted: auto-replied\n\n550 5.1.1 I am away\n") == ()
    )


def test_what_would_take_long_is_not_looked_into() -> None:
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(500)
    )
    assert read(deep + report(GROUP)) == ()


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_nothing_makes_it_raise(some: bytes, more: bytes) -> None:
    for raw in (
        some,
        report(GROUP).replace(b"5.1.1", some),
        b"X-Failed-Recipients: " + some + more,
    ):
        assert all(one.recipient is None or "@" in one.recipient for one in read(raw))


@pytest.mark.skipif(not FILES, reason="the real bounces are not here")
def test_real_bounces_are_read() -> None:
    found = {path.name: read(path.read_bytes()) for path in FILES}
    reports = [path.name for path in FILES if b"\nAction: failed" in path.read_bytes()]
    assert sum(bool(found[name]) for name in reports) >= 0.95 * len(reports)
    assert sum(map(bool, found.values())) > 0.6 * len(FILES)
    assert not any(found[name] for name in found if name.startswith("arf-")), "complaints are not"
    for one in (one for several in found.values() for one in several):
        assert one.recipient is None or addresses.is_plain(one.recipient)
        assert one.kind in {ClaimKind.BOUNCED, ClaimKind.SOFT_BOUNCED, ClaimKind.DEFERRED}
    assert found["lhost-postfix-02.eml"] == (
        Returned(ClaimKind.BOUNCED, "filtered@example.co.jp", "5.2.1"),
        Returned(ClaimKind.BOUNCED, "userunknown@example.co.jp", "5.1.1"),
    )

"""Suppression lists as providers export them, and files that are none."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import iso
from mailkeep.mail.suppression_files import Row, Said, read
from mailkeep.mail.types import SuppressionReason as R

SENDGRID = """\
status,reason,email,created
5.1.1,"550 5.1.1 <ada@example.net>: no such user, sorry",ada@example.net,1443651125
"""
POSTMARK = """\
EmailAddress,SuppressionReason,Origin,CreatedAt
ada@example.net,HardBounce,Recipient,2019-12-10T08:58:33-05:00
bob@example.net,SpamComplaint,Recipient,2019-12-10T08:58:33-05:00
cy@example.net,ManualSuppression,Recipient,2019-12-10T08:58:33-05:00
dot@example.net,ManualSuppression,Customer,2019-12-10T08:58:33-05:00
"""
POSTMARK_DUMP = json.dumps(
    {
        "Suppressions": [
            {
                "EmailAddress": "ada@example.net",
                "SuppressionReason": "HardBounce",
                "Origin": "Recipient",
                "CreatedAt": "2019-12-10T08:58:33-05:00",
            }
        ]
    },
    indent=2,
)
MAILGUN = '''\
address,code,error,created_at
ada@example.net,550,"No such mailbox, ""ada""","Fri, 21 Oct 2011 11:02:55 UTC"
'''
SES = json.dumps(
    {
        "SuppressedDestinationSummaries": [
            {"EmailAddress": "ada@example.net", "Reason": "BOUNCE", "LastUpdateTime": 1586197440.0},
            {"EmailAddress": "bob@example.net", "Reason": "COMPLAINT", "LastUpdateTime": "x"},
        ],
        "NextToken": "t",
    }
)
SES_IMPORT = "ada@example.net,BOUNCE\nbob@example.net,COMPLAINT\n"
MANDRILL = """\
[{"email": "ada@example.net", "reason": "hard-bounce", "created_at": "2013-01-01 15:30:27",
  "expires_at": "2013-01-02 15:30:27", "detail": "550 mailbox of ada@example.net"},
 {"email": "bob@example.net", "reason": "soft-bounce", "created_at": "2013-01-01 15:30:27"},
 {"email": "cy@example.net", "reason": "unsub"}]
"""
RESEND = '{"object": "list", "data": [{"email": "ada@example.net", "origin": "complaint"}]}'
OURS = (
    '{"address": "Ada@Example.NET", "reason": "blocked", "stream": "bulk", "provider": "p",'
    ' "since": "2026-01-01T00:00:00.000Z", "expires_at": "2026-02-01T00:00:00.000Z"}\n\n'
)


def rows(text: str, reason: R | None = None) -> list[Row]:
    said = Said(reason, "whose", "", frozenset({"bulk"}))
    return list(read(text.splitlines(keepends=True), said))


@pytest.mark.parametrize(
    ("text", "reason", "wanted"),
    [
        (SENDGRID, R.BOUNCED, [("ada", R.BOUNCED, "2015-09-30T22:12:05.000Z")]),
        (
            POSTMARK,
            None,
            [
                ("ada", R.BOUNCED, "2019-12-10T13:58:33.000Z"),
                ("bob", R.COMPLAINED, "2019-12-10T13:58:33.000Z"),
                ("cy", R.UNSUBSCRIBED, "2019-12-10T13:58:33.000Z"),
                ("dot", R.MANUAL, "2019-12-10T13:58:33.000Z"),
            ],
        ),
        (POSTMARK_DUMP, None, [("ada", R.BOUNCED, "2019-12-10T13:58:33.000Z")]),
        (MAILGUN, R.BOUNCED, [("ada", R.BOUNCED, "2011-10-21T11:02:55.000Z")]),
        (
            SES,
            None,
            [("ada", R.BOUNCED, "2020-04-06T18:24:00.000Z"), ("bob", R.COMPLAINED, None)],
        ),
        (SES_IMPORT, None, [("ada", R.BOUNCED, None), ("bob", R.COMPLAINED, None)]),
        (
            MANDRILL,
            None,
            [
                ("ada", R.BOUNCED, "2013-01-01T15:30:27.000Z"),
                ("bob", R.BLOCKED, "2013-01-01T15:30:27.000Z"),
                ("cy", R.UNSUBSCRIBED, None),
            ],
        ),
        (RESEND, None, [("ada", R.COMPLAINED, None)]),
        ("email\nada@example.net\n", R.UNSUBSCRIBED, [("ada", R.UNSUBSCRIBED, None)]),
        ("ada@example.net\n\nbob@example.net", R.MANUAL,
         [("ada", R.MANUAL, None), ("bob", R.MANUAL, None)]),
        ("email;created\r\nada@example.net;0\r\n", R.COMPLAINED,
         [("ada", R.COMPLAINED, "1970-01-01T00:00:00.000Z")]),
        ("", None, []),
        ("\n \n", None, []),
    ],
)  # fmt: skip
def test_lists_of_providers_are_read(
    text: str, reason: R | None, wanted: list[tuple[str, R, str | None]]
) -> None:
    found = rows(text, reason)
    assert [one.problem for one in found] == [""] * len(wanted)
    assert [
        (
            one.entry.address.partition("@")[0],
            one.entry.reason,
            None if one.entry.since is None else iso(one.entry.since),
        )
        for one in found
        if one.entry is not None
    ] == wanted


def test_what_a_server_answered_is_left_behind() -> None:
    for text in (SENDGRID, MAILGUN):
        (row,) = rows(text, R.BOUNCED)
        assert "such" not in repr(row)


def test_our_own_export_is_read_as_it_was_written() -> None:
    (row,) = rows(OURS)
    assert row.entry is not None
    assert (row.entry.address, row.entry.stream, row.entry.provider) == (
        "Ada@example.net",
        "bulk",
        "p",
    )
    assert row.entry.ends(0) == row.entry.expires_at


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("email,reason\nada@example.net,bounce\nno address,bounce\n", 3, "not a mail address"),
        ("email,reason\nada@example.net,who knows\n", 2, "--reason"),
        ("name,town\nAda,London\n", 1, "no column"),
        ('email,reason\nada@example.net,bounce\n"bob@example.net,bounce\n', 3, "not"),
        ('{"address": "ada@example.net", "reason": "bounced"}\nx\n', 2, "not a JSON object"),
        ('{"x": 1}', 1, "no list"),
        ('[{"email": "ada@example.net",]', 1, "not JSON"),
        ("[1]", 1, "not an object"),
        ("[" * 100_000, 1, "not JSON"),
        ('{"address": "ada@example.net", "reason": "bounced", "stream": "nope"}', 1, "no such"),
    ],
)
def test_what_cannot_be_taken_is_told_by_its_line(text: str, line: int, words: str) -> None:
    bad = [one for one in rows(text) if one.entry is None]
    assert [one.line for one in bad] == [line]
    assert words in bad[0].problem
    assert "example.net" not in bad[0].problem


@given(st.text())
def test_any_text_is_read_to_its_end(text: str) -> None:
    def lines() -> Iterator[str]:
        yield from text.splitlines(keepends=True)

    for row in read(lines(), Said()):
        assert (row.entry is None) == bool(row.problem)

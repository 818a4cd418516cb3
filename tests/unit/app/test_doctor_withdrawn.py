"""Records of a provider that is left: which of them still stand."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailkeep.app.doctor import withdrawn
from mailkeep.app.doctor.records import Answer, Found, Records
from mailkeep.app.doctor.types import DatabaseFacts, LeavingRecord, Scene, State
from mailkeep.app.provider_dns_records import Published

KEY = Published("s1._domainkey.example.com", ("TXT", "CNAME"), key=True)
PATH = Published("bounce.example.com", ("MX", "TXT", "CNAME"))
SPF = Published("example.com", ("TXT",), marks=("old.example",))


def _records(one: Published, **rows: str | None) -> Records:
    out = Records()
    for kind in one.kinds:
        row = rows.get(kind, "")
        found = Found.ERROR if row is None else Found.SOME if row else Found.NONE
        out.learn(one.name, kind, Answer(found, (row,) if row else ()))
    return out


@pytest.mark.parametrize(
    ("one", "rows", "kinds"),
    [
        (KEY, {}, ()),
        (KEY, {"TXT": "v=DKIM1; k=rsa; p=MIIB"}, ("TXT",)),
        (KEY, {"TXT": "p=MIIB"}, ("TXT",)),
        (KEY, {"TXT": "v=DKIM1; p="}, ()),  # revoked
        (KEY, {"TXT": "v=DKIM1; p= ; t=s"}, ()),
        (KEY, {"CNAME": "s1.old.example."}, ("CNAME",)),  # they publish there what they like
        (PATH, {"TXT": "google-site-verification=x"}, ()),
        (PATH, {"TXT": "v=spf1 include:old.example -all"}, ("TXT",)),
        (PATH, {"MX": "10 feedback.old.example"}, ("MX",)),
        (SPF, {"TXT": "v=spf1 include:spf.old.example. ~all"}, ("TXT",)),
        (SPF, {"TXT": "v=spf1 redirect=old.example"}, ("TXT",)),
        (SPF, {"TXT": "v=spf1 include:notold.example -all"}, ()),
        (SPF, {"TXT": "old.example"}, ()),
    ],
)
def test_what_stands(one: Published, rows: dict[str, str], kinds: tuple[str, ...]) -> None:
    assert withdrawn.standing(one, _records(one, **rows)).kinds == kinds


def test_what_dns_does_not_tell_is_not_gone() -> None:
    assert withdrawn.standing(KEY, _records(KEY, TXT=None)).unknown
    assert withdrawn.standing(KEY, Records()).unknown


TEXT = "DNS: withdraw s1._domainkey.example.com (its DKIM key)"


def _said(rows: dict[str, Any], **more: Any) -> Any:
    record = LeavingRecord("old", "dns.1", TEXT, **({"due": True} | more))
    facts = DatabaseFacts(leaving=(record,))
    scene = Scene(Path("home"), None, database=facts, records=_records(KEY, **rows))
    (said,) = withdrawn.left(scene)
    return said


@pytest.mark.parametrize(
    ("more", "rows", "state", "words"),
    [
        ({}, {"TXT": "p=MIIB"}, State.WARNING, "it is dns.1 on the list of old"),
        ({"hostile": True}, {"TXT": "p=MIIB"}, State.FAILED, "withdraw it"),
        ({"done": True}, {"TXT": "p=MIIB"}, State.WARNING, "where it is said to be done"),
        ({}, {}, State.OK, "`mailkeep offboard done old dns.1`"),
        ({"done": True}, {}, State.OK, ""),
        ({}, {"TXT": None}, State.NOT_CHECKED, ""),
        ({"due": False}, {"TXT": "p=MIIB"}, State.NOT_CHECKED, ""),
    ],
)
def test_the_doctor_says_what_still_lets_it_send_as_us(
    more: dict[str, bool], rows: dict[str, Any], state: State, words: str
) -> None:
    said = _said(rows, **more)
    assert said.state is state
    assert words in said.next


def test_nothing_is_asked_of_nobody() -> None:
    scene = Scene(Path("home"), None)
    assert [one.state for one in withdrawn.left(scene)] == [State.NOT_CHECKED]
    record = LeavingRecord("old", "dns.1", TEXT, due=True)
    asked = msgspec.structs.replace(
        scene, database=DatabaseFacts(leaving=(record,)), offline="you said --offline"
    )
    (said,) = withdrawn.left(asked)
    assert "you said --offline" in said.meaning
    assert asked.records.open == set()

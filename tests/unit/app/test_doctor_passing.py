"""Whose servers pass by an SPF record, whatever it calls them."""

import pytest

from mailkeep.app.doctor.passing import passing
from mailkeep.app.doctor.records import Answer, Found, Records

OURS, THEIRS = "example.com", "old.example"
ZONE = {
    ("old.example", "TXT"): ["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/48 -all"],
    ("_spf.example.com", "TXT"): ["v=spf1 include:spf.old.example ip4:198.51.100.7 ~all"],
    ("flat.example.com", "TXT"): ["v=spf1 ip4:192.0.2.128/25 -all"],
    ("other.example", "TXT"): ["v=spf1 ip4:203.0.113.0/24 -all"],
    ("spf.old.example", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"],
    ("ring.example", "TXT"): ["v=spf1 include:ring.example -all"],
    ("mail.example.com", "A"): ["192.0.2.9"],
    ("example.com", "MX"): ["10 mail.example.com"],
    ("open.example", "TXT"): ["v=spf1 +all"],
}


def _records(record: str, *more: str, silent: frozenset[str] = frozenset()) -> Records:
    """Answers as a resolver would give them, in rounds."""
    zone = ZONE | {(OURS, "TXT"): ["google-site-verification=x", record, *more]}
    records = Records()
    for _ in range(20):
        records.open.clear()
        passing(records, OURS, [THEIRS])
        if not records.open:
            break
        for name, kind in sorted(records.open):
            rows = tuple(zone.get((name, kind), ()))
            found = Found.ERROR if name in silent else Found.SOME if rows else Found.NONE
            records.learn(name, kind, Answer(found, () if name in silent else rows))
    return records


@pytest.mark.parametrize(
    ("record", "through"),
    [
        ("v=spf1 include:other.example -all", []),
        ("v=spf1 include:spf.old.example ~all", ["include:spf.old.example"]),
        ("v=spf1 include:notold.example -all", []),
        # Behind a record of our own, which is where big ones are kept.
        ("v=spf1 include:_spf.example.com -all", ["include:_spf.example.com → include:spf.old"]),
        ("v=spf1 redirect=_spf.example.com", ["redirect=_spf.example.com → include:spf.old"]),
        ("v=spf1 -all redirect=_spf.example.com", []),  # section 6.1
        # Written out, to save look-ups: nothing names them any more.
        ("v=spf1 ip4:192.0.2.17 -all", ["ip4:192.0.2.17"]),
        ("v=spf1 ip4:192.0.0.0/16 -all", ["ip4:192.0.0.0/16"]),
        ("v=spf1 ip6:2001:db8:0:1::/64 -all", ["ip6:2001:db8:0:1::/64"]),
        ("v=spf1 ip4:198.51.100.0/24 -all", []),
        ("v=spf1 include:flat.example.com -all", ["include:flat.example.com → ip4:192.0.2.128/25"]),
        ("v=spf1 a:mail.example.com -all", ["a:mail.example.com"]),
        ("v=spf1 mx -all", ["mx"]),
        # What an earlier term refuses, and what is no pass, lets nobody in.
        ("v=spf1 -ip4:192.0.2.0/24 ip4:192.0.0.0/16 -all", ["ip4:192.0.0.0/16"]),
        ("v=spf1 -ip4:192.0.0.0/16 ip4:192.0.2.17 -all", []),
        ("v=spf1 ?include:spf.old.example -all", []),
        ("v=spf1 -include:open.example ip4:192.0.2.17 -all", []),
        ("v=spf1 +all", ["+all"]),
        ("v=spf1 include:open.example -all", ["include:open.example → +all"]),
        ("v=spf1 ip4:nonsense include:ring.example -all", []),
    ],
)
def test_by_which_terms_it_passes(record: str, through: list[str]) -> None:
    found = passing(_records(record), OURS, [THEIRS])
    assert len(found.through) == len(through), found
    assert all(a.startswith(b) for a, b in zip(found.through, through, strict=True)), found
    assert (found.ranges, found.unknown) == (True, False)


def test_a_second_record_that_somebody_left_there_is_read_as_well() -> None:
    found = passing(_records("v=spf1 -all", "v=spf1 include:old.example -all"), OURS, [THEIRS])
    assert found.through[0] == "include:old.example"


def test_what_nobody_can_tell_is_said() -> None:
    record = "v=spf1 exists:%{i}.old.example include:%{d}.example ptr -all"
    found = passing(_records(record), OURS, [THEIRS])
    assert found.blind == ("exists:%{i}.old.example", "include:%{d}.example", "ptr")
    assert not passing(_records(record), OURS, ["nobody.example"]).ranges
    silent = _records("v=spf1 include:other.example -all", silent=frozenset({"other.example"}))
    assert passing(silent, OURS, [THEIRS]).unknown


def test_more_look_ups_than_receivers_make_are_counted() -> None:
    many = " ".join(f"include:n{number}.example" for number in range(11))
    found = passing(_records(f"v=spf1 {many} -all"), OURS, [THEIRS])
    assert (found.lookups, found.is_broken) == (11, True)
    ring = passing(_records("v=spf1 include:ring.example -all"), OURS, [THEIRS])
    assert ring.is_broken, "a ring ends"

"""Which providers and mailboxes the canaries tell apart, by the trust graph."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mailkeep.app import canary_ties
from mailkeep.app.settings import parse
from mailkeep.base.keys import KeyRing

SECRET = {"secret": "env:A"}
STREAM = {
    "name": "alert",
    "priority": 2,
    "routes": [{"provider": one} for one in ("a", "b", "c")],
}


def _settings(*parties: Mapping[str, object]) -> dict[str, object]:
    named = {str(one["id"]) for one in parties}
    return {
        "provider": [
            {"name": one, "kind": "postmark", "party": f"house-{one}", **SECRET} for one in "abc"
        ],
        "stream": [STREAM],
        "party": [
            *parties,
            *({"id": f"house-{one}", "name": one} for one in "abc" if f"house-{one}" not in named),
        ],
        "canary": {
            "domain": "post.example.org",
            "sender": "us@example.com",
            "mailbox": [{"address": "ann@keeper.example", "name": "keeper", "imap": IMAP}],
        },
    }


IMAP = {"host": "imap.keeper.example", "secret": "env:IMAP"}
OWNER: dict[str, object] = {"id": "owner", "name": "Owner", "kind": "owner"}
KEEPER: dict[str, object] = {
    "id": "keeper",
    "name": "Keeper",
    "kind": "mailbox",
    "serves": ["keeper.example"],
}
DNS: dict[str, object] = {"id": "names", "name": "Names", "kind": "dns", "serves": ["example.org"]}


def test_providers_of_one_owner_or_on_one_cloud_are_tied(tmp_path: Path) -> None:
    owned = [{"id": f"house-{one}", "name": one, "owned_by": ["owner"]} for one in ("a", "b")]
    watch = canary_ties.detectors(parse(_settings(OWNER, *owned)), KeyRing(tmp_path))
    assert watch.stranger_in_mail.ties == {"a": ("b",), "b": ("a",), "c": ()}
    cloud = {"id": "cloud", "name": "Cloud", "kind": "cloud"}
    on = [{"id": f"house-{one}", "name": one, "runs_on": ["cloud"]} for one in ("a", "c")]
    watch = canary_ties.detectors(parse(_settings(cloud, *on)), KeyRing(tmp_path))
    assert watch.stranger_in_mail.ties == {"a": ("c",), "b": (), "c": ("a",)}


@pytest.mark.parametrize(
    ("parties", "near"),
    [
        ((KEEPER, DNS), ()),
        ((DNS,), ()),  # nobody said who keeps it
        ((KEEPER | {"owned_by": ["owner"]}, DNS | {"owned_by": ["owner"]}, OWNER), ("keeper",)),
        ((KEEPER | {"serves": ["keeper.example", "example.org"]},), ("keeper",)),
        (
            (
                KEEPER | {"runs_on": ["cloud"]},
                {"id": "cloud", "name": "Cloud", "kind": "cloud"},
                {"id": "mailkeep", "name": "", "runs_on": ["cloud"]},
            ),
            ("keeper",),
        ),
    ],
)
def test_a_mailbox_is_elsewhere_where_its_keeper_is_not_in_our_own_way(
    parties: tuple[Mapping[str, object], ...], near: tuple[str, ...], tmp_path: Path
) -> None:
    watch = canary_ties.detectors(parse(_settings(*parties)), KeyRing(tmp_path))
    assert watch.stranger_in_mail.near == near

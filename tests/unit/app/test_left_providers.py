"""Settings of a house that follows the list of a provider that it leaves load at each step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailkeep.app import left_providers, wiring_trust, wiring_watch
from mailkeep.app.settings import parse
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.cutover.checklist import Leaving, checklist
from mailkeep.posture import scene
from mailkeep.posture.types import Live
from mailkeep.posture.whatif import Model
from mailkeep.watch.types import HoneyAccount

OLD = {"name": "old", "kind": "postmark", "party": "oldco"}
NEW = {"name": "new", "kind": "smtp", "party": "newco"}
HONEY = {"address": "iris481@example.org", "provider": "old"}
LEFT = {"name": "old", "party": "oldco"}
BOTH = [{"provider": "old"}, {"provider": "new"}]


def _house(
    *providers: Mapping[str, object], routes: list[dict[str, str]] | None = None, **more: object
) -> dict[str, object]:
    return {
        "provider": list(providers),
        "party": [{"id": "oldco", "name": "Old & Co."}, {"id": "newco"}],
        "stream": [
            {"name": "alert", "priority": 2, "routes": routes or BOTH},
            {"name": "recovery", "priority": 0, "secret": True, "routes": routes or BOTH},
        ],
        "canary": {"domain": "post.example.org", "sender": "us@example.com"},
        "honey": [HONEY],
        **more,
    }


READ: dict[str, Any] = {
    "posture": {"account": [{"name": "old", "secret": "env:OLD"}]},
    "reports": {"senders": {"old": ["old.example"]}, "status": {"old": "https://old.example"}},
    "console_log": [{"name": "log", "kind": "okta", "parties": {"x": "old", "y": "newco"}}],
    "journal": {
        "copies": {
            "domain": "copies.example.org",
            "senders": ["example.com"],
            "providers": ["new", "old"],
        }
    },
}


def test_the_settings_load_at_each_step_of_the_list() -> None:
    before = parse(_house(OLD, NEW, **READ))
    assert wiring_watch.seeded(before) == before.honey
    # 'routes': out of every stream; its table stays, for what comes late.
    routed = parse(_house(OLD, NEW, routes=[{"provider": "new"}], **READ))
    assert wiring_watch.reserved(routed) == {HONEY["address"]: "old"}
    assert wiring_watch.seeded(routed) == ()
    # 'settings': out whole, but for its name and party.
    gone = parse(_house(NEW, routes=[{"provider": "new"}], left=[LEFT]))
    assert wiring_watch.reserved(gone) == {HONEY["address"]: "old"}
    assert wiring_watch.seeded(gone) == ()


def test_what_somebody_writes_to_its_honey_still_names_it(tmp_path: Path) -> None:
    gone = parse(_house(NEW, routes=[{"provider": "new"}], left=[LEFT]))
    keys = KeyRing(tmp_path)
    name = keys.pseudonym("address", HONEY["address"])
    assert wiring_watch.detectors(gone, keys).honey_account.accounts == (HoneyAccount(name, "old"),)


def test_the_item_names_every_table_that_would_keep_mailkeep_from_starting() -> None:
    settings = parse(_house(OLD, NEW, **READ))
    named = left_providers.tables(settings, "old")
    assert named == (
        "[[posture.account]] old",
        "[reports] senders, status",
        "[[console_log]] log",
        "[journal.copies] providers",
    )
    known = Leaving("old", (), "", {}, 1, 9, party="oldco", tables=named)
    items = {one.name: one for one in checklist(known, 0, hostile=False)}
    for table in named:
        assert table in items["settings"].text
    assert '[[left]] with name = "old" and party = "oldco"' in items["settings"].text
    without = parse(_house(NEW, routes=[{"provider": "new"}], left=[LEFT]))
    assert left_providers.tables(without, "old") == ()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_house(NEW, routes=[{"provider": "new"}]), "honey: no provider 'old'"),
        (_house(OLD, NEW, left=[LEFT]), "left old: it has a [[provider]] table"),
        (_house(NEW, left=[LEFT | {"party": "odlco"}]), "did you mean oldco?"),
        (_house(NEW, left=[LEFT, LEFT]), "two tables of [[left]]"),
        (_house(NEW, left=[LEFT | {"kind": "smtp"}]), "unknown field `kind`"),
        (_house(NEW, left=[LEFT]), "no provider 'old'"),  # the streams still name it
        (_house(NEW, left=[LEFT | {"name": ""}]), "left: name is missing"),
    ],
)
def test_what_is_wrong_is_said(raw: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(raw)
    assert words in str(caught.value)


def test_honey_of_one_that_carries_other_mail_is_to_be_seeded() -> None:
    raw = _house(OLD, NEW)
    streams: Any = raw["stream"]
    streams[0] = streams[0] | {"routes": [{"provider": "new"}]}
    with pytest.raises(BadSettings, match="old is no route of the stream alert"):
        parse(raw)


def _falls(left: list[dict[str, str]], exposed: dict[str, int], party: str) -> Any:
    settings = parse(_house(NEW, routes=[{"provider": "new"}], left=left, honey=[]))
    known = wiring_trust.house(settings)
    given = tuple((name, "", count) for name, count in exposed.items())
    live = Live("2026-11-29", frozenset({"new"}), given=given)
    return Model(known, live, scene.world(known, live)).fall([party])


def test_what_one_that_was_left_knows_is_still_asked_about() -> None:
    fall = _falls([LEFT], {"old": 9, "new": 4}, "oldco")
    assert (fall.exposed, fall.exposed_by) == (9, ("old",))
    assert fall.streams == ()
    assert fall.names == ("Old & Co.",)


def test_one_of_which_the_settings_say_nothing_is_a_party_by_its_name() -> None:
    """Somebody took its table out and wrote no other: the ledger knows its name all the same."""
    fall = _falls([], {"older": 9}, "older")
    assert (fall.exposed, fall.exposed_by) == (9, ("older",))
    of_catalogue = _falls([], {"sendgrid": 9}, "twilio")
    assert of_catalogue.exposed == 9, "who owns it counts as well"
    assert _falls([], {"oldco": 9}, "oldco").exposed == 9, "a party is called so"


def test_the_same_company_under_another_name_is_a_suspect_with_it() -> None:
    gone = parse(_house(NEW, routes=[{"provider": "new"}], left=[LEFT]))
    house = left_providers.suspects(gone, wiring_trust.graph(gone, SystemClock()))
    assert house.independent("old", "new")
    assert not house.independent("older", "new")
    assert set(house.parties) == {"new"}, "it carries nothing"

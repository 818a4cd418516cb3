"""Who would see it: at the accounts of those that fall, and not somewhere in the house."""

import msgspec

from mailkeep.posture import words
from mailkeep.posture.types import Watcher

from .test_whatif import house, model

READ = Watcher(
    "account_drift", "one minute", at=("main",), elsewhere="our account at {0} is not read"
)
CONSOLES = Watcher("console_sign_in", "at once", at=("names",), elsewhere="no audit log of {0}")
NAMES = {"id": "names", "kind": "registrar", "serves": ["example.com"]}
MORE = {
    one.name: one
    for one in (
        READ,
        CONSOLES,
        Watcher("unknown_message", "at once", at=("main",), elsewhere="{0} tells nothing"),
        Watcher("dmarc_stranger", "a day"),
    )
}


def seen(*parties: str) -> dict[str, dict[str, str]]:
    """For each act, the detectors of it in words."""
    known = house(NAMES, {"id": "mailkeep", "administered_by": ["alice"]})
    known = msgspec.structs.replace(known, watchers=MORE)
    fall = model(known).fall(list(parties))
    return {
        one.act: {watcher.name: words.watcher_words(watcher) for watcher in one.watchers}
        for one in fall.seen
    }


def test_an_account_that_is_read_shows_nothing_of_another_one() -> None:
    assert seen("one")["party"]["account_drift"] == "account_drift: one minute"
    assert seen("two")["party"]["account_drift"] == (
        "account_drift: off, our account at second is not read"
    )
    assert seen("one", "two")["party"]["account_drift"] == (
        "account_drift: one minute; our account at second is not read"
    )
    assert seen("two")["send"] == {
        "unknown_message": "unknown_message: off, second tells nothing",
        "dmarc_stranger": "dmarc_stranger: a day",
    }


def test_who_has_no_account_of_ours_is_seen_by_nobody_who_looks_at_accounts() -> None:
    assert seen("names")["send"] == {"dmarc_stranger": "dmarc_stranger: a day"}
    assert seen("names")["party"] == {"console_sign_in": "console_sign_in: at once"}
    assert seen("front")["party"] == {
        "console_sign_in": "console_sign_in: off, no audit log of front"
    }
    assert seen("mailkeep.keys")["party"] == {}
    # Who administers the process has every account's secret.
    assert "account_drift" in seen("alice")["party"]


def test_what_is_off_is_off_everywhere() -> None:
    off = msgspec.structs.replace(READ, off="nothing is read", at=())
    known = msgspec.structs.replace(house(), watchers={"account_drift": off})
    (party,) = [one for one in model(known).fall(["one"]).seen if one.act == "party"]
    assert [words.watcher_words(one) for one in party.watchers] == [
        "account_drift: off, nothing is read"
    ]


def test_a_playbook_is_for_who_stands_behind_an_account_at_a_provider() -> None:
    made = model(house(NAMES))
    for one in ("names", "front", "gmail", "mailkeep.keys", "mailkeep.backups"):
        assert made.fall([one]).playbook == (), one
    for one in ("one", "alice", "secret:main"):
        assert made.fall([one]).playbook == ("Cut the provider off",), one

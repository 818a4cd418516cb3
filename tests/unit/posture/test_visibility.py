"""What is seen of each party, act by act: no more than what somebody looks at."""

import msgspec
import pytest

from mailkeep.posture import visibility
from mailkeep.posture.types import Live, Provider, TrustConfiguration, Watcher
from mailkeep.posture.visibility import Act
from mailkeep.trust.world import Key

from .test_whatif import LIVE, house, model

ACTS = (Act.SIGN_IN, Act.KEY_USE, Act.EXPORT, Act.CHANGE, Act.READ)
LIVE_KEYS = msgspec.structs.replace(
    LIVE, keys=(Key("key:shop", ("send",)),), operators=("operator:op_1",)
)
HOOK = "the provider's webhook"


def known(**more: object) -> TrustConfiguration:
    """A relay without webhooks, whose account is read as its company's, beside what ``house`` has;
    and a second account at one of its parties."""
    made = house({"id": "relay", "kind": "mail"})
    providers = (
        *made.providers,
        Provider("beside", "postmark", "one"),
        Provider("relay", "smtp", "relay"),
    )
    watchers = {
        "unknown_message": Watcher(
            "unknown_message", HOOK, at=("beside",), elsewhere="{0} tells nothing"
        ),
        "volume_mismatch": Watcher(
            "volume_mismatch", "an hour", at=("second",), elsewhere="{0} counts nothing"
        ),
    }
    return msgspec.structs.replace(
        made,
        providers=providers,
        watchers=watchers,
        accounts_read={"beside": "sendgrid", "relay": "ses"},
        read_every=90.0,
        consoles={"two": {"sign_in": ("okta-log",)}},
        **more,
    )


def seen(
    party: str, house: TrustConfiguration | None = None, live: Live = LIVE_KEYS
) -> dict[Act, tuple[bool, str]]:
    of = house or known()
    parties = [one for one in model(of, live).world.parties.values() if one.id == party]
    return {one.act: (one.seen, one.how) for one in visibility.visible(of, parties)}


#: By party: sign-in, key use, export, setting change, content read.
@pytest.mark.parametrize(
    ("party", "expected"),
    [
        ("mailkeep", "y-yy-"),
        ("key:shop", "y-yy-"),
        ("operator:op_1", "y-yy-"),
        ("mailkeep.keys", "-----"),
        ("mailkeep.backups", "-----"),
        ("mailkeep.database", "-----"),
        ("secret:main", "-----"),
        ("secret:beside", "-y---"),
        ("one", "-y-y-"),  # the second account is the one that is read, and that tells
        ("two", "yy---"),  # an audit log of its console, and it says how much it sent
        ("relay", "--yy-"),  # no webhook: nothing tells of what others send there
        ("alice", "-----"),
        ("gmail", "-----"),
    ],
)
def test_an_act_is_seen_where_somebody_looks_and_nowhere_else(party: str, expected: str) -> None:
    found = seen(party)
    assert "".join("y" if found[act][0] else "-" for act in ACTS) == expected


def test_how_is_said_of_the_account_and_as_which_it_is_read() -> None:
    assert seen("relay")[Act.CHANGE] == (
        True,
        "sender, webhook, domain of relay read every 90 seconds",
    )
    assert seen("relay")[Act.KEY_USE] == (False, "relay tells nothing; relay counts nothing")
    assert "IAM" in seen("relay")[Act.SIGN_IN][1]  # the company's words, not SMTP's
    assert seen("one")[Act.KEY_USE] == (True, f"mail that we never sent: {HOOK}")
    assert seen("mailkeep.keys")[Act.EXPORT][1].startswith("whoever copies it")


def test_a_detector_that_is_off_shows_nothing() -> None:
    off = {"unknown_message": Watcher("unknown_message", HOOK, "it is off", at=("main", "beside"))}
    house = msgspec.structs.replace(known(), watchers=off)
    assert seen("one", house)[Act.KEY_USE] == (False, "it is off")

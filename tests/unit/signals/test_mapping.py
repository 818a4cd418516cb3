"""Which facts are told, and as what."""

import msgspec
import pytest

from mailkeep.accounts import events as accounts
from mailkeep.base.clock import HOUR, SECOND
from mailkeep.events.types import Fact
from mailkeep.recovery import events as recovery
from mailkeep.signals import sets
from mailkeep.signals.mapping import TABLE, announcements
from mailkeep.signals.types import SUPPORTED, Kind, Receiver, Status, Stream, Waiting

AT = 1_700_000_000 * SECOND
UNTIL = AT + HOUR


def kinds(fact: Fact) -> list[Kind]:
    return [one.kind for one in announcements(fact, AT)]


def test_every_fact_that_is_told() -> None:
    told = {
        accounts.SessionsEnded(account="acc", count=3, why="denied"): [Kind.SESSION_REVOKED],
        accounts.PasswordSet(account="acc", by="change"): [Kind.CREDENTIAL_CHANGE],
        accounts.PasswordSet(account="acc", by="recovery"): [Kind.CREDENTIAL_CHANGE],
        accounts.PasswordRemoved(account="acc"): [Kind.CREDENTIAL_CHANGE],
        accounts.FactorBound(
            account="acc", factor="fac", factor_kind="passkey", browser="b", network="n"
        ): [Kind.CREDENTIAL_CHANGE],
        accounts.FactorRevoked(account="acc", factor="fac", factor_kind="totp", why="owner"): [
            Kind.CREDENTIAL_CHANGE
        ],
        accounts.PasskeyCopied(account="acc", factor="fac"): [Kind.COMPROMISE],
        accounts.ChangeSettled(account="acc", change="chg", what="address_added", address="a"): [
            Kind.RECOVERY_CHANGED
        ],
        accounts.AddressesTakenBack(account="acc", off=("cpt_1",), back=("cpt_2",), cause="inc"): [
            Kind.RECOVERY_CHANGED
        ],
        accounts.AddressesGivenBack(account="acc", points=("cpt_1",), cause="inc"): [
            Kind.RECOVERY_CHANGED
        ],
        accounts.ChangeDenied(account="acc", change="chg", address="a", provider="p", acted=True): [
            Kind.COMPROMISE,
            Kind.CHANGE_REQUIRED,
        ],
        accounts.AccountFrozen(account="acc", until=UNTIL, why="denied"): [
            Kind.DISABLED,
            Kind.ENABLED,
        ],
        accounts.AccountThawed(account="acc", why="denied"): [Kind.ENABLED],
        accounts.AccountErased(account="acc"): [Kind.PURGED],
        recovery.RecoveryRequested(
            recovery="rec", account="acc", address="a", network="n", browser="b"
        ): [Kind.RECOVERY],
        recovery.RecoveryDenied(
            recovery="rec", account="acc", after_completion=True, provider="p", acted=True
        ): [
            Kind.COMPROMISE,
            Kind.CHANGE_REQUIRED,
        ],
    }
    for fact, expected in told.items():
        assert kinds(fact) == expected, fact
    assert {type(one) for one in told} == set(TABLE)
    assert {kind for one in told for kind in kinds(one)} == set(SUPPORTED)


@pytest.mark.parametrize(
    "fact",
    [
        accounts.SessionsEnded(account="acc", count=1, why="owner", session="ses"),
        accounts.PasswordSet(account="acc", by="sign_up"),
        accounts.ChangeSettled(account="acc", change="chg", what="password", address=None),
        accounts.ChangeDenied(account="acc", change="chg", address="a", provider="p", acted=False),
        accounts.SignInFailed(account="acc", address="a", network="n", why="password"),
        recovery.RecoveryRequested(
            recovery=None, account=None, address="a", network="n", browser="b"
        ),
        recovery.RecoveryDenied(
            recovery="rec", account="acc", after_completion=False, provider="p", acted=True
        ),
        recovery.RecoveryDenied(
            recovery="rec", account="acc", after_completion=True, provider="p", acted=False
        ),
    ],
)
def test_what_is_nobody_elses_concern_is_not_told(fact: Fact) -> None:
    """One session that its owner ends must not end all of them elsewhere, a stranger's request for
    no account is nobody's, and a denial that stopped nothing here stops nothing there."""
    assert announcements(fact, AT) == ()


@pytest.mark.parametrize(
    ("kind", "why", "credential", "change"),
    [
        ("totp", "owner", "app", "delete"),
        ("totp", "replaced", "app", "delete"),
        ("passkey", "lost", "passkey", "revoke"),
        ("saved_codes", "denied", "saved-codes", "revoke"),
        ("new kind", "recovery", "new kind", "revoke"),
    ],
)
def test_what_happens_to_a_factor_in_the_words_of_caep(
    kind: str, why: str, credential: str, change: str
) -> None:
    (one,) = announcements(
        accounts.FactorRevoked(account="acc", factor="fac", factor_kind=kind, why=why), AT
    )
    assert (one.body["credential_type"], one.body["change_type"]) == (credential, change)
    assert one.body["reason_admin"]["en"]


@pytest.mark.parametrize("why", ["owner", "recovery", "denied", "frozen", "restored", "new word"])
def test_who_brought_it_about_is_one_of_the_words_of_caep(why: str) -> None:
    (one,) = announcements(accounts.SessionsEnded(account="acc", count=1, why=why), AT)
    assert one.body["initiating_entity"] in {"admin", "user", "policy", "system"}
    assert one.body["reason_admin"]["en"]
    assert one.body["event_timestamp"] == AT // SECOND


def test_nothing_is_told_of_who_asked_from_where() -> None:
    fact = recovery.RecoveryRequested(
        recovery="rec_1",
        account="acc",
        address="address_1",
        network="network_1",
        browser="browser_1",
    )
    (one,) = announcements(fact, AT)
    for secret in ("rec_1", "address_1", "network_1", "browser_1"):
        assert secret not in str(one)


def test_a_freeze_is_over_when_it_says() -> None:
    closed, opened = announcements(
        accounts.AccountFrozen(account="acc", until=UNTIL, why="incident"), AT
    )
    assert closed.body == {"until": UNTIL // SECOND, "reason": "hijacking"}
    assert (closed.due, opened.due, opened.at) == (AT, UNTIL, UNTIL)
    assert closed.fold == opened.fold


@pytest.mark.check("ASVS 9.2.2")
def test_the_claims_are_the_same_whenever_they_are_written() -> None:
    receiver = Receiver("rcv", "shop", "https://shop.example", (), AT)
    stream = Stream("str", receiver, "poll", "", None, None, Status.ENABLED, None)
    event = Waiting("set", Kind.DISABLED, "acc", "sub_1", "{}", "txn", AT, AT, UNTIL, 0)
    once = sets.claims("https://us.example", stream, event)
    again = sets.claims("https://us.example", stream, msgspec.structs.replace(event, tries=7))
    assert once == again
    assert once["iat"] == UNTIL // SECOND
    assert not {"exp", "sub"} & once.keys()


@pytest.mark.parametrize("said", [None, 7, "", "two words", "x" * 61, "<b>", {"err": 1}, "a\n"])
def test_an_error_that_is_no_word_is_not_kept(said: object) -> None:
    assert sets.error(said) == "no reason given"

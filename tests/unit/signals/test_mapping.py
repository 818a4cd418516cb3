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
        accounts.SessionsEnded("acc", 3, "denied"): [Kind.SESSION_REVOKED],
        accounts.PasswordSet("acc", "change"): [Kind.CREDENTIAL_CHANGE],
        accounts.PasswordSet("acc", "recovery"): [Kind.CREDENTIAL_CHANGE],
        accounts.PasswordRemoved("acc"): [Kind.CREDENTIAL_CHANGE],
        accounts.FactorBound("acc", "fac", "passkey", "b", "n"): [Kind.CREDENTIAL_CHANGE],
        accounts.FactorRevoked("acc", "fac", "totp", "owner"): [Kind.CREDENTIAL_CHANGE],
        accounts.PasskeyCopied("acc", "fac"): [Kind.COMPROMISE],
        accounts.ChangeSettled("acc", "chg", "address_added", "a"): [Kind.RECOVERY_CHANGED],
        accounts.AddressesTakenBack("acc", ("cpt_1",), ("cpt_2",), "inc"): [Kind.RECOVERY_CHANGED],
        accounts.AddressesGivenBack("acc", ("cpt_1",), "inc"): [Kind.RECOVERY_CHANGED],
        accounts.ChangeDenied("acc", "chg", "a", "p", True): [
            Kind.COMPROMISE,
            Kind.CHANGE_REQUIRED,
        ],
        accounts.AccountFrozen("acc", UNTIL, "denied"): [Kind.DISABLED, Kind.ENABLED],
        accounts.AccountThawed("acc", "denied"): [Kind.ENABLED],
        accounts.AccountErased("acc"): [Kind.PURGED],
        recovery.RecoveryRequested("rec", "acc", "a", "n", "b"): [Kind.RECOVERY],
        recovery.RecoveryDenied("rec", "acc", True, "p", True): [
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
        accounts.SessionsEnded("acc", 1, "owner", "ses"),
        accounts.PasswordSet("acc", "sign_up"),
        accounts.ChangeSettled("acc", "chg", "password", None),
        accounts.ChangeDenied("acc", "chg", "a", "p", False),
        accounts.SignInFailed("acc", "a", "n", "password"),
        recovery.RecoveryRequested(None, None, "a", "n", "b"),
        recovery.RecoveryDenied("rec", "acc", False, "p", True),
        recovery.RecoveryDenied("rec", "acc", True, "p", False),
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
    (one,) = announcements(accounts.FactorRevoked("acc", "fac", kind, why), AT)
    assert (one.body["credential_type"], one.body["change_type"]) == (credential, change)
    assert one.body["reason_admin"]["en"]


@pytest.mark.parametrize("why", ["owner", "recovery", "denied", "frozen", "restored", "new word"])
def test_who_brought_it_about_is_one_of_the_words_of_caep(why: str) -> None:
    (one,) = announcements(accounts.SessionsEnded("acc", 1, why), AT)
    assert one.body["initiating_entity"] in {"admin", "user", "policy", "system"}
    assert one.body["reason_admin"]["en"]
    assert one.body["event_timestamp"] == AT // SECOND


def test_nothing_is_told_of_who_asked_from_where() -> None:
    fact = recovery.RecoveryRequested("rec_1", "acc", "address_1", "network_1", "browser_1")
    (one,) = announcements(fact, AT)
    for secret in ("rec_1", "address_1", "network_1", "browser_1"):
        assert secret not in str(one)


def test_a_freeze_is_over_when_it_says() -> None:
    closed, opened = announcements(accounts.AccountFrozen("acc", UNTIL, "incident"), AT)
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

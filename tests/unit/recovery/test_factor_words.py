"""What owners are told of their factors."""

import pytest

from mailkeep.accounts.events import (
    FactorBlocked,
    FactorBound,
    FactorLeaving,
    FactorReminderDue,
    FactorRevoked,
    FactorStays,
    LanguageChosen,
    PasskeyCopied,
    PasswordRemoved,
    SavedCodeUsed,
)
from mailkeep.accounts.factors.types import Kind
from mailkeep.accounts.language import shipped
from mailkeep.base.clock import DAY
from mailkeep.events.types import Fact
from mailkeep.recovery import factor_words
from mailkeep.recovery.mails import MailComposer
from mailkeep.recovery.types import RecoverySettings

ENGLISH = shipped().of("en")


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            FactorBound(
                account="acc_1", factor="fac_1", factor_kind=Kind.PASSKEY, browser="b", network="n"
            ),
            "added: a passkey",
        ),
        (
            FactorRevoked(account="acc_1", factor="fac_1", factor_kind=Kind.TOTP, why="owner"),
            "removed: an authenticator app",
        ),
        (
            FactorRevoked(account="acc_1", factor="fac_1", factor_kind=Kind.TOTP, why="lost"),
            "removed: an authenticator app",
        ),
        (
            FactorLeaving(account="acc_1", factor="fac_1", factor_kind=Kind.TOTP, until=DAY),
            "until 1970-01-02 00:00 UTC",
        ),
        (FactorStays(account="acc_1", factor="fac_1"), "stays"),
        (
            FactorBlocked(account="acc_1", factor="fac_1", factor_kind=Kind.TOTP, way="stranger"),
            "may know your password",
        ),
        (PasskeyCopied(account="acc_1", factor="fac_1"), "a copy of it"),
        (SavedCodeUsed(account="acc_1", factor="fac_1", left=7), "7 are left"),
        (SavedCodeUsed(account="acc_1", factor="fac_1", left=2), "only 2 are left"),
        (SavedCodeUsed(account="acc_1", factor="fac_1", left=1), "only one is left"),
        (SavedCodeUsed(account="acc_1", factor="fac_1", left=0), "the last of your saved codes"),
        (LanguageChosen(account="acc_1", before="de", chosen="Français"), "from now on: Français"),
        (PasswordRemoved(account="acc_1"), "passkeys open the account"),
    ],
)
def test_owners_are_told(fact: Fact, words: str) -> None:
    """63B 4.6, ASVS 6.3.7."""
    assert type(fact) in factor_words.FACTS
    assert words in (factor_words.what(ENGLISH, fact) or "")


@pytest.mark.parametrize("why", ["replaced", "with_last", "recovery"])
def test_one_change_is_one_mail(why: str) -> None:
    assert (
        factor_words.what(
            ENGLISH, FactorRevoked(account="acc_1", factor="fac_1", factor_kind=Kind.TOTP, why=why)
        )
        is None
    )


def test_a_reminder_names_the_day_and_asks_for_no_secret() -> None:
    house = MailComposer(RecoverySettings(), "https://mail.example.com", ENGLISH)
    due = FactorReminderDue(account="acc_1", standing="due", until=365 * DAY)
    mail = factor_words.reminder(house, "ada@example.net", due)
    assert "From 1971-01-01 on you need one" in mail.text
    assert "https://mail.example.com/account" in mail.text
    assert "#" not in mail.text  # nothing in it can be redeemed
    asked = factor_words.reminder(
        house, "a@example.net", FactorReminderDue(account="a", standing="encouraged", until=None)
    )
    assert "you need one" not in asked.text

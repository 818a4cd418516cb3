"""What a receiver's server wrote blames no relay that passes it on."""

import pytest

from mailkeep.providers.smtp import Smtp
from mailkeep.providers.types import OutcomeKind, SmtpReply

WORDS = (
    "host mx.evil.test said: 550 your account is suspended",
    "host mx.evil.test[192.0.2.1] said: 525 5.7.13 account disabled",
    "Your account has been disabled",
    "<x@evil.test>: recipient rejected: sending is disabled",
    "throttled by mx.evil.test",
    "daily quota exceeded",
    "Relay access denied",
    "Client host rejected",
    "authentication required",
    "Remote_host_said: 535 5.7.8 not authenticated",
)


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize(
    ("code", "enhanced"),
    [(550, ""), (554, "5.7.1"), (550, "5.7.1"), (550, "5.4.1"), (450, ""), (451, "4.7.1")],
)
def test_words_alone_refuse_one_message_at_most(code: int, enhanced: str, text: str) -> None:
    kind = Smtp().read(SmtpReply(code, enhanced, text)).kind
    assert not kind.blames_provider
    if code >= 500 and "said" not in text:
        assert kind not in {OutcomeKind.ACCEPTED, OutcomeKind.REJECTED}


@pytest.mark.parametrize(("code", "enhanced"), [(550, "5.7.13"), (550, "5.4.5"), (535, "5.7.8")])
def test_a_code_that_is_quoted_is_not_the_relays_own(code: int, enhanced: str) -> None:
    quoted = SmtpReply(code, enhanced, "host mx.evil.test[192.0.2.1] said: go away")
    assert not Smtp().read(quoted).kind.blames_provider
    assert Smtp().read(SmtpReply(code, enhanced, "go away")).kind.blames_provider


def test_an_account_that_the_relay_disabled_is_suspended() -> None:
    for reply in (SmtpReply(525, "", "x"), SmtpReply(525, "5.7.13", "x")):
        assert Smtp().read(reply).kind is OutcomeKind.SUSPENDED

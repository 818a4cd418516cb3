"""The words, and that what is hidden stays hidden."""

from io import StringIO

import pytest
from rich.console import Console

from mailkeep.base.secret import Secret
from mailkeep.providers.errors import ForgedWebhook
from mailkeep.providers.types import (
    Claim,
    ClaimKind,
    HttpReply,
    HttpRequest,
    OutcomeKind,
    ProviderConfig,
    SmtpReply,
    SmtpRequest,
    VerifiedRequest,
    WebhookRequest,
)

CONFIG = ProviderConfig("p", "mandrill", "", Secret("key"), Secret("hook"), None, {}, "party")
REQUEST = WebhookRequest("https://example.com/h", {"Authorization": "hidden"}, b"hidden", 7)


@pytest.mark.parametrize(
    ("kind", "blames"),
    [
        (OutcomeKind.ACCEPTED, False),
        (OutcomeKind.DEFERRED, False),
        (OutcomeKind.REJECTED, False),
        (OutcomeKind.SUPPRESSED_THERE, False),
        (OutcomeKind.SENDER_REFUSED, False),
        (OutcomeKind.SUSPENDED, True),
        (OutcomeKind.UNAUTHORISED, True),
        (OutcomeKind.THROTTLED, True),
        (OutcomeKind.UNAVAILABLE, True),
        (OutcomeKind.AMBIGUOUS, True),
    ],
)
def test_outcomes(kind: OutcomeKind, blames: bool) -> None:
    assert kind.blames_provider == blames


def test_every_outcome_is_in_the_table() -> None:
    assert len(OutcomeKind) == 10


@pytest.mark.parametrize(
    "value",
    [
        HttpRequest("POST", "https://example.com", {"X-Key": "hidden"}, b"hidden"),
        SmtpRequest("h", 25, "none", "u", Secret("hidden"), "hidden", "hidden", b"hidden"),
        HttpReply(200, {"Set-Cookie": "hidden"}, b"hidden"),
        SmtpReply(250, "", "hidden"),
        REQUEST,
        Claim("p", "1", ClaimKind.SENT, "x", "m", "hidden", 1, "hidden", "none"),
        Secret("hidden"),
    ],
)
def test_no_repr_shows_what_it_holds(value: object) -> None:
    out = StringIO()
    Console(file=out).print(value)
    for shown in (repr(value), str(value), f"{value}", out.getvalue()):
        assert "hidden" not in shown


def prove(presented: bytes, expected: bytes) -> VerifiedRequest:
    return VerifiedRequest.prove(
        CONFIG,
        REQUEST,
        presented=presented,
        expected=expected,
        payload=b"[]",
        authenticated="signature",
    )


def test_a_verified_request_comes_from_a_proof_only() -> None:
    with pytest.raises(TypeError):
        VerifiedRequest()
    for presented, expected in ((b"a", b"b"), (b"", b"b"), (b"a", b""), (b"", b""), (b"aa", b"a")):
        with pytest.raises(ForgedWebhook):
            prove(presented, expected)
    good = prove(b"a", b"a")
    assert (good.provider, good.kind, good.payload, good.received_at) == ("p", "mandrill", b"[]", 7)


def test_a_verified_request_does_not_change() -> None:
    good = prove(b"a", b"a")
    with pytest.raises(AttributeError):
        good.payload = b"other"
    assert good.payload == b"[]"

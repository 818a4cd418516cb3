"""Settings and metadata on their way out."""

import msgspec
import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers import outgoing
from mailkeep.providers.errors import MisconfiguredProvider, UnbuildableMessage
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.providers.types import ProviderConfig

MESSAGE = OutgoingMessage(
    id="m-1",
    attempt="a-1",
    stream="alert",
    sender=Address("no-reply@example.com"),
    to=Address("ann@example.net"),
    reply_to=None,
    subject="Hello",
    text="Hello",
    html=None,
    headers=(),
    secret=False,
    tags=(),
    metadata={},
)


def config(base_url: str, **options: str) -> ProviderConfig:
    return ProviderConfig("p", "x", base_url, Secret("k"), None, None, options, "party")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("", "https://api.example.org/v1/send"),
        ("https://other.example/api/", "https://other.example/api/send"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025/send"),
        ("http://localhost:8025/x", "http://localhost:8025/x/send"),
        ("http://[::1]:8025", "http://[::1]:8025/send"),
    ],
)
def test_endpoint(base_url: str, expected: str) -> None:
    assert outgoing.endpoint(config(base_url), "https://api.example.org/v1", "/send") == expected


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "https://",
        "//api.example.org",
        "https://k@api.example.org",
        "https://api.example.org/?a",
        "https://api.example.org/#a",
        "https://api.example.org/ x",
        "https://api.example.org/\nx",
        "https://[::1",
    ],
)
def test_endpoint_refuses(base_url: str) -> None:
    with pytest.raises(MisconfiguredProvider):
        outgoing.endpoint(config(base_url), "", "/send")


def test_cleartext_needs_the_operators_word() -> None:
    plain = config("http://mail.internal", cleartext="accepted")
    assert outgoing.endpoint(plain, "", "/send") == "http://mail.internal/send"
    with pytest.raises(MisconfiguredProvider):
        outgoing.endpoint(config("http://mail.internal", cleartext="yes"), "", "/send")


def test_metadata_is_cut_to_the_providers_limits_and_ours_come_first() -> None:
    given = {"long-key" * 5: "v", "k": "v" * 99, "": "v", "a": "1", "b": "2", "c": "3"}
    message = msgspec.structs.replace(MESSAGE, metadata=given)
    assert outgoing.metadata(message, fields=4, key=20, value=80) == {
        "mailkeep_id": "m-1",
        "mailkeep_attempt": "a-1",
        "a": "1",
        "b": "2",
    }


@pytest.mark.parametrize("value", ["yes", "1", "", "True"])
def test_flag_is_true_or_false(value: str) -> None:
    with pytest.raises(MisconfiguredProvider):
        outgoing.flag({"track": value}, "track")


def test_options() -> None:
    assert outgoing.option({}, "a") is None
    assert outgoing.option({"a": ""}, "a") is None
    assert outgoing.option({"a": "x"}, "a") == "x"
    for value in ("x\r\ny", "x" * 201):
        with pytest.raises(MisconfiguredProvider):
            outgoing.option({"a": value}, "a")


@pytest.mark.parametrize("date", [-1, 10**18])
def test_a_date_beyond_reason_is_refused(date: int) -> None:
    with pytest.raises(UnbuildableMessage):
        outgoing.check(msgspec.structs.replace(MESSAGE, date=date))

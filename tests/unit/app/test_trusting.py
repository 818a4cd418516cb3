"""What the settings say of the chain of trust: who signs, for whom a provider stands in SPF."""

from typing import Any

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.app import trusting
from mailkeep.base.errors import BadSettings
from mailkeep.posture.types import Provider


def provider(kind: str = "smtp", **options: str) -> Provider:
    """The one provider of a house that sends as shop.example, as the rules know it."""
    table: dict[str, Any] = {"name": "p", "kind": kind, "party": "p", "options": options}
    if kind == "smtp":
        table["base_url"] = "smtp://relay.example:587"
        table["options"] = {"username": "u", **options}
    streams = [
        {"name": name, "priority": 0, "routes": [{"provider": "p"}], "secret": True}
        for name in ("recovery", "confirmation", "security")
    ]
    parsed = app_settings.parse(
        {
            "party": [{"id": "p"}],
            "provider": [{"secret": "env:KEY", **table}],
            "stream": streams,
            "recovery": {"sender": "us@shop.example"},
        }
    )
    (found,) = trusting.house(parsed).providers
    return found


def test_a_provider_is_taken_to_hold_a_key_until_somebody_says_that_we_sign() -> None:
    assert provider().domains == ("shop.example",)
    assert provider(dkim="theirs").domains == ("shop.example",)
    assert provider(dkim="ours").domains == ()
    assert provider("mandrill").domains == ("shop.example",)


def test_a_key_of_theirs_in_our_dns_counts_more_than_the_word_that_we_sign() -> None:
    """The file may say what its writer would like."""
    assert provider(dkim="ours", dkim_selector="s1").domains == ("shop.example",)
    assert provider(dkim="ours", dkim_domain="news.shop.example").domains == (
        "shop.example",
        "news.shop.example",
    )


@pytest.mark.parametrize(
    ("back", "stands_for"),
    [
        ("shop.example", ("shop.example",)),
        ("bounces.shop.example", ("shop.example",)),  # of one house with it, which suffices
        ("bounces.elsewhere.example", ()),
        ("notshop.example", ()),
    ],
)
def test_a_provider_stands_in_spf_for_whom_its_bounces_are(
    back: str, stands_for: tuple[str, ...]
) -> None:
    assert provider(return_path_domain=back).returns == stands_for


def test_a_relay_without_a_return_path_has_froms_and_others_their_own() -> None:
    assert provider().returns == ("shop.example",)
    assert provider("postmark").returns == ()


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("smtp", "mine", 'say "ours" or "theirs"'),
        ("postmark", "ours", "postmark writes each mail itself, and signs it"),
    ],
)
def test_what_cannot_be_so_is_refused(kind: str, said: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        provider(kind, dkim=said)

"""What the settings say of the chain of trust: who signs, for whom a provider stands in SPF."""

from pathlib import Path
from typing import Any

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.app import wiring_trust
from mailkeep.app.doctor.types import Scene
from mailkeep.base.clock import ManualClock
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
    (found,) = wiring_trust.house(parsed).providers
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


def test_a_return_path_beside_the_name_in_from_is_of_one_house_with_it() -> None:
    assert wiring_trust._returned(
        "mandrill", {"return_path_domain": "Bounce.shop.example"}, ("news.shop.example", "b.test")
    ) == ("news.shop.example",)


def test_who_keeps_a_providers_secret_is_one_who_reads_there() -> None:
    """Invariant 7: key custody ties. Recoveries, incidents and the doctor judge by this graph."""
    parties: list[dict[str, Any]] = [
        {"id": "p"},
        {"id": "q", "administered_by": ["alice"]},
        {"id": "alice"},
    ]
    providers = [
        {"name": name, "kind": "mandrill", "party": party, "secret": "env:KEY"}
        for name, party in (("main", "p"), ("second", "q"))
    ]
    routes = [{"provider": "main"}, {"provider": "second"}]
    streams = [{"name": "recovery", "priority": 0, "routes": routes}]

    def judged(*more: dict[str, Any]) -> tuple[str, ...]:
        raw = {"party": [*parties, *more], "provider": providers, "stream": streams}
        settings = app_settings.parse(raw)
        found = wiring_trust.graph(settings, ManualClock()).independent({"p"}, {"q"})
        scene = Scene(Path("home"), settings=settings, today="2026-11-28")
        assert scene.graph.independent({"p"}, {"q"}).shared == found.shared
        return found.shared

    assert judged() == ()
    assert judged({"id": "secret:main", "administered_by": ["alice"]}) == ("alice",)
    # It counts of a key that is there: no manager's is.
    assert judged({"id": "manager:main", "administered_by": ["alice"]}) == ()
    providers[0] |= {"manager": "env:KEY", "options": {"keys": "sendgrid"}}
    assert judged({"id": "manager:main", "administered_by": ["alice"]}) == ("alice",)


def test_each_detector_looks_where_the_settings_let_it() -> None:
    """That one account is read says nothing of the others."""
    routes = [{"provider": "main"}, {"provider": "relay"}]
    raw: dict[str, Any] = {
        "party": [{"id": "p"}, {"id": "q"}],
        "provider": [
            {
                "name": "main",
                "kind": "postmark",
                "party": "p",
                "secret": "env:KEY",
                "webhook_secret": "env:HOOK",
            },
            {
                "name": "relay",
                "kind": "smtp",
                "party": "q",
                "base_url": "smtp://relay.example:587",
                "secret": "env:KEY",
                "options": {"username": "u"},
            },
        ],
        "stream": [
            {"name": "alert", "priority": 0, "routes": routes[:1]},
            {"name": "bulk", "priority": 9, "routes": routes},
        ],
        "canary": {"domain": "canary.example", "sender": "us@shop.example", "listen": "[::1]:25"},
        "honey": [{"address": "kim@shop.example", "provider": "main"}],
        "posture": {"account": [{"name": "main", "secret": "env:READ"}]},
        "reports": {"status": {"main": "https://status.example"}},
    }
    found = wiring_trust.watchers(app_settings.parse(raw))
    looks = {name: one.at for name, one in found.items() if one.at is not None}
    assert looks == {
        "account_drift": ("main",),
        "export_seen": (),  # Postmark lists none
        "volume_mismatch": ("main",),
        "unknown_message": ("main",),
        "accepted_not_delivered": ("main",),
        "delivery_silence": ("main",),
        "canary_missing": ("main",),
        "stranger_in_mail": ("main",),
        "honey_hit": ("main",),
        "honey_account": ("main",),
        "provider_notice": ("main",),
        "console_sign_in": (),
    }
    assert all("{0}" in one.elsewhere for one in found.values() if one.at is not None)
    main, relay = wiring_trust.house(app_settings.parse(raw)).providers
    assert (main.hook, main.shown, main.makers) == ("webhook:main", True, ("reading:main",))
    assert (relay.hook, relay.shown, relay.makers) == ("", False, ())

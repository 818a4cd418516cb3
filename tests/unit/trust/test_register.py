"""Parties from settings: a wrong word is an error that names the nearest right one."""

from datetime import date

import pytest

from mailkeep.base.errors import BadSettings
from mailkeep.trust import register
from mailkeep.trust.catalogue import HOUSES, shown_by
from mailkeep.trust.graph import TrustGraph, overridden
from mailkeep.trust.known import Word
from mailkeep.trust.types import PartyKind


def test_parties_are_loaded_with_their_ties() -> None:
    parties = register.load(
        [
            {"id": "sendgrid", "name": "SendGrid", "owned_by": ["twilio"], "runs_on": ["aws"]},
            {"id": "twilio"},
            {"id": "aws"},
        ]
    )
    assert list(parties) == ["sendgrid", "twilio", "aws", "amazon"]  # who owns the last but one
    assert parties["sendgrid"].owned_by == ("twilio",)
    assert parties["sendgrid"].runs_on == ("aws",)
    assert parties["twilio"].relays_via == ()


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([{"id": "a", "owned_bye": ["b"]}], "party a: .*did you mean owned_by?"),
        ([{"id": "resend", "relays_via": ["amazn"]}, {"id": "amazon"}], "did you mean amazon?"),
        ([{"id": "a", "owned_by": ["zzz"]}, {"id": "b"}], "'zzz'; there are a, b"),
        ([{"id": "a"}, {"id": "a"}], "two tables of .*'a'"),
        ([{"id": ""}], "number 1: the id is empty"),
        ([{"name": "Nameless"}], "number 1: .*`id`"),
        ([{"id": "a", "owned_by": "b"}], "party a: Expected `array`"),
        ([{"id": "a", "known": "sendgird"}], "known: no house 'sendgird'; did you mean sendgrid?"),
        ([{"id": "a", "reviewed": "yesterday"}], "reviewed: say a day"),
        ([{"id": "a", "can": ["fly"]}], "can: 'fly' is no capability"),
        ([{"id": "a", "source": "me"}], "source is the catalogue's own"),
        ([{"id": "a", "confirmed": True}], "confirmed is the catalogue's own"),
        # Who would look independent, or like somebody else.
        ([{"id": "a", "kind": "ours"}], "party a: kind: this is set by Mailkeep"),
        ([{"id": "sendgrid", "known": "fastmail"}], "sendgrid is a house of the catalogue itself"),
        ([{"id": "s\u0435ndgrid"}], "id: 1 to 80 of the letters"),
        ([{"id": "one,two"}], "id: 1 to 80 of the letters"),
        ([{"id": "SendGrid"}], "party 'SendGrid': id: say 'sendgrid'"),
        ([{"id": "Agency"}, {"id": "agency"}], "party 'agency': id: say 'Agency'"),
        ([{"id": "a" * 81}], "id: 1 to 80 of the letters"),
        ([{"id": "a", "name": "diov\u202eerp"}], "party a: name: .* can be seen"),
        ([{"id": "a", "name": "a\u200bb"}], "party a: name: .* can be seen"),
        ([{"id": "a", "name": "n" * 201}], "party a: name: at most 200"),
        ([{"id": "a", "serves": ["*"]}], "serves: '\\*' is no domain"),
        ([{"id": "a", "serves": ["b\u00fccher.example"]}], "is no domain in ASCII"),
        ([{"id": f"p{n}"} for n in range(1001)], "there are over 1000"),
        (
            [{"id": "a", "runs_on": [f"p{n}" for n in range(10_001)]}],
            "there are over 10000 ties",
        ),
        (
            [{"id": "a", "serves": [f"d{n}.example" for n in range(2001)]}],
            "over 2000 domains are served",
        ),
        ([{"id": "a", "kind": "mial"}], "party a: Invalid enum value"),
        (
            [{"id": "a", "independent": [{"of": "b", "reason": "a good one", "until": "soon"}]}],
            "until: say a day",
        ),
        (
            [{"id": "a", "independent": [{"of": "b", "reason": "-", "until": "2027-01-01"}]}],
            "independent of b: say the reason",
        ),
        (
            [
                {
                    "id": "a",
                    "owned_by": ["b"],
                    "independent": [{"of": "c", "reason": "a good one", "until": "2027-01-01"}],
                },
                {"id": "b"},
            ],
            "it has no tie to 'c'",
        ),
    ],
)
def test_a_wrong_table_is_refused(tables: list[dict[str, object]], words: str) -> None:
    with pytest.raises(BadSettings, match=words.replace("?", r"\?")):
        register.load(tables)


@pytest.mark.check("ASVS 13.1.1")
def test_a_party_is_required_by_whoever_names_it() -> None:
    parties = register.load([{"id": "mailgun"}])
    assert register.require(parties, "mailgun", where="provider one").id == "mailgun"
    with pytest.raises(BadSettings, match=r"provider one: .*did you mean mailgun"):
        register.require(parties, "mailgum", where="provider one")
    with pytest.raises(BadSettings, match="there are none"):
        register.require({}, "mailgum", where="provider one")


def test_a_house_of_the_catalogue_brings_its_owner() -> None:
    parties = register.load([{"id": "sendgrid"}, {"id": "texts", "known": "twilio-sms"}])
    assert parties["sendgrid"].owned_by == ("twilio",)
    assert parties["texts"].owned_by == ("twilio", "twilio-sms")
    assert parties["texts"].kind is PartyKind.SMS
    assert parties["sendgrid"].source.startswith("https://")
    assert parties["sendgrid"].source.endswith("(2026-11-29)")
    assert "twilio" in parties
    assert not TrustGraph(parties).independent({"sendgrid"}, {"texts"}).ok


def test_what_a_reseller_carries_its_relay_reads() -> None:
    parties = register.load([{"id": "resend"}, {"id": "amazon-ses"}])
    assert TrustGraph(parties).independent({"resend"}, {"amazon-ses"}).shared == (
        "amazon",
        "amazon-ses",
    )


def test_an_override_counts_until_its_day_and_never_without_a_calendar() -> None:
    override = {"of": "twilio", "reason": "sold to others in 2026", "until": "2027-06-30"}
    parties = register.load([{"id": "sendgrid", "independent": [override]}, {"id": "twilio-sms"}])
    sides = ({"sendgrid"}, {"twilio-sms"})
    day = ["2026-11-28"]
    graph = TrustGraph(parties, lambda: day[0])
    assert graph.independent(*sides).ok
    day[0] = "2027-06-30"
    assert graph.independent(*sides).shared == ("twilio",)
    assert not TrustGraph(parties).independent(*sides).ok


#: Where houses and their owners speak for themselves.
THEIRS = (
    *("twilio.com", "mailchimp.com", "activecampaign.com", "aws.amazon.com", "mailgun.com"),
    *("sinch.com", "resend.com", "bird.com", "google.com", "cloudflare.com", "ibm.com"),
    *("dnsimple.com", "fastly.com", "fastmail.help", "zendesk.com", "okta.com", "auth0.com"),
    *("proton.me", "namecheap.com"),
    *("github.com/MicrosoftDocs", "microsoft.com", "github.com/SparkPost", "support.sparkpost.com"),
)


def test_each_source_is_of_a_stated_kind_and_was_read_on_a_day() -> None:
    """A blog is nobody's word: it is not confirmed, and says so. Nor are copies in other places."""
    for house in HOUSES.values():
        if house.kind is PartyKind.OWNER:
            continue
        assert date.fromisoformat(house.seen) <= date(2026, 11, 30), house.id
        for source in (house.source, *house.also):
            host, _, path = source.removeprefix("https://").partition("/")
            theirs = any(
                f".{host}".endswith(f".{one}") or f"{host}/{path}".startswith(f"{one}/")
                for one in THEIRS
            )
            assert theirs is house.is_confirmed, (house.id, source)
            assert source in house.party().source
        assert house.party().confirmed is house.is_confirmed
    open_ones = {house.id for house in HOUSES.values() if house.word is Word.OTHERS}
    assert open_ones == {"vonage", "godaddy"}


def test_the_catalogue_is_sound() -> None:
    for house in HOUSES.values():
        assert bool(house.source) == bool(house.seen), house.id
        assert (house.kind is PartyKind.OWNER) is not bool(house.source), house.id
        for other in (*house.owned_by, *house.relays_via, *house.runs_on):
            assert other in HOUSES
        for sign in house.signs:
            assert shown_by(f"x.{sign}." if "." in sign else f"ns-1.{sign}-00.com") is house


@pytest.mark.parametrize(
    ("host", "house"),
    [
        ("u1.wl.sendgrid.net", "sendgrid"),
        ("feedback-smtp.eu-west-1.amazonses.com.", "amazon-ses"),
        ("ns-512.awsdns-00.net", "route53"),
        ("sendgrid.net.evil.example", None),
        ("ns-1.awsdns-64.co.uk", "route53"),
        ("ns1.awsdns-00.evil.example", None),
        ("awsdns.evil.example", None),
        ("ns1.awsdnshosting.example", None),
        ("ns1.dnsimple-edge.net", "dnsimple"),
        ("login.microsoftonline.com", "microsoft-365"),
        ("eu.spgo.io", "sparkpost"),
        ("accounts.azurefd.net", "azure"),
        ("acme.okta-emea.com", "okta"),
        ("notsendgrid.net", None),
    ],
)
def test_a_name_shows_its_house(host: str, house: str | None) -> None:
    found = shown_by(host)
    assert (found.id if found else None) == house


def test_a_tie_is_set_aside_for_400_days_at_most() -> None:
    """Until the year 9999 is for ever, and nobody knows for ever that two are not tied."""
    override = {"of": "twilio", "reason": "we were told so by them", "until": "9999-12-31"}
    parties = register.load([{"id": "sendgrid", "independent": [override]}, {"id": "twilio-sms"}])
    sides = ({"sendgrid"}, {"twilio-sms"})
    assert TrustGraph(parties, lambda: "2026-11-28").independent(*sides).shared == ("twilio",)
    assert overridden(parties, "9998-12-01") == {("sendgrid", "twilio")}


def test_who_ties_in_a_circle_is_read_by_everybody_in_it() -> None:
    ring = [{"id": f"p{n}", "owned_by": [f"p{(n + 1) % 50}"]} for n in range(50)]
    ring[7]["administered_by"] = ["p7"]
    graph = TrustGraph(register.load(ring))
    assert len(graph.readers("p0")) == 50
    assert not graph.independent({"p1"}, {"p40"}).ok


def test_one_house_under_two_ids_is_one_house() -> None:
    """Fastmail has no owner in the catalogue: nothing else would tie the two."""
    parties = register.load(
        [{"id": "main", "known": "fastmail"}, {"id": "second", "known": "fastmail"}]
    )
    assert TrustGraph(parties).independent({"main"}, {"second"}).shared == ("fastmail",)

"""Parties from settings: a wrong word is an error that names the nearest right one."""

import pytest

from mailkeep.base.errors import BadSettings
from mailkeep.trust import register


def test_parties_are_loaded_with_their_ties() -> None:
    parties = register.load(
        [
            {"id": "sendgrid", "name": "SendGrid", "owned_by": ["twilio"], "runs_on": ["aws"]},
            {"id": "twilio"},
            {"id": "aws"},
        ]
    )
    assert list(parties) == ["sendgrid", "twilio", "aws"]
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

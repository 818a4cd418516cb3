"""Levels of adoption: what may stand in the settings, what the doctor says, what detectors see."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from mailkeep.accounts import events as accounts
from mailkeep.app import detector_blindness, wiring_observation, wiring_trust
from mailkeep.app.doctor import adoption
from mailkeep.app.doctor.adoption import copied, detectors, heard, promises, rehearsal
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.doctor.ways import canaries
from mailkeep.app.settings import parse
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.mail.events import FailedOver
from mailkeep.posture import visibility
from mailkeep.posture.whatif import Model
from mailkeep.providers.posture.types import AccountConfig
from mailkeep.providers.types import ProviderConfig
from mailkeep.recovery import events as recovery
from mailkeep.recovery.rehearsed import Rehearsed
from mailkeep.trust import register
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.levels import ORDER, PROMISES, SEES, Level, at
from mailkeep.watch.report_types import LATE

PROVIDER = {"name": "a", "kind": "postmark", "party": "p", "webhook_secret": "env:W"}
SENDS = PROVIDER | {"secret": "env:A"}
MANAGED = {"name": "a", "kind": "smtp", "party": "p", "base_url": "smtp://r.example"} | {
    "manager": "env:M",
    "options": {"keys": "sendgrid"},
}
OBSERVES: dict[str, Any] = {
    "level": "observe",
    "party": [{"id": "p"}, {"id": "idp"}],
    "provider": [PROVIDER],
    "stream": [{"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}],
    "journal": {},
}
LOG = {"name": "okta", "kind": "okta", "parties": {"A": "a", "*": "idp"}}
SECRET = {"priority": 0, "routes": [{"provider": "a"}], "secret": True}


def recovers(level: str) -> dict[str, Any]:
    """Settings of a house that knows of recoveries."""
    names = ("recovery", "confirmation", "security")
    streams = [*OBSERVES["stream"], *(SECRET | {"name": name} for name in names)]
    recovery = {"sender": "us@example.com"}
    return OBSERVES | {
        "provider": [SENDS],
        "level": level,
        "stream": streams,
        "recovery": recovery,
    }


CANARY = {"domain": "c.example", "sender": "us@example.com"}


def test_a_house_that_observes_has_no_key_that_sends() -> None:
    assert wiring_observation.level(parse(OBSERVES)) is Level.OBSERVE
    for more, words in (
        ({"provider": [SENDS]}, "provider a: secret: take it out"),
        ({"provider": [MANAGED]}, "provider a: manager: take it out"),
        ({"canary": CANARY}, r"take \[canary\] out; it is for carry"),
        ({"submission": {"listen": "127.0.0.1:2525"}}, r"take \[submission\] out"),
        ({"level": "recover", "provider": [SENDS]}, r"\[recovery\] is missing"),
        ({"level": "all"}, "level"),
        ({"journal": {"patience": 0}}, "journal: patience"),
        ({"journal": {"patiense": 1}}, "did you mean patience?"),
    ):
        with pytest.raises(BadSettings, match=words):
            parse(OBSERVES | more)


COPIES = {"domain": "in.example.com", "senders": ["example.com"]}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"domain": "no domain"}, "is no domain"),
        ({"domain": "In.example.com"}, "lower case"),
        ({"senders": []}, "senders is empty"),
        ({"senders": ["@"]}, "is no domain"),
        ({"providers": ["b"]}, "no provider 'b'"),
        ({"domain": "back.example.com"}, "that of provider a"),
        ({"editions": []}, "numbers from 1"),
        ({"editions": [0]}, "numbers from 1"),
        ({"per_day": 0}, "per_day is 1"),
        ({"certificate": "/x"}, "go together"),
        ({"cleartext": "yes"}, 'is "accepted"'),
        ({"listen": "0.0.0.0:25"}, "no copy could come over TLS"),
        ({"listen": "25"}, "journal.copies: listen must be host:port"),
        ({"sender": "x"}, "did you mean senders?"),
    ],
)
def test_what_is_wrong_with_copies_is_said(more: dict[str, object], words: str) -> None:
    provider = PROVIDER | {"options": {"return_path_domain": "back.example.com"}}
    with pytest.raises(BadSettings) as error:
        parse(OBSERVES | {"provider": [provider], "journal": {"copies": COPIES | more}})
    assert words in str(error.value)
    for good in (
        {},
        {"listen": "127.0.0.1:25"},
        {"listen": "0.0.0.0:25", "cleartext": "accepted"},
        {"listen": "0.0.0.0:25", "certificate": "/c", "private_key": "/k"},
    ):
        parse(OBSERVES | {"journal": {"copies": COPIES | good}})


def test_the_doctor_says_whether_copies_come_and_are_signed() -> None:
    settings = parse(OBSERVES | {"journal": {"copies": COPIES}})

    def said(**facts: object) -> dict[str, State]:
        scene = Scene(Path("/"), settings, database=DatabaseFacts(**facts))
        return {one.meaning: one.state for one in copied(scene)}

    assert said() == {"No copy of mail by a ever came.": State.WARNING}
    assert said(copies={"a": 0.5}) == {"Copies of mail by a come.": State.OK}
    (words,) = said(copies={"a": 3.0})
    assert words == "No copy of mail by a came for 3 days."
    found = said(copies={"a": 0.0}, copies_refused={"unsigned": 7, "known": 9, "none-came": 2})
    refused, none_came = [words for words, state in found.items() if state is State.WARNING]
    assert refused.startswith("7 copies were refused since yesterday: no domain of senders signed")
    assert none_came.startswith("Of 2 events no copy came")


def test_without_a_level_the_tables_say_how_far_it_goes() -> None:
    carries = {name: value for name, value in OBSERVES.items() if name != "level"}
    assert wiring_observation.level(parse(carries | {"provider": [SENDS]})) is Level.CARRY


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ({"kind": "octa"}, "did you mean okta?"),
        ({"parties": {}}, "parties is missing"),
        ({"parties": {"A": "b"}}, "no provider or party 'b'"),
        ({"networks": ["office"]}, "'office' is not a network"),
        ({"networks": ["0.0.0.0/0"]}, "everyone"),
        ({"name": "my log"}, "letters, digits"),
        ({"per_day": 0}, "per_day"),
        ({"kinds": "x"}, "did you mean kind?"),
    ],
)
def test_what_is_wrong_with_a_log_is_said(log: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as error:
        parse(OBSERVES | {"console_log": [LOG | log]})
    assert words in str(error.value)


def test_two_logs_of_one_name_are_refused() -> None:
    with pytest.raises(BadSettings, match="two tables"):
        parse(OBSERVES | {"console_log": [LOG, LOG]})


def test_a_log_makes_sign_ins_of_its_parties_seen() -> None:
    parties = register.load([{"id": "p"}, {"id": "idp"}]).values()
    for settings, seen in (
        (OBSERVES, {("p", "sign-in"): False, ("idp", "sign-in"): False}),
        (
            OBSERVES | {"console_log": [LOG]},
            {("p", "sign-in"): True, ("idp", "sign-in"): True, ("idp", "setting change"): True},
        ),
    ):
        house = wiring_trust.house(parse(settings))
        sights = visibility.visible(house, parties)
        found = {(one.party, one.act.value): one.seen for one in sights}
        assert {key: found[key] for key in seen} == seen
    assert not house.watchers["console_sign_in"].off


def test_the_doctor_says_what_does_not_hold_and_the_next_step() -> None:
    scene = Scene(Path("/"), parse(OBSERVES))
    said = promises(scene)
    assert {one.state for one in said} == {State.WARNING}
    assert all('level = "carry"' in one.next for one in said)
    assert not any("below" in one.meaning for one in said)  # no table follows there
    (blind,) = detectors(scene)
    assert "dmarc_stranger" in blind.meaning
    assert "delivery_silence" not in blind.meaning
    bare = {name: value for name, value in OBSERVES.items() if name != "journal"}
    (blind,) = detectors(Scene(Path("/"), parse(bare)))
    assert "delivery_silence: no [journal] is kept" in blind.meaning
    assert blind.next.startswith("add [journal]")
    deaf = OBSERVES | {"provider": [{"name": "a", "kind": "postmark", "party": "p"}]}
    (blind,) = detectors(Scene(Path("/"), parse(deaf)))
    assert blind.next.startswith("copy a provider's webhooks")


def _off(more: dict[str, Any], base: dict[str, Any] = OBSERVES) -> dict[str, str]:
    return {name: one.off for name, one in wiring_trust.watchers(parse(base | more)).items()}


def test_each_detector_has_a_rule_by_which_it_is_blind_or_is_never() -> None:
    """A new one without would pass for seeing in every house."""
    assert set(SEES) == detector_blindness.RULES.keys() | detector_blindness.ALWAYS
    assert not detector_blindness.RULES.keys() & detector_blindness.ALWAYS
    assert set(adoption.BY_HOOKS) <= detector_blindness.RULES.keys()
    house = wiring_trust.house(parse(OBSERVES))
    seeing = {name for name, one in house.watchers.items() if not one.off}
    assert seeing == {"delivery_silence", "unknown_message", "accepted_not_delivered"}
    assert seeing <= set(at(Level.OBSERVE))


ACCOUNT = {"name": "a", "account_secret": "env:A"}
MAILBOX = {
    "address": "c@mail.example",
    "imap": {"host": "imap.mail.example", "secret": "env:I", "trust": "mail.example"},
}


@pytest.mark.parametrize(
    ("detector", "base", "lacks", "has"),
    [
        # Postmark tells its totals to a server's token, and not to the account's.
        (
            "volume_mismatch",
            OBSERVES,
            {"posture": {"account": [ACCOUNT]}},
            {"posture": {"account": [ACCOUNT | {"secret": "env:A"}]}},
        ),
        (
            "unknown_message",
            OBSERVES,
            {"provider": [{"name": "a", "kind": "postmark", "party": "p"}]},
            {},
        ),
        ("accepted_not_delivered", OBSERVES, {"journal": None}, {}),
        (
            "decoy_shown",
            recovers("recover"),
            {"canary": CANARY | {"decoys": 0}},
            {"canary": CANARY},
        ),
        ("decoy_shown", recovers("recover"), {}, {"canary": CANARY}),
        (
            "authentication_lost",
            recovers("recover"),
            {"canary": CANARY},
            {"canary": CANARY | {"mailbox": [MAILBOX]}},
        ),
        ("abuse_report", OBSERVES, {}, {"reports": {"abuse": "abuse@in.example"}}),
    ],
)
def test_what_is_blind_says_why(
    detector: str, base: dict[str, Any], lacks: dict[str, Any], has: dict[str, Any]
) -> None:
    lacking = {name: value for name, value in (base | lacks).items() if value is not None}
    assert _off({}, lacking)[detector]
    assert _off(has, base)[detector] == ""


def test_reports_that_somebody_brings_by_api_are_seen_while_they_keep_coming() -> None:
    """No setting says that they are brought, so what came says it; one kind not for another."""
    settings = parse(OBSERVES)
    for detector, kind in detector_blindness.BROUGHT.items():
        assert detector_blindness.reasons(settings)[detector] in {
            detector_blindness.REPORTS,
            detector_blindness.ABUSE,
        }
        assert detector_blindness.reasons(settings, {kind: LATE[kind]})[detector] == ""
        late = detector_blindness.reasons(settings, {kind: LATE[kind] + 1})[detector]
        assert late == f"no report of it was brought in for {LATE[kind] + 1:.0f} days"
        others = {one: 0.0 for one in LATE if one != kind}
        assert detector_blindness.reasons(settings, others)[detector]
    # Where they come by mail the settings say so, and a provider's own word nobody can bring.
    by_mail = parse(OBSERVES | {"reports": {"address": "dmarc@in.example"}})
    assert detector_blindness.reasons(by_mail, {"dmarc": 90.0})["dmarc_stranger"] == ""
    assert (
        detector_blindness.reasons(settings, dict.fromkeys(LATE, 0.0))["provider_notice"]
        == detector_blindness.REPORTS
    )


def test_the_doctor_says_when_nobody_brings_reports_any_more() -> None:
    def said(**last: float) -> tuple[str, str]:
        facts = DatabaseFacts(reports=last)
        (found,) = detectors(Scene(Path("/"), parse(OBSERVES), database=facts))
        return found.meaning, found.next

    assert "dmarc_stranger" not in said(dmarc=1.5)[0]
    meaning, step = said(dmarc=9.3)
    assert "dmarc_stranger: no report of it was brought in for 9 days" in meaning
    assert "POST /v1/reports" in step


def test_the_chain_of_trust_counts_on_reports_that_are_brought() -> None:
    house = wiring_trust.house(parse(OBSERVES))
    there = wiring_trust.supposed(house, "2026-11-29")
    assert there.house.watchers["dmarc_stranger"].off
    live = msgspec.structs.replace(there.live, brought=frozenset({"dmarc"}))
    seeing = Model(house, live, there.world).house.watchers
    assert not seeing["dmarc_stranger"].off
    assert seeing["tls_report"].off
    by_mail = parse(OBSERVES | {"reports": {"address": "dmarc@in.example"}})
    assert not wiring_trust.watchers(by_mail)["dmarc_stranger"].brought


def test_a_house_without_accounts_sees_none_taken_over() -> None:
    off = _off({})
    assert off["takeover_pattern"] == off["reset_surge"] == detector_blindness.ACCOUNTS
    assert off["provider_refusal"] == "it sees nothing before the level carry"


def test_nobody_asks_for_totals_with_a_key_that_is_not_there() -> None:
    """Written first: with the account token alone, as the how-to has it, each asking failed."""
    settings = parse(OBSERVES | {"posture": {"account": [ACCOUNT]}})
    config = ProviderConfig("a", "postmark", "", Secret(""), None, None, {}, "p")
    read = {"a": AccountConfig("a", "postmark", "", Secret(""), Secret("token"))}
    assert wiring_observation.counted(settings, {"a": config}, read) == {}
    read = {"a": msgspec.structs.replace(read["a"], secret=Secret("server"))}
    (asked,) = wiring_observation.counted(settings, {"a": config}, read).values()
    assert asked.secret.reveal() == "server"


def test_the_doctor_names_the_providers_whose_webhooks_are_not_read() -> None:
    relay = {"name": "ses", "kind": "smtp", "party": "p"}
    (said,) = detectors(Scene(Path("/"), parse(OBSERVES | {"provider": [PROVIDER, relay]})))
    assert "No webhooks of ses are read, so delivery_silence, unknown_message" in said.meaning
    assert said.next.startswith("a relay tells nothing here")
    sends = relay | {"base_url": "smtp://r.example"}
    carries = OBSERVES | {"level": "carry", "provider": [SENDS, sends]}
    (said,) = detectors(Scene(Path("/"), parse(carries)))
    assert said.next.startswith("add [canary]")
    (said,) = detectors(Scene(Path("/"), parse(carries | {"canary": CANARY})))
    assert "so unknown_message, accepted_not_delivered see nothing of it" in said.meaning
    other = {"name": "b", "kind": "postmark", "party": "p"}
    settings = parse(OBSERVES | {"provider": [PROVIDER, other]})
    (said,) = detectors(Scene(Path("/"), settings))
    assert said.next.startswith("copy the webhooks of b")
    # Who uses our key there shows by mail that we never sent: where its webhooks are read.
    two = parse(OBSERVES | {"provider": [PROVIDER, relay | {"party": "idp"}]})
    parties = register.load([{"id": "p"}, {"id": "idp"}]).values()
    sights = visibility.visible(wiring_trust.house(two), parties)
    uses = {one.party: one.seen for one in sights if one.act is visibility.Act.KEY_USE}
    assert uses == {"p": True, "idp": False}


def test_the_doctor_asks_for_no_canary_where_none_may_be_sent() -> None:
    (said,) = canaries(Scene(Path("/"), parse(OBSERVES)))
    assert (said.state, said.next) == (State.NOT_CHECKED, "")
    carries = {name: value for name, value in OBSERVES.items() if name != "level"}
    (said,) = canaries(Scene(Path("/"), parse(carries | {"provider": [SENDS]})))
    assert said.state is State.WARNING
    assert "[canary]" in said.next


def test_the_doctor_says_that_a_log_has_stopped() -> None:
    settings = parse(OBSERVES | {"console_log": [LOG]})
    for logs, state in (
        ({}, State.WARNING),
        ({"okta": 20.0}, State.WARNING),
        ({"okta": 1.0}, State.OK),
    ):
        (said,) = heard(Scene(Path("/"), settings, database=DatabaseFacts(logs=logs)))
        assert (said.state, said.about) == (state, "okta")
    full = DatabaseFacts(logs={"okta": 1.0}, full={"okta": "change"})
    (said,) = heard(Scene(Path("/"), settings, database=full))
    assert said.state is State.WARNING
    assert "change" in said.meaning
    (said,) = heard(Scene(Path("/"), parse(OBSERVES)))
    assert said.state is State.NOT_CHECKED


def test_every_detector_has_its_level_and_needs_nothing_of_a_later_one() -> None:
    assert list(SEES) == [one.name for one in DETECTORS] or set(SEES) == {
        one.name for one in DETECTORS
    }
    assert set(PROMISES) == set(ORDER) == set(Level)
    later = {CanaryArrived, CanarySent, FailedOver}
    people = {
        one
        for module in (accounts, recovery)
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
    }
    for one in DETECTORS:
        level = SEES[one.name].level
        if one.hears and level is Level.OBSERVE:
            assert not set(one.hears) <= later | people, one.name
        if one.hears and level is Level.CARRY:
            assert not set(one.hears) <= people, one.name
        if one.hears and level is Level.RECOVER and one.name != "support_claim":
            assert set(one.hears) & people, one.name
    sees = [set(at(level)) for level in ORDER]
    assert sees[0] < sees[1] < sees[2] < sees[3] == sees[4] == set(SEES)


@pytest.mark.parametrize("level", ["rehearse", "share", "recover"])
def test_recoveries_are_known_from_the_level_at_which_they_are_rehearsed(level: str) -> None:
    carries = OBSERVES | {"provider": [SENDS], "level": level}
    with pytest.raises(BadSettings, match=rf"level {level}: \[recovery\] is missing"):
        parse(carries)
    settings = parse(recovers(level))
    assert wiring_observation.level(settings) is Level(level)
    assert (
        wiring_observation.reach(settings).value
        == {
            "rehearse": "nobody",
            "share": "share",
            "recover": "everybody",
        }[level]
    )
    with pytest.raises(BadSettings, match=r"take \[recovery\] out; it is for rehearse"):
        parse(recovers("carry"))


def test_the_doctor_says_how_many_are_recovered_here() -> None:
    facts = DatabaseFacts(shares={"Shop": 25, "Blog": 100})
    said = promises(Scene(Path("/"), parse(recovers("share")), database=facts))
    assert said[0].meaning.endswith("recovered here: Blog 100%, Shop 25%.")
    assert "raise the shares" in said[0].next
    assert said[1].meaning.endswith(
        "in part: " + PROMISES[Level.SHARE][0].removeprefix("in part: ") + "."
    )
    said = promises(Scene(Path("/"), parse(recovers("rehearse")), database=facts))
    assert "resets are rehearsed here" in said[0].meaning
    assert "mailkeep applications share" in said[0].next


def test_the_doctor_says_what_would_have_become_of_the_resets() -> None:
    settings = parse(recovers("rehearse"))

    def look(facts: DatabaseFacts) -> list[tuple[State, str, str]]:
        found = rehearsal(Scene(Path("/"), settings, database=facts))
        return [(one.state, one.meaning, one.next) for one in found]

    ((state, words, step),) = look(DatabaseFacts())
    assert (state, "POST /v1/resets" in step) == (State.WARNING, True)
    found = Rehearsed(412, at_once=380, held=20, waits=9, not_registered=3, longest=3600 * SECOND)
    found = msgspec.structs.replace(found, reasons={"factor": 20}, why={"one_route": 9})
    ((state, words, step),) = look(DatabaseFacts(resets=found))
    assert words == (
        "In the last week, of 412 resets 380 would have gone through at once, 20 held for up to 1 h"
        " (a factor was added of late: 20), 9 waited for a second route, 3 not registered."
    )
    assert (state, step.startswith("register these users")) == (State.WARNING, True)
    ((state, words, step),) = look(DatabaseFacts(resets=Rehearsed(2, at_once=2)))
    assert (state, step) == (State.OK, "")
    (full, _) = look(DatabaseFacts(resets=found, resets_full=("Shop",)))
    assert "Shop told of as many resets today as are kept" in full[1]
    (said,) = rehearsal(Scene(Path("/"), parse(OBSERVES)))
    assert said.state is State.NOT_CHECKED


@pytest.fixture
def script() -> ModuleType:
    path = Path(__file__).parents[3] / "scripts" / "detectors_page.py"
    spec = importlib.util.spec_from_file_location("detectors_page", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_page_shows_the_levels(script: ModuleType) -> None:
    page = script.page()
    assert "## At which level each sees" in page
    for name in SEES:
        assert f"| [`{name}`](#{name}) | " in page

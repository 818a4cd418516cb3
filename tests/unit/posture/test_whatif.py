"""What falls with whom in a house of two providers, one administrator and a CDN."""

import ast
import importlib
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailkeep.accounts.classes import Classes
from mailkeep.base.errors import BadSettings, NotFound
from mailkeep.mail.types import RouteSettings, StreamSettings
from mailkeep.posture import changes, markdown, scene, words
from mailkeep.posture.model import ASSETS, ThreatModel, difference, written
from mailkeep.posture.threat_types import STRIDE
from mailkeep.posture.threats import THREATS
from mailkeep.posture.types import (
    Accepted,
    Change,
    How,
    Live,
    Provider,
    TrustConfiguration,
    TrustSettings,
    Watcher,
    check,
)
from mailkeep.posture.whatif import Model, failing
from mailkeep.providers import registry
from mailkeep.recovery.types import RecoverySettings, WhenAlone
from mailkeep.trust import register
from mailkeep.trust.rules import RULES
from mailkeep.trust.world import Group, Key
from mailkeep.watch.detectors.catalogue import DETECTORS

from .crowd import large

ROOT = Path(__file__).parents[3]
TODAY = "2026-11-28"
BOTH = (RouteSettings("main"), RouteSettings("second"))
STREAMS = {
    "recovery": StreamSettings("recovery", 0, BOTH, secret=True),
    "confirmation": StreamSettings("confirmation", 1, BOTH, secret=True),
    "security": StreamSettings("security", 1, BOTH),
    "bulk": StreamSettings("bulk", 9, BOTH[:1]),
    "resets-of-the-shop": StreamSettings("resets-of-the-shop", 1, BOTH[1:], secret=True),
}
PARTIES: list[dict[str, object]] = [
    {"id": "one", "name": "Post One", "kind": "mail", "administered_by": ["alice"]},
    {"id": "two", "name": "Post Two", "kind": "mail"},
    {"id": "alice", "kind": "person"},
    {"id": "gmail", "kind": "mailbox", "serves": ["gmail.com"]},
    {"id": "front", "kind": "cdn", "serves": ["example.com"]},
]
GROUPS = (
    Group("customer", "none", "gmail.com", accounts=40),
    Group("customer", "none", "*", accounts=60),
    Group("customer", "totp", "*", accounts=7),
    Group("staff", "none", "*", held=3600.0, accounts=3),
)
#: Of the 50 that ``second`` was given, ``main`` had 30 before.
GIVEN = (("main", "", 90), ("second", "", 20), ("second", "main", 30))
LIVE = Live(TODAY, frozenset({"main", "second"}), GROUPS, given=GIVEN)


def house(*more: dict[str, object], settings: TrustSettings | None = None) -> TrustConfiguration:
    return TrustConfiguration(
        register.load([*PARTIES, *more]),
        (Provider("main", "mandrill", "one"), Provider("second", "postmark", "two")),
        STREAMS,
        RecoverySettings(),
        Classes(),
        ("example.com",),
        "accounts.example.com",
        {"half_proof": Watcher("half_proof", "45 seconds"), "honey_hit": Watcher("x", "", "off")},
        ("Cut the provider off",),
        settings=settings or TrustSettings(),
    )


def model(known: TrustConfiguration | None = None, live: Live = LIVE) -> Model:
    known = known or house()
    return Model(known, live, scene.world(known, live))


def test_one_provider_takes_nobody_and_is_seen_through() -> None:
    fall = model().fall(["one"])
    assert (fall.now, fall.held, fall.caught) == (0, 0, 0)
    assert fall.exposed == 90
    assert {one.stream: (one.left, one.stops) for one in fall.streams} == {
        "recovery": (("second",), False),
        "confirmation": (("second",), False),
        "security": (("second",), False),
        "bulk": ((), True),
    }
    assert fall.routes_left == ()
    assert "wait until a second one is back" in fall.recovery
    read = next(one for one in fall.seen if one.act == "read")
    assert [one.name for one in read.watchers] == ["half_proof"]
    assert fall.playbook == ("Cut the provider off",)
    assert any(one.says == "reads mail of recovery that goes through main" for one in fall.gained)


def test_who_has_two_providers_is_shown_each_customer_once() -> None:
    known = model(house({"id": "mailkeep.backups"}))
    assert [known.fall([one]).exposed for one in ("one", "two")] == [90, 50]
    assert known.fall(["one", "two"]).exposed == 110
    ranked = {one.party: one.exposed for one in known.ranked()}
    assert (ranked["two"], ranked["mailkeep.backups"]) == (50, 110)


def test_two_providers_together_take_who_has_no_factor() -> None:
    fall = model().fall(["one", "two"])
    # Who reads both keeps the notices back too, so that nobody hears of the hold.
    assert (fall.now, fall.held) == (103, 0)
    assert {one.factor for one in fall.accounts} == {"none"}
    taken = next(one for one in fall.accounts if one.mailbox == "*")
    assert taken.path[-1] == "whoever reads both proofs resets the password"


def test_a_mail_that_opens_something_alone_is_said() -> None:
    words_of = {one.word for one in model().fall(["two"]).gained}
    assert "open:resets-of-the-shop" in words_of
    assert not {"open:recovery", "open:confirmation"} & words_of


def test_a_customers_own_mailbox_provider_is_told_apart() -> None:
    points = model().single_points()
    gmail = [one for one in points if one.party == "gmail"]
    assert [(one.how, one.accounts, one.customers) for one in gmail] == [(How.TAKE, 40, True)]
    assert failing(points) == []
    assert {one.party for one in failing(points, catching=True)} == {"front"}


def test_a_mailbox_provider_is_excused_for_its_customers_mailboxes_and_nothing_else() -> None:
    corner = {"id": "keeper", "kind": "mailbox", "serves": ["corner.example"]}
    groups = (
        Group("staff", "none", "corner.example", accounts=2),
        Group("customer", "none", "corner.example", accounts=5),
    )
    live = msgspec.structs.replace(LIVE, groups=groups)
    bad = failing(model(house(corner), live).single_points())
    assert {(one.party, one.account_class) for one in bad} == {("keeper", "staff")}
    # It also runs the machines beneath us: the mailboxes are no excuse for that.
    beneath = {"id": "mailkeep", "runs_on": ["keeper"]}
    bad = failing(model(house(corner, beneath), live).single_points())
    assert {(one.party, one.account_class) for one in bad} == {
        ("keeper", "staff"),
        ("keeper", "customer"),
    }


def test_who_administers_both_is_a_single_point_until_somebody_bears_it() -> None:
    both = {"id": "mailkeep", "administered_by": ["alice"]}
    bad = failing(model(house(both)).single_points())
    assert {one.party for one in bad} == {"alice"}
    assert bad[0].path == (
        "alice holds admin accounts or keys of Mailkeep's process",
        "the process writes passwords and reads secrets",
    )
    borne = TrustSettings((Accepted("alice", "she founded the house", "2027-01-01"),))
    assert failing(model(house(both, settings=borne)).single_points()) == []
    later = msgspec.structs.replace(LIVE, today="2027-01-01")
    assert failing(model(house(both, settings=borne), later).single_points())
    for_ever = TrustSettings((Accepted("alice", "she founded the house", "9999-01-01"),))
    made = model(house(both, settings=for_ever))
    assert failing(made.single_points())
    assert "too far off" in written(made).overrides[0]


def test_our_own_process_and_keys_are_ranked_with_the_others() -> None:
    key = Key("key:shop", ("operate",))
    ranked = model(live=msgspec.structs.replace(LIVE, keys=(key,))).ranked()
    first = ranked[0]
    assert (first.party, first.now, first.ours) == ("mailkeep", 110, True)
    operate = next(one for one in ranked if one.party == "key:shop")
    assert set(operate.stops) == set(STREAMS)
    assert next(one for one in ranked if one.party == "mailkeep.backups").now == 0
    assert next(one for one in ranked if one.party == "mailkeep.database").now == 110


def test_who_signs_operators_in_is_every_operator() -> None:
    known = msgspec.structs.replace(house(), sign_on="login.example.net")
    live = msgspec.structs.replace(LIVE, operators=("operator:op_1",))
    made = model(known, live)
    fall = made.fall(["operators.sign-on"])
    assert all(one.stops for one in fall.streams)
    assert "party:operator:op_1" in made.engine.reach(["operators.sign-on"])
    one = made.fall(["operator:op_1"])
    assert {gained.word for gained in one.gained} == {
        "operate",
        *(f"stop:{stream}" for stream in STREAMS),
    }
    assert (one.now, one.held, one.exposed) == (0, 0, 0)  # operators never learn a secret
    assert [g.path for g in one.gained if g.word == "operate"] == [
        ("Operator op_1 may act as an operator",)
    ]
    assert "operators.sign-on" not in model().world.parties


def test_the_smallest_sets_of_a_class() -> None:
    found = {(one.account_class, one.factor, one.how): one for one in model().smallest()}
    customer = found["customer", "none", How.TAKE]
    assert (customer.size, customer.sets) == (1, (("gmail",),))
    staff = found["staff", "none", How.TAKE]
    assert staff.sets == (("alice", "two"), ("one", "two"))
    assert found["customer", "totp", How.TAKE].size == 0


def test_changes_are_ranked_by_what_they_leave() -> None:
    known = house({"id": "mailkeep", "administered_by": ["alice"]})
    degrading = msgspec.structs.replace(
        known, recovery=RecoverySettings(when_alone=WhenAlone.DEGRADE)
    )
    made = model(degrading)
    found = changes.ranked(made.world, TODAY)
    assert found[0].what == "give Mailkeep's process administrators of its own instead of alice"
    assert found[0].single_after < found[0].single_before
    assert any("a second factor for the 100 accounts of class customer" in c.what for c in found)
    order = [(one.single_after, one.pairs_after) for one in found]
    assert order == sorted(order)


def test_a_provider_that_is_cut_off_carries_nothing_and_keeps_what_it_was_given() -> None:
    cut = msgspec.structs.replace(LIVE, standing=frozenset({"second"}))
    fall = model(live=cut).fall(["one"])
    assert not [one for one in fall.gained if words.verb(one.word) in {"read", "drop"}]
    # Until its key is taken out of DNS it signs as us, and the addresses it will always know.
    assert {one.word for one in fall.gained} == {"send:example.com", "list:main"}
    assert fall.exposed == 90


def test_who_holds_no_key_and_no_place_in_spf_cannot_send_as_us() -> None:
    known = house()
    signed = msgspec.structs.replace(
        known,
        providers=(
            msgspec.structs.replace(known.providers[0], domains=()),
            msgspec.structs.replace(known.providers[1], domains=(), returns=("example.com",)),
        ),
    )
    made = model(signed)
    assert "send:example.com" not in {one.word for one in made.fall(["one"]).gained}
    (sends,) = [one for one in made.fall(["two"]).gained if one.word == "send:example.com"]
    assert sends.path[-1] == (
        "mail from the servers of Post Two passes as this domain: bounces of it come to them"
    )


def test_own_dkim_is_a_change_that_takes_names_away_and_nothing_else() -> None:
    found = {one.what: one for one in changes.ranked(model().world, TODAY)}
    (own,) = [one for what, one in found.items() if what.startswith("own DKIM at main")]
    assert own.why == "Post One could no longer send as example.com"
    assert (own.single_after, own.pairs_after) == (own.single_before, own.pairs_before)
    assert own.names_after == own.names_before - 2  # Post One, and alice who administers it


def test_text_messages_are_advised_only_where_a_module_sends_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lone = msgspec.structs.replace(
        house(),
        recovery=RecoverySettings(when_alone=WhenAlone.DEGRADE),
        providers=house().providers[:1],
    )
    live = msgspec.structs.replace(LIVE, standing=frozenset({"main"}))
    advised = "a provider of text messages of another party for recovery"

    def found() -> dict[str, Change]:
        return {one.what: one for one in changes.ranked(model(lone, live).world, TODAY)}

    assert advised not in found()
    monkeypatch.setattr(registry, "texting", lambda: True)
    texts = found()[advised]
    assert texts.single_after < texts.single_before


@pytest.mark.parametrize("kind", ["smtp", "mandrill", "some-bridge"])
def test_a_relay_carries_no_text_messages_whatever_its_party_is_called(kind: str) -> None:
    """Both proofs are mailed: who has the mailbox has both, and nothing passes for a telephone."""
    parties = [PARTIES[0], {**PARTIES[1], "kind": "sms"}, *PARTIES[2:]]
    providers = (Provider("main", "mandrill", "one"), Provider("second", kind, "two"))
    known = msgspec.structs.replace(house(), parties=register.load(parties), providers=providers)
    assert not [one for one in model(known).world.carriers if one.texts]
    assert model(known).world.mailed()
    assert model(known).fall(["gmail"]).now == 40


def test_a_kind_that_sends_text_messages_is_no_mailbox() -> None:
    providers = (
        Provider("main", "mandrill", "one"),
        Provider("second", "texts", "two", texts=True),
    )
    known = msgspec.structs.replace(house(), providers=providers)
    assert model(known).fall(["gmail"]).now == 0


def test_in_a_large_house_few_ties_are_tried() -> None:
    """What would help is asked for by anybody who may look; 3,000 ties are not tried each."""
    world = msgspec.structs.replace(
        large(120, 700),
        proofs="recovery",
        notices="bulk",
        pairs=(("c0", "c1"),),
        groups=(Group("customer", "none", "*", accounts=5),),
    )
    tried: list[str] = []
    found = changes._found(world, 1)
    for what, _, _ in changes._candidates(world, TODAY, found):
        tried.append(what)
    assert len(tried) <= changes.TRIED + 12


def test_an_unknown_party_is_named_with_the_nearest_one() -> None:
    with pytest.raises(NotFound, match="did you mean alice"):
        model().fall(["alise"])


def test_the_threat_model_is_written_from_the_system() -> None:
    made = written(model())
    text = markdown.page(made)
    for section in ("Assets", "Parties", "Boundaries", "Threats", "Single points", "Blind spots"):
        assert f"\n## {section}\n" in text
    assert "**off**: not asked of class" not in text  # every class asks for a factor
    read = next(one for one in made.threats if one.id == "reset-read")
    assert "two" not in read.parties
    assert [one.off for one in read.answers][2] == ""
    assert next(one for one in made.threats if one.id == "addresses").answers[1].off == "off"
    assert "honey_hit sees nothing: off" in made.blind or "x sees nothing: off" in made.blind
    assert made == msgspec.json.decode(msgspec.json.encode(made), type=ThreatModel)


def test_what_became_different_is_told_by_section() -> None:
    before, after = written(model()), written(model(house({"id": "new", "kind": "sms"})))
    found = difference(before, after)
    assert found.gone == {}
    assert found.new["parties"] == ("new (sms)",)
    more = msgspec.structs.replace(LIVE, groups=(*GROUPS[1:],))
    assert "single points" in difference(before, written(model(live=more))).gone
    same = msgspec.structs.replace(LIVE, given=(("main", "", 9),))
    assert difference(before, written(model(live=same))).new == {}


def test_names_break_no_table_of_the_page() -> None:
    evil = {"id": "evil", "name": "a | b](https://x.test) <script>"}
    text = markdown.page(written(model(house(evil))))
    assert "<script>" not in text
    assert "| a   b(https://x.test)  script  (evil) |" in text


def test_a_table_of_the_settings_is_named_without_its_brackets() -> None:
    text = markdown.page(
        written(model(house({"id": "new", "name": "no [[honey]] (see [reports])"})))
    )
    assert "| no honey (see reports) (new) |" in text


def test_every_threat_has_a_letter_a_capability_and_tests_that_exist() -> None:
    assert len({one.id for one in THREATS}) == len(THREATS)
    tests: dict[str, set[str]] = {}
    for threat in THREATS:
        assert threat.stride in STRIDE
        assert threat.asset in ASSETS
        assert threat.verbs or threat.ways
        for verb in threat.verbs:
            assert verb in words.VERBS or verb in {how.value for how in How}
        assert set(threat.ways) <= set(RULES)
        for answer in threat.answers:
            assert answer.shown
            for shown in answer.shown:
                path, _, name = shown.partition("::")
                if path not in tests:
                    tree = ast.parse((ROOT / path).read_text())
                    found = ast.FunctionDef, ast.AsyncFunctionDef
                    tests[path] = {one.name for one in ast.walk(tree) if isinstance(one, found)}
                assert name in tests[path], shown


def able(made: ThreatModel, threat: str) -> set[str]:
    return set(next(one for one in made.threats if one.id == threat).parties)


def test_a_threat_names_who_carries_it_out_and_not_whoever_ends_the_same() -> None:
    """The database takes accounts, and reads no mail at a provider."""
    degrading = msgspec.structs.replace(
        house({"id": "both", "kind": "person"}),
        recovery=RecoverySettings(when_alone=WhenAlone.DEGRADE),
    )
    keys = (
        Key("key:shop", ("recover",), application="shop"),
        Key("key:desk", ("operate",)),
    )
    live = msgspec.structs.replace(
        LIVE, groups=(*GROUPS, Group("customer", "none", "*", application="shop")), keys=keys
    )
    made = written(model(degrading, live))
    ours = {"mailkeep", "mailkeep.database", "mailkeep.backups", "mailkeep.keys"}
    assert not able(made, "reset-read") & (ours - {"mailkeep"})
    assert able(made, "reset-read") == {"mailkeep"}  # it has both secrets
    reads_both = house(
        {"id": "secret:main", "administered_by": ["alice"]},
        {"id": "secret:second", "administered_by": ["alice"]},
    )
    alone = msgspec.structs.replace(
        reads_both, recovery=RecoverySettings(when_alone=WhenAlone.DEGRADE)
    )
    assert "alice" in able(written(model(alone)), "reset-read")
    assert able(made, "database") == {"mailkeep.database"}
    assert able(made, "process") == {"mailkeep"}
    assert able(made, "copied") == {"mailkeep.database", "mailkeep.backups"}
    assert able(made, "keys") == {"mailkeep", "mailkeep.keys"}
    assert able(made, "application") == {"front", "mailkeep"}  # it hears both
    assert able(made, "phones") == set()


def test_every_detector_that_is_named_exists_and_tells_its_delay() -> None:
    known = {one.name for one in DETECTORS}
    for names, _ in words.WATCHED.values():
        assert set(names) <= known
    for one in DETECTORS:
        module = importlib.import_module(f"mailkeep.watch.detectors.{one.name}")
        delay = words.delay(module.__doc__ or "")
        assert delay, one.name
        assert "``" not in delay, one.name


def test_who_runs_the_machine_of_the_database_is_a_single_point() -> None:
    known = house({"id": "mailkeep.database", "runs_on": ["rented"]}, {"id": "rented"})
    bad = failing(model(known).single_points())
    assert {(one.party, one.factor) for one in bad} == {("rented", "none"), ("rented", "totp")}


def test_what_rests_still_carries_what_has_no_other_route() -> None:
    live = msgspec.structs.replace(
        LIVE, standing=frozenset({"main"}), resting=frozenset({"second"})
    )
    fall = model(live=live).fall(["two"])
    assert "open:resets-of-the-shop" in {one.word for one in fall.gained}
    left = {one.stream: one for one in fall.streams}
    assert left["resets-of-the-shop"].stops
    assert "recovery" not in left  # no proof is given to one that rests


def test_the_house_at_whose_name_operators_sign_in_is_every_operator() -> None:
    live = msgspec.structs.replace(LIVE, operators=("operator:op_1",))
    okta = msgspec.structs.replace(house(), sign_on="corp.okta.com")
    for one in ("okta", "okta-inc"):
        assert "operate" in {gained.word for gained in model(okta, live).fall([one]).gained}
    # Registered under a name of its own, and behind a name of ours.
    own = house(
        {"id": "idp", "known": "okta"},
        {"id": "names", "kind": "dns", "serves": ["shop.example"]},
        {"id": "operator:op_1", "administered_by": ["alice"]},
    )
    made = model(msgspec.structs.replace(own, sign_on="corp.okta.com"), live)
    assert "operate" in {one.word for one in made.fall(["okta"]).gained}
    here = model(msgspec.structs.replace(own, sign_on="login.shop.example"), live)
    assert "operate" in {one.word for one in here.fall(["names"]).gained}
    # What the register says of an operator counts beside it.
    assert "operate" in {one.word for one in here.fall(["alice"]).gained}


def test_how_large_the_sets_were_that_were_looked_for_is_said() -> None:
    """With two hundred administrators on either side, pairs are too many to list: nobody is told
    that it takes more than three."""
    people = [{"id": f"{side}{n}", "kind": "person"} for side in "ab" for n in range(200)]
    parties = [
        {**PARTIES[0], "administered_by": [f"a{n}" for n in range(200)]},
        {**PARTIES[1], "administered_by": [f"b{n}" for n in range(200)]},
        *PARTIES[2:],
        *people,
    ]
    known = msgspec.structs.replace(house(), parties=register.load(parties))
    found = {(one.account_class, one.factor, one.how): one for one in model(known).smallest()}
    staff = found["staff", "none", How.TAKE]
    assert (staff.size, staff.looked) == (0, 1)
    assert {one.looked for one in model().smallest()} == {3}


def test_two_routes_of_one_house_are_no_answer_to_who_reads_at_it() -> None:
    def off(known: TrustConfiguration) -> str:
        read = next(one for one in written(model(known)).threats if one.id == "reset-read")
        return read.answers[0].off

    assert off(house()) == ""
    both = msgspec.structs.replace(
        house(),
        parties=register.load(
            [{**one, "owned_by": ["holding"]} for one in PARTIES[:2]]
            + PARTIES[2:]
            + [{"id": "holding"}]
        ),
    )
    assert off(both) == "one party reads each two that stand"
    kept = house({"id": "secret:second", "administered_by": ["alice"]})
    assert off(kept) == "one party reads each two that stand"


def test_a_keeper_of_mailboxes_is_not_excused_for_what_it_takes_after_a_hold() -> None:
    """Its customers' mailboxes are theirs; keys that answer for them are not."""
    keys = (Key("key:shop", ("recover",), application="shop"),)
    group = Group("customer", "none", "corner.example", accounts=5, application="shop")
    live = msgspec.structs.replace(LIVE, groups=(group,), keys=keys)
    corner = {"id": "keeper", "kind": "mailbox", "serves": ["corner.example"]}
    ours: list[dict[str, object]] = [
        {"id": one, "administered_by": ["keeper"]} for one in ("key:shop", "client:shop")
    ]

    def bad(*more: dict[str, object]) -> set[str]:
        return {one.party for one in failing(model(house(corner, *more), live).single_points())}

    assert "keeper" not in bad()
    assert "keeper" in bad(*ours)


@pytest.mark.parametrize(
    "wrong",
    [
        {"review": math.nan},
        {"review": math.inf},
        {"review": 1e9},
        {"keep": math.nan},
        {"count_every": math.inf},
        {"accept": (Accepted("alice", "she founded the house", "20270401"),)},
    ],
)
def test_settings_of_which_no_day_can_be_made_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match="trust: "):
        check(TrustSettings(**wrong), house().parties)

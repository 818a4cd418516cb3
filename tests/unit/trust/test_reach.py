"""What follows from what, against an attacker who simply tries everything."""

import random
from itertools import combinations

import msgspec
import pytest

from mailkeep.trust import reach, rules, sets
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import Carrier, Group, Key, Lane, World, pairs, with_custody

from .attacker import Attacker, random_world

WORLDS = 12  # tests/proofs/trust.py tries a thousand


def house(**parties: Party) -> World:
    """Two mail providers, one owner, a DNS host and one group without a factor."""
    known = {
        "one": Party("one", owned_by=("house",)),
        "two": Party("two", relays_via=("relay",)),
        "relay": Party("relay"),
        "house": Party("house"),
        "dns": Party("dns", kind=PartyKind.DNS, serves=("example.com",)),
        **parties,
    }
    carriers = (
        Carrier("a", "one", ("recovery", "security"), ("example.com",)),
        Carrier("b", "two", ("recovery", "security"), ("example.com",)),
    )
    return World(
        known,
        carriers,
        (Lane("recovery", secret=True), Lane("security")),
        (Group("customer", "none", "example.com"), Group("customer", "totp", "*")),
        proofs="recovery",
        notices="security",
        pairs=pairs(carriers, "recovery", TrustGraph(known)),
        site="accounts.example.com",
    )


def test_a_path_is_explained_from_its_beginning() -> None:
    found = reach.Engine(rules.ground(house())).reach(["house"])
    steps = found.path("read:recovery@a", {"one": "Post One", "house": "Holding"})
    assert [step.words for step in steps] == [
        "Holding owns Post One",
        "Post One handles its own mail",
        "mail of this stream goes through Post One",
    ]
    assert [step.head for step in steps] == ["party:one", "carries:one", "read:recovery@a"]


@pytest.mark.parametrize("seed", range(WORLDS))
def test_who_falls_reads_what_the_register_says(seed: int) -> None:
    """That two proofs count as two, and what falls with a party, are judged by the same readers."""
    world = random_world(random.Random(seed))
    tied = {
        name: msgspec.structs.replace(one, kind=PartyKind.MAIL, can=(), serves=())
        for name, one in world.parties.items()
    }
    world = msgspec.structs.replace(world, parties=tied, loosed=frozenset())
    graph, engine = TrustGraph(tied), reach.Engine(list(rules._ties(world)))
    for fallen in tied:
        found = engine.reach([fallen])
        carried = {one for one in tied if f"carries:{one}" in found}
        assert carried == {one for one in tied if fallen in graph.readers(one)}


def test_one_provider_takes_nobody_and_two_together_do() -> None:
    engine = reach.Engine(rules.ground(house()))
    assert "take:customer/none/example.com" not in engine.reach(["house"])
    both = engine.reach(["house", "relay"])
    assert "take:customer/none/example.com" in both
    assert "take:customer/totp/*" not in both  # the second factor stands


def test_who_changes_the_dns_of_a_mailbox_has_it() -> None:
    found = reach.Engine(rules.ground(house())).reach(["dns"])
    assert "take:customer/none/example.com" in found
    assert [one.why for one in found.path("take:customer/none/example.com")] == [
        "names",
        "redirect",
        "mailbox",
    ]
    assert "catch:customer/totp/*" in found  # who signs in on pages of theirs


def test_a_word_that_does_not_follow_has_no_path() -> None:
    found = reach.Engine(rules.ground(house())).reach(["relay"])
    with pytest.raises(KeyError):
        found.path("dns:example.com")


def test_smallest_sets_of_a_group() -> None:
    world = house()
    goal = "take:customer/none/example.com"
    found = sets.smallest(rules.ground(world), [goal], list(world.parties))[goal]
    assert found == [
        frozenset({"dns"}),
        frozenset({"house", "relay"}),
        frozenset({"house", "two"}),
        frozenset({"one", "relay"}),
        frozenset({"one", "two"}),
    ]


def test_sets_that_can_be_listed_are_the_smallest_ones_and_single_parties_always_are() -> None:
    world = house()
    goals = ["take:customer/none/example.com", "take:customer/totp/*"]
    grounded, parties = rules.ground(world), list(world.parties)
    size, found = sets.readable(grounded, goals, parties)
    assert (size, found) == (sets.LARGEST, sets.smallest(grounded, goals, parties))
    many = [
        rules.Rule(f"half:{side}", (f"party:{side}{n}",), "owns")
        for side in "ab"
        for n in range(999)
    ]
    whole = [
        *many,
        rules.Rule("all", ("half:a", "half:b"), "owns"),
        rules.Rule("all", ("party:x",), "owns"),
    ]
    sides = [f"{side}{n}" for side in "ab" for n in range(999)]
    assert sets.readable(whole, ["all"], [*sides, "x"]) == (1, {"all": [frozenset({"x"})]})


def test_a_key_may_send_only_as_what_it_is_bound_to() -> None:
    world = house(key=Party("key", kind=PartyKind.OURS))
    bound = msgspec.structs.replace(world, keys=(Key("key", ("send",), ("news.example.com",)),))
    found = reach.Engine(rules.ground(bound)).reach(["key"])
    assert found.words() == ["carries:key", "party:key", "send:news.example.com"]


def test_an_applications_key_takes_nobody_before_its_client_secret_answers_for_it() -> None:
    groups = (
        Group("customer", "none", "*", application="shop"),
        Group("customer", "kept_there", "*", application="shop"),
        Group("customer", "none", "*", application="other"),
        Group("customer", "none", "*"),
    )
    keys = (
        Key("key", ("recover",), application="shop"),
        Key("reads", ("send", "report"), ("example.com",), application="shop"),
    )
    ours = {one: Party(one, kind=PartyKind.OURS) for one in ("key", "reads", "client:shop")}
    world = msgspec.structs.replace(house(**ours), groups=groups, keys=keys)
    engine = reach.Engine(rules.ground(world))

    def taken(*parties: str) -> list[str]:
        return [one for one in engine.reach(parties).words() if "customer" in one]

    assert taken("key") == taken("client:shop") == taken("reads", "client:shop") == []
    assert taken("key", "client:shop") == ["held:customer/none/*/shop"]


def test_every_rule_has_its_words_and_every_word_its_rule() -> None:
    used: set[str] = set()
    for seed in range(300):
        used |= {one.why for one in rules.ground(random_world(random.Random(seed)))}
    assert used == set(rules.RULES)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_the_rules_say_what_an_attacker_can_do(seed: int) -> None:
    check(random_world(random.Random(seed)), random.Random(seed))


def check(world: World, draw: random.Random) -> None:
    """The same reach for every set of parties, the same smallest sets, and sound paths."""
    grounded = rules.ground(world)
    engine = reach.Engine(grounded)
    attacker = Attacker(world)
    parties = sorted(world.parties)
    goals = [f"{how}:{one.id}" for one in world.groups for how in ("take", "held", "catch")]
    found = sets.smallest(grounded, goals, parties)
    tried: dict[str, list[frozenset[str]]] = {goal: [] for goal in goals}
    for size in range(1, sets.LARGEST + 1):
        for some in combinations(parties, size):
            reached, can = engine.reach(some), attacker.tries(some)
            assert set(reached.words()) == can, some
            for goal in goals:
                if goal in can and not any(one < frozenset(some) for one in tried[goal]):
                    tried[goal].append(frozenset(some))
    assert {goal: set(one) for goal, one in found.items()} == {
        goal: set(one) for goal, one in tried.items()
    }
    some = draw.sample(parties, min(2, len(parties)))
    reached = engine.reach(some)
    for word in reached.words():
        have = {f"party:{one}" for one in some}
        for step in reached.path(word):
            assert set(step.body) <= have
            have.add(step.head)
        assert word in have


@pytest.mark.parametrize("seed", range(WORLDS))
def test_who_sends_as_a_name_is_found_backwards_as_well(seed: int) -> None:
    world = random_world(random.Random(seed))
    grounded = rules.ground(world)
    engine = reach.Engine(grounded)
    for word, found in reach.behind(grounded, ["send:example.com", "send:other.example"]).items():
        able = {one for one in world.parties if word in engine.reach([one])}
        assert able == {one for one in world.parties if f"party:{one}" in found}


def texting(*, degrades: float | None = None) -> World:
    """Links go by the one provider of mail that there is, codes by text message."""
    parties = {
        **house().parties,
        "sms": Party("sms", kind=PartyKind.SMS),
        "operator": Party("operator", can=("phones",)),
    }
    carriers = (
        Carrier("a", "one", ("recovery", "security"), ("example.com",)),
        Carrier("t", "sms", ("recovery",), texts=True),
    )
    return msgspec.structs.replace(
        house(),
        parties=parties,
        carriers=carriers,
        pairs=pairs(carriers, "recovery", TrustGraph(parties)),
        degrades=degrades,
    )


def test_a_text_message_is_half_a_proof_and_its_carrier_a_party_like_any_other() -> None:
    engine = reach.Engine(rules.ground(texting()))
    goal = "take:customer/none/example.com"
    alone = engine.reach(["sms"])
    assert goal not in alone
    assert {"read:recovery@t", "drop:recovery@t", "text:t", "list:t"} <= set(alone.words())
    assert not [one for one in alone.words() if one.startswith("send:")]
    assert goal in engine.reach(["sms", "one"])
    # The mailbox has the link; the code went to the telephone.
    assert goal not in engine.reach(["dns"])
    assert [one.why for one in engine.reach(["dns", "operator"]).path(goal)][-1] == (
        "mailbox_and_phone"
    )
    assert goal not in engine.reach(["operator"])


def test_where_one_route_may_do_the_text_message_is_never_it() -> None:
    engine = reach.Engine(rules.ground(texting(degrades=0.0)))
    goal = "take:customer/none/example.com"
    assert goal not in engine.reach(["sms"])
    # Who has the mailbox only waits until no text message comes.
    assert goal in engine.reach(["dns", "sms"])
    two = (
        Carrier("t", "sms", ("recovery",), texts=True),
        Carrier("u", "two", ("recovery",), texts=True),
    )
    assert pairs(two, "recovery", TrustGraph(texting().parties)) == ()


def below(*, mailbox: str = "staff.example.com") -> World:
    """Mailboxes, and a name that we send as, below the name that the DNS host answers for."""
    keeper = Party("keeper", kind=PartyKind.MAILBOX, serves=("staff.example.com",))
    return msgspec.structs.replace(
        house(keeper=keeper),
        groups=(Group("staff", "none", mailbox),),
        sending=("news.example.com",),
    )


def test_who_answers_for_a_name_answers_for_what_is_below_it() -> None:
    found = reach.Engine(rules.ground(below())).reach(["dns"])
    assert {"send:news.example.com", "mailbox:staff.example.com"} <= set(found.words())
    assert [one.why for one in found.path("take:staff/none/staff.example.com")] == [
        *("names", "above", "redirect", "mailbox"),
    ]
    elsewhere = reach.Engine(rules.ground(below(mailbox="notexample.com"))).reach(["dns"])
    assert "take:staff/none/notexample.com" not in elsewhere


def test_who_answers_for_the_name_of_bounces_signs_as_the_name_in_from() -> None:
    """DMARC is relaxed unless somebody says otherwise: a neighbour's signature passes."""
    bounces = Party("bounces", kind=PartyKind.DNS, serves=("bounce.example.com",))
    other = Party("other", kind=PartyKind.DNS, serves=("bounce.example.net",))
    known = msgspec.structs.replace(house(bounces=bounces, other=other), sending=("example.com",))
    engine = reach.Engine(rules.ground(known))
    found = engine.reach(["bounces"])
    assert "send:example.com" in found
    assert not {"mailbox:example.com", "pages"} & set(found.words())
    assert "send:example.com" not in engine.reach(["other"])


def test_what_rests_carries_all_but_proofs_where_nobody_else_does() -> None:
    known = house()
    one, two = known.carriers
    rests = msgspec.structs.replace(one, stands=False, rests=True)
    world = msgspec.structs.replace(known, carriers=(rests, two), pairs=())
    found = reach.Engine(rules.ground(world)).reach(["one"])
    assert {"read:security@a", "drop:security@a"} <= set(found.words())
    assert "read:recovery@a" not in found
    gone = msgspec.structs.replace(one, stands=False)
    cut = reach.Engine(rules.ground(msgspec.structs.replace(world, carriers=(gone, two))))
    assert not [word for word in cut.reach(["one"]).words() if word.startswith("read:")]


def test_who_stands_before_our_pages_hears_keys_and_operators() -> None:
    front = Party("front", kind=PartyKind.CDN, serves=("example.com",))
    keys = (
        Key("key", ("send",)),
        Key("shop", ("recover",), application="shop"),
        Key("somebody", ("operate",), person=True),
    )
    ours = {
        one: Party(one, kind=PartyKind.OURS) for one in ("key", "shop", "somebody", "client:shop")
    }
    world = msgspec.structs.replace(
        house(front=front, **ours),
        keys=keys,
        lanes=(*house().lanes, Lane("app", secret=True, opens=True)),
        groups=(Group("customer", "none", "*", application="shop"), Group("customer", "none", "*")),
    )
    found = set(reach.Engine(rules.ground(world)).reach(["front"]).words())
    assert {"party:key", "party:shop", "party:client:shop", "operate", "open:app"} <= found
    assert "party:somebody" not in found  # a session is caught, and not the person
    assert "held:customer/none/*/shop" in found
    assert "held:customer/none/*" not in found


def test_who_writes_the_database_takes_accounts_and_who_has_a_copy_takes_none() -> None:
    ours = ("mailkeep.database", "mailkeep.backups", "mailkeep.keys")
    parties = {one: Party(one, kind=PartyKind.OURS) for one in ours}
    parties["mailkeep.database"] = Party(ours[0], kind=PartyKind.OURS, runs_on=("host",))
    engine = reach.Engine(rules.ground(house(**parties, host=Party("host"))))
    goal = "take:customer/totp/*"
    assert goal in engine.reach(["host"])
    assert goal not in engine.reach(["mailkeep.backups"])
    assert goal not in engine.reach(["mailkeep.keys"])
    assert goal in engine.reach(["mailkeep.backups", "mailkeep.keys"])


def test_who_keeps_the_keys_of_two_routes_makes_one_of_them() -> None:
    parties = {
        **house().parties,
        "secret:a": Party("secret:a", administered_by=("alice",)),
        "secret:b": Party("secret:b", administered_by=("agency",)),
        "alice": Party("alice"),
        "agency": Party("agency", owned_by=("alice",)),
    }
    accounts = [
        ("a", "one", ("secret:a",)),
        ("b", "two", ("secret:b", "manager:b")),
        ("c", "two", ("secret:c",)),
    ]

    def shared(
        parties: dict[str, Party], accounts: list[tuple[str, str, tuple[str, ...]]]
    ) -> tuple[str, ...]:
        known = with_custody(parties, accounts, "recovery")
        return TrustGraph(known).independent({"one"}, {"two"}).shared

    assert shared(parties, accounts) == ("alice",)
    assert shared(parties, accounts[:1]) == ()
    # Whoever is said to read the proofs of both is one reader as well.
    scanner = Party("scanner", can=("read:recovery@a", "read:recovery@b"))
    assert shared({**parties, "scanner": scanner}, accounts[:1]) == ()
    # Who has the key that makes keys makes one.
    made = {**parties, "secret:b": Party("secret:b"), "manager:b": parties["secret:b"]}
    assert shared(made, accounts) == ("alice",)
    both: list[tuple[str, str, tuple[str, ...]]] = [
        (name, party, ()) for name, party, _ in accounts
    ]
    assert shared({**parties, "scanner": scanner}, both) == ("scanner",)
    bulk = Party("scanner", can=("read:bulk@a", "read:bulk@b"))
    assert shared({**parties, "scanner": bulk}, both) == ()


def test_a_thief_of_keys_signs_as_us_and_takes_nobody_by_the_rules() -> None:
    """Whether a forged verdict is enough is up to the application that takes it."""
    ours = ("mailkeep", "mailkeep.keys", "secret:a", "manager:a", "webhook:a")
    parties = {one: Party(one, kind=PartyKind.OURS) for one in ours}
    front = Party("front", kind=PartyKind.CDN, serves=("example.com",))
    world = msgspec.structs.replace(
        house(front=front, **parties),
        secrets={"a": "secret:a"},
        makers={"a": ("manager:a",)},
        hooks={"a": "webhook:a"},
    )

    def able(one: str, world: World = world) -> set[str]:
        return set(reach.Engine(rules.ground(world)).reach([one]).words()) - {f"party:{one}"}

    assert able("mailkeep.keys") == {"carries:mailkeep.keys", "vouch"}
    assert {"vouch", "party:manager:a", "party:webhook:a"} <= able("mailkeep")
    assert able("webhook:a") == {"carries:webhook:a", "claim:a"}
    assert {"party:secret:a", "read:recovery@a", "claim:a"} <= able("manager:a")
    assert {"claim:a"} <= able("one")
    assert "claim:a" not in able("relay")
    # A signature shows no secret to whoever stands before our pages; a password does.
    assert "claim:a" not in able("front")
    assert "claim:a" in able("front", msgspec.structs.replace(world, shown=frozenset({"a"})))

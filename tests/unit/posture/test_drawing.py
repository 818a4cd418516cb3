"""The picture: every party is in it once, none upon another, and it stays readable at 300."""

import random

from mailkeep.posture import drawing
from mailkeep.trust import reach, rules
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import Carrier, Lane, World


def large(parties: int, ties: int) -> World:
    draw = random.Random(7)
    names = [f"party-{n}" for n in range(parties)]
    edges: dict[str, dict[str, list[str]]] = {one: {} for one in names}
    kinds = list(PartyKind)
    for _ in range(ties):
        one, other = draw.sample(names, 2)
        tie = draw.choice(["owned_by", "administered_by", "relays_via", "runs_on"])
        edges[one].setdefault(tie, []).append(other)
    known = {
        one: Party(one, kind=draw.choice(kinds), **{t: tuple(o) for t, o in edges[one].items()})
        for one in names
    }
    carriers = tuple(Carrier(f"c{n}", names[n], ("recovery", "bulk")) for n in range(6))
    return World(known, carriers, (Lane("recovery", secret=True), Lane("bulk")))


def test_everybody_is_drawn_once_and_nobody_upon_another() -> None:
    world = large(300, 3000)
    made = drawing.picture(world)
    boxes = [one for one in made.boxes if one.link]
    assert sorted(one.id for one in boxes) == sorted(world.parties)
    places = {(one.x, one.y) for one in made.boxes}
    assert len(places) == len(made.boxes)
    for one in made.boxes:
        assert 0 <= one.x <= made.width - drawing.WIDE
        assert 0 <= one.y <= made.height - drawing.HIGH
        others = [other for other in made.boxes if other is not one]
        assert all(
            abs(one.x - o.x) >= drawing.WIDE or abs(one.y - o.y) >= drawing.HIGH for o in others
        )
    assert made.height < 2000


def test_what_falls_is_marked_and_the_rest_may_be_left_out() -> None:
    world = World(
        {
            "owner": Party("owner", kind=PartyKind.OWNER),
            "post": Party("post", owned_by=("owner",), kind=PartyKind.MAIL),
            "far": Party("far", kind=PartyKind.MAIL),
        },
        (Carrier("main", "post", ("recovery",)), Carrier("other", "far", ("bulk",))),
        (Lane("recovery"), Lane("bulk")),
    )
    words = reach.Engine(rules.ground(world)).reach(["owner"]).words()
    falls, touched = drawing.reached(words)
    assert (falls, touched) == ({"owner", "post"}, {"recovery"})
    part = drawing.picture(world, ["owner"], falls, touched, whole=False)
    assert {one.id: one.state for one in part.boxes} == {
        "owner": "chosen",
        "post": "falls",
        "stream:recovery": "falls",
    }
    assert {(one.kind, one.state) for one in part.lines} == {
        ("owns", "falls"),
        ("carries", "falls"),
    }
    whole = drawing.picture(world, ["owner"], falls, touched)
    assert {one.id for one in whole.boxes} > {"far", "stream:bulk"}


def test_a_house_with_nobody_has_a_picture() -> None:
    made = drawing.picture(World({}))
    assert made.boxes == ()
    assert made.width > 0

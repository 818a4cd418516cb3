"""The picture: every party is in it once, none upon another, and it stays readable at 300."""

from mailkeep.posture import drawing
from mailkeep.trust import reach, rules
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import Carrier, Lane, World

from .crowd import large


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


def test_a_line_knows_its_ends_and_a_box_says_its_ties() -> None:
    world = large(40, 120)
    made = drawing.picture(world)
    ties = {(one.ends, one.kind) for one in made.lines}
    for number, box in enumerate(made.boxes):
        if not box.link:
            continue
        party = world.parties[box.id]
        for words, some in drawing.ties_of(party):
            assert f"{words} {', '.join(world.parties[one].called for one in some)}" in box.title
        for owner in party.owned_by:
            place = next(at for at, one in enumerate(made.boxes) if one.id == owner)
            assert ((place, number), "owns") in ties


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

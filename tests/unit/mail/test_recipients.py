"""Who a message goes to, who learns of whom, and whose word is about whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.mail import recipients
from mailkeep.mail.types import Content
from mailkeep.providers.message import Address, Shown

ROUTES = ["one", "two"]
names = st.sampled_from(["ada", "Ada", "bob", "cleo", "dora"])
people = st.lists(names.map(lambda name: Address(f"{name}@example.net")), max_size=4).map(tuple)


def content(to: str = "ada@example.net", **more: object) -> Content:
    return Content(sender="us@example.com", to=to, subject="x", text="x", **more)


def addresses(*names: str) -> tuple[Address, ...]:
    return tuple(Address(f"{name}@example.net") for name in names)


@given(to=people, cc=people, bcc=people, shown=st.none() | st.tuples(people, people))
def test_nobody_who_is_named_is_left_out_or_named_twice(
    to: tuple[Address, ...],
    cc: tuple[Address, ...],
    bcc: tuple[Address, ...],
    shown: tuple[tuple[Address, ...], tuple[Address, ...]] | None,
) -> None:
    made = content(more_to=to, cc=cc, bcc=bcc, shown=None if shown is None else Shown(*shown))
    named = {one.email.lower() for group in (to, cc, bcc, *(shown or ())) for one in group}
    found = [one.lower() for one in recipients.copies(made)]
    assert len(found) == len(set(found))
    assert set(found) == named - {"ada@example.net"}
    clean = recipients.once(made)
    got = [one.email.lower() for one in (*clean.more_to, *clean.cc, *clean.bcc)]
    assert len(got) == len(set(got))
    assert set(got) == {one.email.lower() for one in (*to, *cc, *bcc)} - {"ada@example.net"}
    assert {one.lower() for one in recipients.copies(clean)} == named - {"ada@example.net"}


def test_the_first_place_counts() -> None:
    clean = recipients.once(content(cc=addresses("bob", "ADA"), bcc=addresses("Bob", "cleo")))
    assert (clean.cc, clean.bcc) == (addresses("bob"), addresses("cleo"))


def test_what_a_provider_learns_of_is_read_off_the_row() -> None:
    assert recipients.exposed("a", "") == ["a"]
    assert recipients.exposed("a", recipients.joined(["b", "c"])) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("people", "only", "avoid", "expected"),
    [
        (("ada",), (), (), recipients.Bait((), leaks=False)),
        (("ada",), ("two",), (), recipients.Bait(("two",), leaks=False)),
        (("bait1",), (), (), recipients.Bait(("one",), leaks=False)),
        (("ada", "BAIT1"), (), (), recipients.Bait(("one",), leaks=False)),
        (("ada", "bait1"), ("two",), (), recipients.Bait(("one",), leaks=True)),
        (("ada", "bait1"), (), ("one",), recipients.Bait(("one",), leaks=True)),
        (("bait1", "bait2"), (), (), recipients.Bait(("one",), leaks=True)),
        (("bait1", "bait1b"), (), (), recipients.Bait(("one",), leaks=False)),
        (("bait3",), (), (), recipients.Bait(("three",), leaks=True)),
    ],
)
def test_bait_is_for_its_own_provider(
    people: tuple[str, ...],
    only: tuple[str, ...],
    avoid: tuple[str, ...],
    expected: recipients.Bait,
) -> None:
    honey = {
        "bait1@example.net": "one",
        "bait1b@example.net": "one",
        "bait2@example.net": "two",
        "bait3@example.net": "three",
    }
    whole = [f"{name}@example.net" for name in people]
    assert recipients.bait(whole, honey, ROUTES, only, avoid) == expected


@pytest.mark.parametrize(
    ("recipient", "has_copies", "expected"),
    [
        ("ada@example.net", True, True),
        ("ADA@Example.NET", True, True),
        ("bob@example.net", True, False),
        (None, True, False),
        (None, False, True),
        ("elsewhere@example.org", False, True),  # forwarded; nobody else can be meant
    ],
)
def test_whose_word_is_about_the_recipient(
    recipient: str | None, has_copies: bool, expected: bool
) -> None:
    said = recipients.concerns_primary(recipient, "ada@example.net", has_copies)
    assert said is expected


def test_what_a_claim_tells_of() -> None:
    known = {"address_1": "ada@example.net", "address_2": "bob@example.net"}
    assert recipients.told_of("ada@example.net", known) == (True, "address_1")
    assert recipients.told_of("bob@example.net", known) == (False, "address_2")
    assert recipients.told_of("eve@example.net", known) == (False, None)
    assert recipients.told_of(None, known) == (False, None)
    # With one recipient nobody else can be meant, and the address was not even looked up.
    assert recipients.told_of("eve@example.net", {"address_1": ""}) == (True, "address_1")
    assert recipients.told_of("eve@example.net", None) == (True, None)


def test_whom_a_claim_is_about() -> None:
    known = {"address_1": "ada@example.net", "address_2": "Bob@example.net"}
    assert recipients.about("bob@example.net", known) == "address_2"
    assert recipients.about("cleo@example.net", known) is None
    assert recipients.about(None, known) is None

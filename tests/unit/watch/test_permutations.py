"""Names like ours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.watch import permutations


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("examp1e.com", "letters alike"),
        ("exarnple.com", "letters alike"),
        ("xn--exmple-4nf.com", "another script"),
        ("example.net", "ending"),
        ("example-login.com", "an added word"),
        ("secureexample.com", "an added word"),
        ("exmple.com", "a letter left out"),
        ("exammple.com", "a letter doubled"),
        ("exmaple.com", "letters swapped"),
        ("ex-ample.com", "a hyphen"),
        ("ex.ample.com", "a dot"),
        ("exampke.com", "a key beside"),
        ("exampole.com", "a key hit too"),
        ("examplez.com", "a letter added"),
        ("ezample.com", "a key beside"),
        ("dxample.com", "a key beside"),
        ("mxample.com", "a flipped bit"),
    ],
)
def test_each_way_makes_its_names(name: str, way: str) -> None:
    assert permutations.of("mail.example.com").get(name) in {way, "a key beside"}


def test_what_deceives_most_comes_first() -> None:
    ways = list(dict.fromkeys(permutations.of("example.com").values()))
    assert ways == [one for one in permutations.WAYS if one in ways]
    assert ways[0] == "letters alike"


def test_the_registered_name_is_found() -> None:
    assert permutations.split("a.b.example.co.uk") == ("example", "co.uk")
    assert permutations.split("co.uk") == ("co", "uk")
    assert permutations.split("localhost") == ("", "")
    assert permutations.of("localhost") == {}


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?\.(com|co\.uk|de)", fullmatch=True))
def test_every_name_could_be_registered(domain: str) -> None:
    found = permutations.of(domain)
    assert domain not in found
    assert len(found) <= permutations.MOST
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    for name in found:
        assert re.fullmatch(rf"{label}(\.{label})+", name), name

"""Whether two routes that nobody reads both of would be left."""

from mailkeep.incidents.suspects import ProviderParties
from mailkeep.mail.types import RouteSettings, StreamSettings
from mailkeep.response.standing import say, thin
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.register import load
from mailkeep.watch.types import RESETS, provider_subject

PARTIES = load(
    [
        {"id": "x"},
        {"id": "y"},
        {"id": "z"},
        {"id": "owner"},
        {"id": "p", "owned_by": ["owner"]},
        {"id": "q", "owned_by": ["owner"]},
    ]
)
HOUSE = ProviderParties(
    {"a": "x", "b": "y", "c": "z", "d": "p", "e": "q", "lost": "nowhere"}, TrustGraph(PARTIES)
)


def _stream(*providers: str, secret: bool = True) -> StreamSettings:
    return StreamSettings("recovery", 0, tuple(map(RouteSettings, providers)), secret=secret)


def _left(stream: StreamSettings, gone: set[str], cut: set[str] = frozenset()) -> list[str]:
    return [say(one) for one in thin([stream], HOUSE, cut, gone)]


def test_two_independent_routes_are_enough() -> None:
    assert _left(_stream("a", "b", "c"), {"a"}) == []


def test_one_is_not_and_the_warning_says_which_is_left() -> None:
    (words,) = _left(_stream("a", "b"), {"a"})
    assert "fewer than two independent routes" in words
    assert "b" in words
    assert _left(_stream("a", "b", "c"), {"a"}, cut={"b"})


def test_two_of_one_owner_are_one() -> None:
    assert _left(_stream("a", "d", "e"), {"a"})
    assert _left(_stream("a", "d", "e", "b"), {"a"}) == []


def test_a_provider_that_nobody_knows_counts_for_nothing() -> None:
    assert _left(_stream("a", "b", "lost"), {"a"})


def test_an_ordinary_stream_needs_one_and_a_stream_without_the_suspect_is_not_asked() -> None:
    assert _left(_stream("a", "b", secret=False), {"a"}) == []
    assert "no route would be left" in _left(_stream("a", secret=False), {"a"})[0]
    assert _left(_stream("b"), {"a"}) == []


def test_suspicion_reaches_whoever_somebody_reads_together_with_the_suspect() -> None:
    assert HOUSE.suspects(provider_subject("d")) == {"d", "e", "lost"}
    assert HOUSE.suspects(provider_subject("a")) == {"a", "lost"}
    assert HOUSE.suspects(provider_subject("unknown")) >= {"unknown", "a", "b"}
    assert HOUSE.suspects(RESETS) == frozenset()

"""Two readings of one list, compared field by field."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.providers.posture.types import Item, Kind, Value
from mailkeep.watch.drift import by_key, compare, places


def _hook(host: str, events: str = "send", number: str = "1") -> Item:
    return Item(Kind.WEBHOOK, number, {"host": Value(host, True), "events": Value(events, True)})


def test_a_webhook_that_points_elsewhere_is_strange() -> None:
    before = by_key([_hook("ours.example")])
    (change,) = compare(before, by_key([_hook("evil.example")]), places(before.values()))
    assert (change.what, change.strange) == ("changed", True)
    (field,) = change.fields
    assert (field.name, field.old, field.new) == (
        "host",
        Value("ours.example", True),
        Value("evil.example", True),
    )


def test_a_second_webhook_to_a_known_place_is_not_strange() -> None:
    before = by_key([_hook("ours.example")])
    after = by_key([_hook("ours.example"), _hook("OURS.example", number="2")])
    (change,) = compare(before, after, places(before.values()))
    assert (change.what, change.strange, change.id) == ("added", False, "2")


def test_events_that_a_webhook_no_longer_tells_are_a_change() -> None:
    before, after = by_key([_hook("ours.example", "click send")]), by_key([_hook("ours.example")])
    (change,) = compare(before, after, places(before.values()))
    assert [one.name for one in change.fields] == ["events"]
    assert not change.strange


def test_an_export_that_is_thrown_away_says_nothing_and_a_new_one_does() -> None:
    one = by_key([Item(Kind.EXPORT, "1", {"type": Value("activity", True)})])
    assert compare(one, {}, frozenset()) == []
    assert [change.what for change in compare({}, one, frozenset())] == ["added"]


def test_a_field_of_a_newer_version_is_no_change_of_the_account() -> None:
    old = by_key([Item(Kind.KEY, "1", {"name": Value("a")})])
    new = by_key([Item(Kind.KEY, "1", {"name": Value("a"), "scopes": Value("mail.send", True)})])
    assert compare(old, new, frozenset()) == []


def test_that_we_sent_as_ourselves_is_no_change_and_that_a_stranger_did_is_one() -> None:
    """A newcomer's first mail makes its domain appear in a list of whoever sent."""

    def sent(domain: str) -> Item:
        fields = {"domain": Value(domain, True), "used": Value("yes", True)}
        return Item(Kind.SENDER, domain, fields)

    ours = frozenset({"example.com"})
    assert compare({}, by_key([sent("example.com")]), ours) == []
    assert compare(by_key([sent("example.com")]), {}, ours) == []
    (change,) = compare({}, by_key([sent("example.com"), sent("evil.example")]), ours)
    assert (change.id, change.strange) == ("evil.example", True)
    # A sender that somebody entered there is one, whosever domain it is.
    entered = by_key([Item(Kind.SENDER, "a", {"domain": Value("example.com", True)})])
    assert [one.what for one in compare({}, entered, ours)] == ["added"]


_items = st.lists(
    st.builds(
        Item,
        st.sampled_from(Kind),
        st.text(max_size=3),
        st.dictionaries(
            st.sampled_from(["host", "name"]), st.builds(Value, st.text(max_size=3), st.booleans())
        ),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(_items)
def test_a_list_that_stays_as_it_is_says_nothing_in_whatever_order(items: list[Item]) -> None:
    ordered = by_key(items)
    shuffled = dict(reversed(list(ordered.items())))
    assert compare(ordered, shuffled, frozenset()) == []


@settings(deadline=None)
@given(_items, _items)
def test_what_is_added_or_removed_is_said_once(before: list[Item], after: list[Item]) -> None:
    old, new = by_key(before), by_key(after)
    changes = compare(old, new, frozenset())
    assert {(one.kind, one.id) for one in changes if one.what == "added"} == new.keys() - old.keys()
    gone = {key for key in old.keys() - new.keys() if key[0] is not Kind.EXPORT}
    assert {(one.kind, one.id) for one in changes if one.what == "removed"} == gone


def test_who_sends_as_a_stranger_makes_that_place_no_known_one() -> None:
    """One mail as evil.example, refused or not, would let a webhook lead there unseen."""
    fields = {"domain": Value("evil.example", True), "used": Value("yes", True)}
    sent = Item(Kind.SENDER, "evil.example", fields)
    before = by_key([_hook("ours.example"), sent])
    assert places(before.values()) == {"ours.example"}
    after = by_key([*before.values(), _hook("evil.example", number="2")])
    (change,) = compare(before, after, places(before.values()))
    assert (change.kind, change.strange) == (Kind.WEBHOOK, True)

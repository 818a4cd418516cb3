"""Who sees mail that tells who has an account."""

import pytest

from mailkeep.base.errors import NotAllowed
from mailkeep.http.account_mail import Sight, sight

STREAMS, TELLING = ("recovery", "security", "alert"), {"recovery", "security"}


@pytest.mark.parametrize(
    ("accounts", "to_one", "opened", "sees", "whose"),
    [
        (False, False, False, {"alert"}, {"alert"}),
        (False, True, False, {"alert"}, {"alert"}),
        (False, True, True, {"alert"}, {"alert"}),
        (True, False, False, set(STREAMS), {"alert"}),
        (True, True, False, {"alert"}, {"alert"}),
        (True, True, True, set(STREAMS), set(STREAMS)),
    ],
)
def test_who_sees_what(
    accounts: bool, to_one: bool, opened: bool, sees: set[str], whose: set[str]
) -> None:
    found = sight(STREAMS, TELLING, (), accounts=accounts, to_one=to_one, opened=opened)
    assert {one for one in STREAMS if found.streams is None or one in found.streams} == sees
    assert {one for one in STREAMS if not found.hides(one)} == whose
    assert set(found.left_out) == set(STREAMS) - sees
    # Of a stream that the settings have no more nothing is known, so it may tell as well.
    assert found.hides("gone") == (not opened or not accounts)
    assert (found.streams is None) == (sees == set(STREAMS))
    for one in STREAMS:
        if one in sees:
            assert found.of(one) == {one}
        else:
            with pytest.raises(NotAllowed):
                found.of(one)


def test_a_key_sees_the_streams_that_it_is_bound_to() -> None:
    found = sight(STREAMS, TELLING, {"recovery"}, accounts=False, to_one=True, opened=False)
    assert found == Sight(frozenset({"recovery"}))
    assert not found.hides("recovery")

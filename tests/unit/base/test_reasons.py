"""A reason is kept whole, or refused."""

import pytest

from mailkeep.base import reasons
from mailkeep.base.errors import Invalid


def test_a_reason_is_kept_whole() -> None:
    longest = "x" * reasons.LONGEST
    assert reasons.given(f"  {longest}\n") == longest


@pytest.mark.parametrize("reason", ["", " \n", "x" * (reasons.LONGEST + 1)])
def test_none_and_one_that_would_be_cut_are_refused(reason: str) -> None:
    with pytest.raises(Invalid, match="say why you do it, in 1 to 200 characters"):
        reasons.given(reason, "say why you do it")

"""A sum over steps is the number of addresses, for every set of providers and every instant."""

from collections import Counter
from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import MINUTE
from mailkeep.mail import ledger

NAMES = "abcd"
SETS = [
    frozenset(one)
    for one in chain.from_iterable(combinations(NAMES, size) for size in range(1, len(NAMES) + 1))
]
#: Several in one minute, and over several days.
_AT = st.integers(0, 3 * ledger.DAY * 4).map(lambda quarter: quarter * MINUTE // 4)
_GIVEN = st.dictionaries(st.sampled_from(NAMES), _AT)


def _counted(counts: Counter[ledger.Key], span: int, end: int) -> list[tuple[str, str, int]]:
    return [
        (key.provider, key.before, n)
        for key, n in counts.items()
        if key.span == span and key.start < end
    ]


@given(st.lists(_GIVEN, max_size=12), st.integers(0, 3 * ledger.DAY))
def test_the_sum_is_a_recount(addresses: list[dict[str, int]], end: int) -> None:
    counts = Counter(key for one in addresses for key in ledger.steps(one))
    for suspects in SETS:
        recount = sum(
            any(one in suspects and at < end * MINUTE for one, at in given.items())
            for given in addresses
        )
        assert ledger.total(_counted(counts, 1, end), suspects) == recount
    day = end // ledger.DAY * ledger.DAY
    by_days, by_minutes = _counted(counts, ledger.DAY, day), _counted(counts, 1, day)
    assert all(ledger.total(by_days, one) == ledger.total(by_minutes, one) for one in SETS)


@given(_GIVEN, _GIVEN)
def test_changes_lead_from_one_to_the_other(before: dict[str, int], after: dict[str, int]) -> None:
    """In whatever order the ledger is read."""
    counts = Counter(ledger.steps(before))
    counts.update(ledger.changes(before, after))
    assert +counts == Counter(ledger.steps(after))

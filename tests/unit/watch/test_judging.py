"""What a simulated life is judged by: whom an incident accused, and of whom it only asked."""

import pytest

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.providers.posture.types import Kind
from mailkeep.recovery.events import DecoyShown
from mailkeep.watch.events import PostureChanged, ProviderNoticed
from mailkeep.watch.simulate.judging import judge
from mailkeep.watch.types import Hypothesis, WatchSettings


def _change(kind: Kind, name: str) -> Fact:
    return PostureChanged(
        provider="a",
        change=name,
        item_kind=kind.value,
        item=f"item_{name}",
        what="added",
        fields=(),
        strange=False,
    )


#: A key, the notice of it, and an export, of one sitting.
SITTING = (
    _change(Kind.KEY, "c1"),
    ProviderNoticed(provider="a", via="mail", notice="change", authentic=True, about="key"),
    _change(Kind.EXPORT, "c2"),
)


@pytest.mark.parametrize(
    ("beside", "asks"),
    [((), True), ((DecoyShown(provider="a", network="net", browser="b"),), False)],
)
def test_a_question_is_no_accusation_until_something_else_is_seen(
    beside: tuple[Fact, ...], asks: bool
) -> None:
    log = [
        Recorded(number, number * SECOND, number * SECOND, f"evt_{number}", fact)
        for number, fact in enumerate((*SITTING, *beside), start=1_700_000_000)
    ]
    found = judge(log, WatchSettings())
    (held,) = (one for one in found.held if one.hypothesis is Hypothesis.PROVIDER_COMPROMISED)
    assert (held.subject.id, held.asks) == ("a", asks)

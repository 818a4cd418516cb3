"""One sentence that says what goes on, and how sure we are."""

import msgspec
import pytest

from mailkeep.incidents.types import Incident, State, View
from mailkeep.incidents.words import course, headline, percent, span, standing
from mailkeep.watch.types import RESETS, Hypothesis, provider_subject

SILENT = View(Hypothesis.PROVIDER_SILENT, 3.0, True, True, ())
BOTH = (View(Hypothesis.PROVIDER_COMPROMISED, 6.0, True, True, ()), SILENT)


def _incident(*views: View, state: State = State.OPEN) -> Incident:
    return Incident("inc_1", provider_subject("a"), state, 0, 0, views)


def test_the_headline_names_everything_that_is_held_and_where_it_stands() -> None:
    assert headline(_incident(*BOTH, state=State.CONTAINED)) == (
        "Somebody almost certainly reads or alters our mail at a (99.8%), and our mail very "
        "probably does not go out through a (95%); the provider is cut off."
    )


def test_what_is_not_held_is_not_claimed() -> None:
    quiet = msgspec.structs.replace(SILENT, open=False)
    assert headline(_incident(quiet)) == (
        "Nothing is held about a any more; it closes by itself if that stays so."
    )
    campaign = View(Hypothesis.CAMPAIGN, 0.0, True, False, ())
    text = headline(Incident("inc_1", RESETS, State.OPEN, 0, 0, (campaign,)))
    assert text.startswith("Somebody perhaps attacks many accounts")


@pytest.mark.parametrize(("nats", "words"), [(0.0, "50%"), (3.0, "95%"), (60.0, "99.9%")])
def test_nobody_is_ever_wholly_sure(nats: float, words: str) -> None:
    assert percent(msgspec.structs.replace(SILENT, log_odds=nats)) == words


def test_a_list_shows_what_stands_now_and_what_stood_at_most() -> None:
    gone = msgspec.structs.replace(SILENT, open=False, log_odds=-5.0, highest=3.0, highest_at=1)
    held = View(Hypothesis.PROVIDER_COMPROMISED, 3.0, True, True, (), highest=3.0, highest_at=1)
    never = View(Hypothesis.CAMPAIGN, -2.0, False, False, ())
    incident = _incident(held, gone, never)
    assert course(incident) == "Compromised 95%; Silent 1% now, 95% at most"
    assert standing(gone, State.CLOSED) == "1% at the end, 95% at most"
    assert standing(never, State.OPEN) == percent(never)


def test_how_long() -> None:
    minute = 60_000_000
    assert [span(0, n * minute) for n in (0, 5, 180, 4320)] == [
        *("under a minute", "5 min", "3 h", "3 days")
    ]

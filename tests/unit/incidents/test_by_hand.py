"""What a person says opens, widens and holds an incident; it acts on nothing and hides nothing."""

import msgspec
import pytest

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.base.errors import Invalid
from mailkeep.incidents import blast
from mailkeep.incidents.decide import Change, Closing, decide
from mailkeep.incidents.regulator import deadline
from mailkeep.incidents.severity import Level, judge
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import (
    BlastRadius,
    Incident,
    IncidentSettings,
    State,
    View,
    Word,
)
from mailkeep.incidents.words import began, headline, instant, short, told
from mailkeep.response.paging.whom import NOTHING, gravity
from mailkeep.response.playbooks import books, plan
from mailkeep.response.types import PlaybookSettings
from mailkeep.watch.types import RESETS, CorrelationSettings, Hypothesis, provider_subject

NOW = 100 * DAY
COMPROMISED, SILENT = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.PROVIDER_SILENT
WORD = Word("key_1", NOW, COMPROMISED, NOW - 9 * DAY, NOW - 4 * DAY)
SAID = Incident(
    "inc_1", provider_subject("a"), State.OPEN, NOW, NOW - 9 * DAY, quiet_since=NOW, word=WORD
)
SIGN = View(SILENT, 4.0, True, True, ())
SETTINGS = IncidentSettings()


def test_it_is_held_without_an_opinion_and_nobody_is_left_asleep() -> None:
    assert (SAID.held, SAID.said, SAID.signed) == ({COMPROMISED}, COMPROMISED, False)
    assert headline(SAID).startswith("Somebody (so a person says) reads or alters our mail at a;")
    assert gravity(SAID) < NOTHING
    assert judge(SAID, BlastRadius(0, 1, 5, 0, 0, 0, 0, 0), Seen()).level is Level.CRITICAL
    assert deadline(SAID, BlastRadius(0, 1, 5, 0, 0, 0, 0, 0), Seen(), SETTINGS) is not None


def test_it_does_not_close_itself_however_quiet() -> None:
    later = NOW + 30 * DAY
    (step,) = decide([], [SAID], [], later, SETTINGS, CorrelationSettings())
    assert isinstance(step, Change)
    assert step.quiet_since is None
    window = msgspec.structs.replace(SAID, word=Word("key_1", NOW))  # of the window alone
    assert any(
        isinstance(one, Closing)
        for one in decide([], [window], [], later, SETTINGS, CorrelationSettings())
    )


def test_a_campaign_that_a_person_opened_is_not_joined_with_a_provider() -> None:
    campaign = msgspec.structs.replace(
        SAID, id="inc_2", subject=RESETS, word=Word("key_1", NOW, Hypothesis.CAMPAIGN)
    )
    provider = msgspec.structs.replace(SAID, word=None, opinions=(SIGN,), quiet_since=None)
    steps = decide([], [campaign, provider], [], NOW, SETTINGS, CorrelationSettings())
    assert not any(isinstance(one, Closing) for one in steps)


def test_nothing_is_automatic_for_it() -> None:
    book = PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",))
    (planned,) = plan((), books((book,)), SAID.said)
    assert (planned.name, planned.automatic) == ("cut_provider", False)
    ours = View(COMPROMISED, 6.0, True, True, ())
    assert plan((ours,), books((book,)), None)[0].automatic


def test_the_window_is_as_said_and_signs_are_never_hidden() -> None:
    lead = round(SETTINGS.lead * SECOND)
    assert blast.window(SAID, NOW, SETTINGS) == (NOW - 9 * DAY - lead, NOW - 4 * DAY)
    signed = msgspec.structs.replace(SAID, opinions=(SIGN,))
    assert blast.window(signed, NOW, SETTINGS) == (NOW - 9 * DAY - lead, NOW)
    let_go = View(SILENT, 0.0, False, False, (), highest=4.0, highest_at=NOW)
    signed = msgspec.structs.replace(SAID, opinions=(let_go,))
    assert blast.window(signed, NOW, SETTINGS)[1] == NOW


def test_a_sign_of_the_same_takes_its_place_in_words() -> None:
    signed = msgspec.structs.replace(SAID, opinions=(View(COMPROMISED, 6.0, True, True, ()),))
    assert signed.said is None
    assert "so a person says" not in headline(signed)
    assert began(signed) == "As a person says from"
    assert began(msgspec.structs.replace(signed, since=0)) == "First sign"
    assert told(signed).startswith("compromised, from 1970-04-02 00:00:00 UTC to 1970-04-07")
    assert told(msgspec.structs.replace(signed, word=None)) == ""


def test_a_time_is_read_as_people_write_it() -> None:
    day = instant("2026-08-03", "since")
    assert day is not None
    assert instant("2026-08-03", "until", end=day + 9 * DAY) == day + DAY
    assert instant("2026-08-03 02:00", "until", end=day + 9 * DAY) == day + 2 * HOUR
    assert instant("2026-08-03T02:00+02:00", "since") == day
    assert instant(short(day), "since") == day
    assert (instant(" ", "since"), short(None)) == (None, "")
    for now in (day, day + 9 * HOUR, day + DAY):
        assert instant("2026-08-03", "until", end=now) == now, "today is until now"
    assert instant("2026-08-03", "until", end=day - 1) == day + DAY, "tomorrow is refused as such"
    for wrong in ("3 August", "0001-01-01", "9999-12-31"):
        with pytest.raises(Invalid):
            instant(wrong, "since")

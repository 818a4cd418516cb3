"""A colleague who tells nobody and a thief in the console do the same: an incident about nothing
else asks whose doing it was, and anything that no colleague does ends the question."""

import msgspec
import pytest

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.incidents.asking import asks
from mailkeep.incidents.decide import Opening, decide
from mailkeep.incidents.severity import Level, judge
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import BlastRadius, Incident, IncidentSettings, State, Word
from mailkeep.incidents.words import headline
from mailkeep.mail.events import ForeignMailReported
from mailkeep.providers.posture.types import Kind
from mailkeep.recovery.events import DecoyShown
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived, PostureAccepted, PostureChanged, ProviderNoticed
from mailkeep.watch.types import CorrelationSettings, Hypothesis

STANDS = Seen(standing=("b",))
BUSY = BlastRadius(0, 1, 5, 900, 2, 1, 300, 0)
EVIL = ("arxxwalls.example",)


def _change(kind: Kind, name: str, *, strange: bool = False) -> Fact:
    return PostureChanged("a", name, kind.value, f"item_{name}", "added", (), strange)


#: One sitting of somebody at the console: a key, the notice of it, an export.
SITTING: tuple[Fact, ...] = (
    _change(Kind.KEY, "c1"),
    ProviderNoticed("a", "mail", "change", True, "key"),
    _change(Kind.EXPORT, "c2"),
)


def _incident(*facts: Fact) -> Incident | None:
    start = 1_700_000_000 * SECOND
    log = [
        Recorded(n, start + n * SECOND, start + n * SECOND, f"evt_{n}", one)
        for n, one in enumerate(facts, start=1)
    ]
    beliefs = Beliefs()
    for signal in replay(log):
        beliefs = hear(beliefs, signal)
    now, weights = log[-1].placed_at, CorrelationSettings()
    opinions = weigh(beliefs, now, weights)[1]
    steps = decide(opinions, (), (), now, IncidentSettings(), weights)
    for one in steps:
        if isinstance(one, Opening) and one.subject.id == "a":
            return Incident("inc_1", one.subject, State.OPEN, now, now, one.opinions)
    return None


def test_what_one_sitting_at_the_console_brings_asks_whose_it_was() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    assert asks(incident)
    assert headline(incident) == (
        "Ask first whether it was one of you: somebody changed our account at a, or took something "
        "out of it, and nobody announced that; nothing contains it yet."
    )
    # Recoveries are counted through everybody, and most are honest.
    assert judge(incident, BUSY, STANDS).level is Level.MEDIUM


def test_what_copies_mail_away_is_asked_about_and_grave() -> None:
    """A company does it once in its life; in 2014 it was all that an intruder needed."""
    for facts in (
        (_change(Kind.FORWARD, "c1"),),
        (_change(Kind.KEY, "c1"), _change(Kind.WEBHOOK, "c2", strange=True)),
    ):
        incident = _incident(*facts)
        assert incident is not None
        assert asks(incident)
        assert judge(incident, BUSY, STANDS).level is Level.HIGH


def test_an_answer_ends_it() -> None:
    assert _incident(*SITTING, PostureAccepted("a", ("c1", "c2"), "uid:0")) is None


@pytest.mark.parametrize(
    "beside",
    [
        (CanaryArrived("a", "m", 1.0, EVIL),),
        (ProviderNoticed("a", "mail", "security", True),),
        (DecoyShown("a", "net_1", "browser_1"),),
    ],
    ids=("altered", "break-in", "decoy"),
)
def test_what_no_colleague_does_accuses_the_provider(beside: tuple[Fact, ...]) -> None:
    incident = _incident(*SITTING, *beside)
    assert incident is not None
    assert not asks(incident)
    assert "reads or alters our mail at a" in headline(incident)
    assert judge(incident, BUSY, STANDS).level is Level.CRITICAL


def test_an_everyday_sign_beside_it_ends_no_question() -> None:
    """One mail that another of our systems sent by hand."""
    incident = _incident(*SITTING, ForeignMailReported("a", "mail_1", "unmarked"))
    assert incident is not None
    assert asks(incident)


def test_an_owner_who_denies_and_a_person_who_says_so_end_the_question() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    denied = msgspec.structs.replace(BUSY, denied=1)
    assert judge(incident, denied, STANDS).level is Level.CRITICAL
    said = msgspec.structs.replace(incident, word=Word("usr_1", 0, Hypothesis.PROVIDER_COMPROMISED))
    assert not asks(said)
    assert judge(said, BUSY, STANDS).level is Level.CRITICAL
    assert not asks(msgspec.structs.replace(incident, state=State.CONTAINED))

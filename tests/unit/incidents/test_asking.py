"""A colleague who tells nobody and a thief in the console do the same: an incident about nothing
else asks whose doing it was, and anything that no colleague does ends the question."""

import msgspec
import pytest

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.types import Fact, Recorded
from mailkeep.incidents.asking import asks
from mailkeep.incidents.decide import Change, Opening, decide
from mailkeep.incidents.regulator import deadline
from mailkeep.incidents.severity import Level, judge
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import BlastRadius, Incident, IncidentSettings, Reason, State, Word
from mailkeep.incidents.words import headline
from mailkeep.mail.events import ForeignMailReported
from mailkeep.providers.posture.types import Kind
from mailkeep.recovery.events import DecoyShown
from mailkeep.watch.asking import BY_HAND
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived, PostureAccepted, PostureChanged, ProviderNoticed
from mailkeep.watch.types import CorrelationSettings, Forger, Hypothesis, Signal

STANDS = Seen(standing=("b",))
BUSY = BlastRadius(0, 1, 5, 900, 2, 1, 300, 0)
EVIL = ("arxxwalls.example",)


def _change(kind: Kind, name: str, *, strange: bool = False) -> Fact:
    return PostureChanged(
        provider="a",
        change=name,
        item_kind=kind.value,
        item=f"item_{name}",
        what="added",
        fields=(),
        strange=strange,
    )


#: One sitting of somebody at the console: a key, the notice of it, an export.
SITTING: tuple[Fact, ...] = (
    _change(Kind.KEY, "c1"),
    ProviderNoticed(provider="a", via="mail", notice="change", authentic=True, about="key"),
    _change(Kind.EXPORT, "c2"),
)


def _incident(*facts: Fact) -> Incident | None:
    return _of(*((float(n), one) for n, one in enumerate(facts, start=1)))


def _of(*timed: tuple[float, Fact]) -> Incident | None:
    """What opens about a by the last of some facts, each with the second it happens in."""
    now, signals = _signals(*timed)
    return _decided(signals, now)


def _signals(*timed: tuple[float, Fact]) -> tuple[Instant, list[Signal]]:
    start = 1_700_000_000 * SECOND
    log = [
        Recorded(n, at, at, f"evt_{n}", one)
        for n, (at, one) in enumerate(
            ((start + round(seconds * SECOND), one) for seconds, one in timed), start=1
        )
    ]
    return log[-1].placed_at, replay(log)


def _decided(
    signals: list[Signal], now: Instant, standing: Incident | None = None
) -> Incident | None:
    beliefs, weights = Beliefs(), CorrelationSettings()
    for signal in signals:
        beliefs = hear(beliefs, signal)
    opinions = weigh(beliefs, now, weights)[1]
    live = () if standing is None else (standing,)
    for one in decide(opinions, live, (), now, IncidentSettings(), weights):
        if isinstance(one, Opening) and one.subject.id == "a":
            return Incident("inc_1", one.subject, State.OPEN, now, now, one.opinions)
        if isinstance(one, Change) and standing is not None:
            return msgspec.structs.replace(standing, opinions=one.opinions)
    return standing


def test_what_one_sitting_at_the_console_brings_asks_whose_it_was() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    assert asks(incident)
    assert headline(incident) == (
        "Ask first whether it was one of you: somebody changed our account at a, took something "
        "out of it or tried a mail there, and nobody announced that; nothing contains it yet."
    )
    # Recoveries are counted through everybody, and most are honest.
    quiet = msgspec.structs.replace(BUSY, half_proven=0, stopped_by_factor=0)
    found = judge(incident, quiet, STANDS)
    assert found.level is Level.MEDIUM
    assert "300 accounts were recovered meanwhile" in found.reasons


def test_what_is_asked_of_us_is_told_to_a_regulator() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    found = deadline(incident, BUSY, STANDS, IncidentSettings())
    assert found is not None
    said = next(one.detail for one in found.items if one.text == "What happened")
    assert said == (
        "Somebody changed our account at a, took something out of it or tried a mail there, and"
        " nobody announced that;"
        " whether it was one of us is being asked; nothing contains it yet."
    )


def test_half_proofs_and_what_the_factor_stopped_are_grave_whoever_was_there() -> None:
    """Nobody's own doing: somebody used a mail that its owner did not."""
    incident = _incident(*SITTING)
    assert incident is not None
    found = judge(incident, BlastRadius(0, 1, 5, 40, 20, 7, 3, 0), STANDS)
    assert found.level is Level.HIGH
    assert found.reasons[:2] == (
        "20 accounts had half a proof come back",
        "7 accounts were stopped by the second factor alone",
    )
    assert "3 accounts were recovered meanwhile" in found.reasons


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
    assert (
        _incident(*SITTING, PostureAccepted(provider="a", changes=("c1", "c2"), by="uid:0")) is None
    )


@pytest.mark.parametrize(
    "beside",
    [
        (CanaryArrived(provider="a", message="m", seconds=1.0, strangers=EVIL),),
        (ProviderNoticed(provider="a", via="mail", notice="security", authentic=True),),
        (DecoyShown(provider="a", network="net_1", browser="browser_1"),),
    ],
    ids=("altered", "break-in", "decoy"),
)
def test_what_no_colleague_does_accuses_the_provider(beside: tuple[Fact, ...]) -> None:
    incident = _incident(*SITTING, *beside)
    assert incident is not None
    assert not asks(incident)
    assert "reads or alters our mail at a" in headline(incident)
    assert judge(incident, BUSY, STANDS).level is Level.CRITICAL


@pytest.mark.parametrize(("mails", "question"), [(1, True), (2, True), (4, False), (20, False)])
def test_a_mail_that_is_tried_by_hand_ends_no_question_and_many_do(
    mails: int, question: bool
) -> None:
    sent = [
        ForeignMailReported(provider="a", mail=f"mail_{n}", why="unmarked") for n in range(mails)
    ]
    incident = _incident(*SITTING, *sent)
    assert incident is not None
    assert asks(incident) is question


def test_mail_that_comes_slowly_for_a_week_is_not_tried_by_hand() -> None:
    """It surprises nobody by its rate, and is far more than anybody tries."""
    mails = [
        ForeignMailReported(provider="a", mail=f"mail_{number}", why="unmarked")
        for number in range(12)
    ]
    timed: list[tuple[float, Fact]] = [(n * 2700.0, one) for n, one in enumerate(mails)]
    timed += [(12 * 2700.0 + n, one) for n, one in enumerate(SITTING)]
    incident = _of(*timed)
    assert incident is not None
    assert not asks(incident)


def test_mail_alone_is_no_sitting_at_the_console() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    mail = Reason("unknown_message", 8.5, "2 mails", "", ("evt_1",), Forger.NOBODY, 3.0)
    views = tuple(
        msgspec.structs.replace(one, reasons=(mail,)) if one.open else one
        for one in incident.opinions
    )
    assert not asks(msgspec.structs.replace(incident, opinions=views))


def test_a_mail_under_an_id_of_our_own_form_is_nobodys_of_ours() -> None:
    incident = _incident(*SITTING, ForeignMailReported(provider="a", mail="mail_1", why="unknown"))
    assert incident is not None
    assert not asks(incident)


@pytest.mark.parametrize("detector", ["denial", "support_claim"])
def test_an_owner_who_denies_ends_the_question_whether_or_not_that_counts(detector: str) -> None:
    """Without a sign of our own it counts nothing; pages asked on while it was critical."""
    incident = _incident(*SITTING)
    assert incident is not None
    said = Reason(detector, 0.0, "4 accounts denied a reset", "", ("evt_9",), Forger.ANYONE, 2.5)
    views = tuple(
        msgspec.structs.replace(one, reasons=(*one.reasons, said)) for one in incident.opinions
    )
    denied = msgspec.structs.replace(incident, opinions=views)
    assert not asks(denied)
    assert "reads or alters our mail at a" in headline(denied)
    assert judge(denied, msgspec.structs.replace(BUSY, denied=4), STANDS).level is Level.CRITICAL


def test_what_anyone_stages_and_counts_nothing_ends_no_question() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    said = Reason("tls_report", 0.0, "a receiver reports", "", ("evt_9",), Forger.ANYONE, 2.5)
    views = tuple(
        msgspec.structs.replace(one, reasons=(*one.reasons, said)) for one in incident.opinions
    )
    assert asks(msgspec.structs.replace(incident, opinions=views))


def test_a_break_in_that_a_provider_announced_is_none_a_week_later_either() -> None:
    """By then it weighs as little as the notice of a change, which stands in its place."""
    told = (0.0, ProviderNoticed(provider="a", via="mail", notice="security", authentic=True))
    week = 8 * 86_400.0
    incident = _of(told, *((week + n, one) for n, one in enumerate(SITTING)))
    assert incident is not None
    assert not asks(incident)
    alone = _of(*((week + n, one) for n, one in enumerate(SITTING)))
    assert alone is not None
    assert asks(alone)


def test_an_accusation_does_not_become_a_question_again() -> None:
    now, signals = _signals(
        *(
            (float(n), one)
            for n, one in enumerate(
                (*SITTING, CanaryArrived(provider="a", message="m", seconds=1.0, strangers=EVIL))
            )
        )
    )
    accused = _decided(signals, now)
    assert accused is not None
    assert not asks(accused)
    # What accused it is over, and what one of us could have done stands.
    left = [one for one in signals if one.detector in BY_HAND]
    after = _decided(left, now, accused)
    assert after is not None
    assert {one.detector for view in after.opinions for one in view.reasons} <= BY_HAND
    assert not asks(after)
    assert judge(after, BUSY, STANDS).level is Level.CRITICAL


def test_an_owner_who_denies_and_a_person_who_says_so_end_the_question() -> None:
    incident = _incident(*SITTING)
    assert incident is not None
    denied = msgspec.structs.replace(BUSY, denied=1)
    assert judge(incident, denied, STANDS).level is Level.CRITICAL
    said = msgspec.structs.replace(incident, word=Word("usr_1", 0, Hypothesis.PROVIDER_COMPROMISED))
    assert not asks(said)
    assert judge(said, BUSY, STANDS).level is Level.CRITICAL
    assert not asks(msgspec.structs.replace(incident, state=State.CONTAINED))

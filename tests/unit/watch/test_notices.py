"""What providers tell their customers: one word of a mail or a page, and what it weighs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import attempt, log, run

from mailkeep.events.types import Fact
from mailkeep.watch import notices
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import provider_notice
from mailkeep.watch.engine import replay
from mailkeep.watch.events import PostureAccepted, PostureChanged, ProviderNoticed
from mailkeep.watch.notices import Notice
from mailkeep.watch.types import CorrelationSettings, Forger, Hypothesis


def _mail(subject: str, text: str = "Hello,\r\nthe team\r\n") -> bytes:
    return f"From: a@p.example\r\nSubject: {subject}\r\n\r\n{text}".encode()


@pytest.mark.parametrize(
    ("subject", "text", "notice"),
    [
        ("Security incident affecting some customers", "", Notice.SECURITY),
        ("Important", "An unauthorized\r\nparty had access to our tools.", Notice.SECURITY),
        ("Suspicious login to your account", "", Notice.SECURITY),
        ("=?utf-8?q?Your_account_has_been_suspended?=", "", Notice.SUSPENDED),
        ("Sending paused", "We have paused your sending.", Notice.SUSPENDED),
        ("Your account has been reinstated", "It was suspended.", Notice.OTHER),
        ("Your account", "Its email address has been changed.", Notice.CHANGE),
        ("New API key", "A new API key was created.", Notice.CHANGE),
        ("Major outage", "We look into it.", Notice.OUTAGE),
        ("Outage resolved", "The outage is over.", Notice.OTHER),
        ("Ten tips for your newsletter", "Read on.", Notice.OTHER),
        ("", "", Notice.OTHER),
    ],
)
def test_a_mail_is_about_one_thing(subject: str, text: str, notice: Notice) -> None:
    assert notices.of_mail(_mail(subject, text))[0] is notice


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("A new API key was created", "key"),
        ("A webhook was added", "webhook"),
        ("Your password has been changed", "account"),
        ("A team member was invited", "user"),
        ("The template 'welcome' was updated", "template"),
        ("New sign-in from a new device", ""),
        # Whoever makes the change chooses the name of what is changed.
        ("The user domain was added", ""),
        ("New sign-in: user added", ""),
        ("Security incident: a webhook was added", ""),
    ],
)
def test_a_notice_of_a_change_is_of_one_kind_or_of_none(subject: str, kind: str) -> None:
    assert notices.of_mail(_mail(subject))[1] == kind


def _incident(*states: tuple[str, str], **more: object) -> dict[str, object]:
    """One of a status page, as Statuspage's API has it, the newest update first."""
    affected = [
        {"code": name, "name": name, "old_status": "operational", "new_status": state}
        for name, state in states
    ]
    update = {
        "status": "investigating",
        "body": "We look into it.",
        "affected_components": affected,
    }
    made = {"id": "x1", "name": "Trouble", "status": "investigating", "impact": "minor"}
    return {**made, "incident_updates": [update], "components": [], **more}


@pytest.mark.parametrize(
    ("incident", "components", "notice"),
    [
        (_incident(("API", "major_outage")), ("API",), Notice.OUTAGE),
        (_incident(("API", "major_outage")), ("api", "SMTP"), Notice.OUTAGE),
        (_incident(("Web app", "major_outage"), impact="critical"), ("API",), Notice.OTHER),
        (_incident(("Web app", "major_outage")), (), Notice.OUTAGE),
        (_incident(("API", "degraded_performance")), ("API",), Notice.OTHER),
        (_incident(("API", "degraded_performance"), impact="major"), ("API",), Notice.OUTAGE),
        (_incident(("API", "major_outage"), status="resolved"), ("API",), Notice.OTHER),
        (_incident(("API", "major_outage"), status="scheduled"), ("API",), Notice.OTHER),
        (_incident(impact="critical"), ("API",), Notice.OUTAGE),
        (_incident(impact="critical", incident_updates=[]), (), Notice.OUTAGE),
        (
            _incident(components=[{"name": "API", "status": "partial_outage"}]),
            ("API",),
            Notice.OUTAGE,
        ),
        (_incident(name="Unauthorized access to tools"), ("API",), Notice.SECURITY),
        (
            _incident(incident_updates=[{"body": None, "affected_components": None}]),
            (),
            Notice.OTHER,
        ),
    ],
)
def test_an_incident_counts_by_its_component(
    incident: dict[str, object], components: tuple[str, ...], notice: Notice
) -> None:
    page = json.dumps({"page": {"id": "p"}, "incidents": [incident]}).encode()
    assert notices.of_incidents(page, components) is notice


def test_a_page_that_is_none_says_nothing() -> None:
    for page in (b"", b"[]", b"{}", b'{"incidents": 1}', b"[" * 9999, b" " * 600_000 + b"{}"):
        assert notices.of_incidents(page) is None


@given(st.binary(max_size=400))
def test_whatever_comes_is_about_something(raw: bytes) -> None:
    assert notices.of_mail(b"Subject: account " + raw)[0] in Notice
    assert notices.of_page(raw) is None or raw


def test_a_long_text_is_quick() -> None:
    for piece in ("account ", "account suspende ", "password " * 3, "two-factor a "):
        assert notices.of_mail(_mail("x", piece * 20_000))[0] in Notice


@pytest.mark.parametrize(
    ("page", "notice"),
    [
        ({"page": {"id": "x"}, "status": {"indicator": "none"}}, Notice.OTHER),
        ({"status": {"indicator": "minor"}}, Notice.OTHER),
        ({"status": {"indicator": "major", "description": "x"}}, Notice.OUTAGE),
        ({"status": {"indicator": "critical"}}, Notice.OUTAGE),
        ({"status": {"indicator": "purple"}}, None),
        ({"status": "critical"}, None),
        ([], None),
    ],
)
def test_a_status_page_says_one_thing(page: object, notice: Notice | None) -> None:
    assert notices.of_page(json.dumps(page).encode()) is notice


def test_a_page_is_bounded() -> None:
    assert notices.of_page(b'{"status":{"indicator":"major"},"x":"' + b"a" * 70_000 + b'"}') is None


def _open(*facts: ProviderNoticed) -> set[Hypothesis]:
    beliefs = Beliefs()
    signals = run(
        provider_notice.DETECTOR, log(*((n * 4000.0, one) for n, one in enumerate(facts)))
    )
    for one in signals:
        beliefs = hear(beliefs, one)
    found = weigh(beliefs, signals[-1].at, CorrelationSettings())[1]
    return {one.hypothesis for one in found if one.open}


@pytest.mark.parametrize("notice", [one for one in Notice if one is not Notice.OTHER])
@pytest.mark.parametrize("authentic", [True, False])
def test_a_notice_is_a_sign_and_opens_nothing_alone(notice: Notice, authentic: bool) -> None:
    fact = ProviderNoticed(provider="a", via="mail", notice=notice.value, authentic=authentic)
    one, *again = run(provider_notice.DETECTOR, log((1, attempt()), (2, fact), (3, fact)))
    # A second one that it signed, of a change, may be of another change.
    assert len(again) == (authentic and notice is Notice.CHANGE)
    assert one.subject.id == "a"
    assert one.forger is (Forger.NOBODY if authentic else Forger.ANYONE)
    assert not one.own_observation
    assert authentic or max(one.evidence.values()) <= 1.0  # phishing in its name comes weekly
    assert _open(*[fact] * 9) == set()


def test_what_is_not_understood_is_quiet() -> None:
    facts = [
        ProviderNoticed(provider="a", via="mail", notice=one, authentic=True)
        for one in ("other", "later-word")
    ]
    assert run(provider_notice.DETECTOR, log(*((n, one) for n, one in enumerate(facts)))) == []


def _changed(name: str, kind: str = "key", *, expected: bool = False) -> PostureChanged:
    return PostureChanged(
        provider="a",
        change=name,
        item_kind=kind,
        item=f"item_{name}",
        what="added",
        fields=(),
        strange=False,
        expected=expected,
    )


def _of(about: str = "key", *, authentic: bool = True) -> ProviderNoticed:
    return ProviderNoticed(
        provider="a", via="mail", notice="change", authentic=authentic, about=about
    )


def _weighs(*timed: tuple[float, Fact]) -> float:
    """What the notices add, as people read it: what rests on a fact that counts already adds
    nothing."""
    beliefs, facts = Beliefs(), log(*timed)
    signals = replay(facts)
    for one in signals:
        beliefs = hear(beliefs, one)
    found = weigh(beliefs, facts[-1].placed_at, CorrelationSettings())[1]
    terms = [term for one in found for term in one.terms if term.detector == provider_notice.NAME]
    return round(sum(one.counted for one in terms), 1)


ACCEPTED = PostureAccepted(provider="a", changes=("c1",), by="uid:0")


@pytest.mark.parametrize("late", [False, True])
def test_a_notice_of_a_change_that_is_known_to_be_ours_says_little(late: bool) -> None:
    """Whichever is seen first: the mail comes at once, an account is read once a minute."""
    change, notice = (2, 1) if late else (1, 2)
    assert _weighs((notice, _of()), (change, _changed("c1", expected=True))) <= 0.3
    assert _weighs((notice, _of()), (change, _changed("c1")), (9, ACCEPTED)) <= 0.3


@pytest.mark.parametrize(
    "beside",
    [
        (1, _changed("c1", "template", expected=True)),
        (-7200, _changed("c1", expected=True)),
        (
            1,
            PostureChanged(
                provider="b",
                change="c1",
                item_kind="key",
                item="i",
                what="added",
                fields=(),
                strange=False,
                expected=True,
            ),
        ),
    ],
)
def test_a_change_of_another_kind_or_day_or_provider_explains_no_notice(
    beside: tuple[float, Fact],
) -> None:
    """A colleague works at templates while somebody makes a key."""
    assert _weighs(beside, (2, _of())) == 1.5


def test_a_notice_and_the_change_that_it_is_of_count_once() -> None:
    assert _weighs((1, _changed("c1")), (2, _of())) == 0.0
    assert _weighs((1, _of("")), (2, _changed("c1"))) == 1.5


def test_who_makes_a_key_beside_our_own_is_told_by_the_second_notice() -> None:
    ours = (1, _changed("c1", expected=True))
    assert _weighs(ours, (2, _of()), (3, _of())) == 1.5
    assert _weighs(ours, (2, _of()), (2000, _of("webhook"))) == 1.5


def test_what_anyone_writes_in_its_name_drives_no_notice_of_a_break_in_out() -> None:
    breach = ProviderNoticed(provider="a", via="mail", notice="security", authentic=True)
    forged = [(10 + 1600.0 * n, _of(authentic=False)) for n in range(40)]
    at = 41 * 1600.0
    after = [(at, _of()), (at + 1, _changed("c1")), (at + 2, ACCEPTED)]
    assert _weighs((1, breach), *forged, *after) > 2.5


@pytest.mark.parametrize("abouts", [("key",), ("key", "webhook", "user", "")])
def test_changes_at_the_console_drive_no_other_notice_out(abouts: tuple[str, ...]) -> None:
    """Whoever is in there makes as many as they like, and each is told of in a signed mail; the
    next one that is ours says all anew that stands."""
    stopped = ProviderNoticed(provider="a", via="mail", notice="suspended", authentic=True)
    outage = ProviderNoticed(provider="a", via="page", notice="outage", authentic=True)
    changes = [(10.0 + n, _of(abouts[n % len(abouts)])) for n in range(20)]
    ours = [
        (40.0, _changed("c1")),
        (41.0, PostureAccepted(provider="a", changes=("c1",), by="uid:0")),
    ]
    said = run(provider_notice.DETECTOR, log((1, stopped), (2, outage), *changes, *ours))
    restated = max(number for number, one in enumerate(said) if one.restates)
    stand = [one.evidence.get(Hypothesis.PROVIDER_SILENT, 0.0) for one in said[restated:]]
    assert len(stand) == provider_notice.MOST_STANDING
    assert {4.0, 3.0} <= set(stand)


def test_what_anyone_writes_drives_nothing_out_that_a_provider_signed() -> None:
    signed = [(float(n), _of("" if n else "key")) for n in range(provider_notice.MOST_STANDING)]
    forged = [(10.0 + n, _of("webhook", authentic=False)) for n in range(40)]
    said = run(provider_notice.DETECTOR, log(*signed, *forged, (60, _changed("c1", expected=True))))
    assert len(said) == 2 * len(signed), "what finds no place is not said, however often it comes"
    assert said[-len(signed)].evidence == provider_notice.OURS

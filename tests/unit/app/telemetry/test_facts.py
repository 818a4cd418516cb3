"""What is counted of facts, and that no fact can make a label of its own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts.events import SignInFailed
from mailkeep.accounts.types import SignInFailure
from mailkeep.app.telemetry.beginnings import series
from mailkeep.app.telemetry.catalogue import BY_NAME
from mailkeep.app.telemetry.facts import GIVEN_UP, SIGN_IN_FAILED, FactCounter
from mailkeep.app.telemetry.metrics import Metrics
from mailkeep.base.clock import SECOND
from mailkeep.base.ids import made_at, new_id
from mailkeep.events.events import FactSetAside
from mailkeep.events.types import decode, encode
from mailkeep.incidents.events import IncidentOpened
from mailkeep.mail.events import (
    AttemptFinished,
    DeliveryReported,
    FailedOver,
    MessageAccepted,
    MessageGivenUp,
)
from mailkeep.mail.types import GiveUpReason, RouteSettings, StreamSettings
from mailkeep.recovery.events import RecoveryDenied
from mailkeep.response.events import ActionApplied
from mailkeep.watch.events import CanaryArrived

AT = 1_700_000_000 * SECOND
MESSAGE = new_id("msg", AT)
STREAM = StreamSettings("alert", 1, (RouteSettings("a"), RouteSettings("b")))


def counter(metrics: Metrics) -> FactCounter:
    return FactCounter(
        metrics,
        streams=["alert"],
        providers=["a", "b"],
        subscribers=["watch"],
        actions=["cut_provider"],
        detectors=["denial"],
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def attempt(provider: str = "a", stream: str = "alert") -> AttemptFinished:
    return AttemptFinished(
        message=MESSAGE,
        attempt="att_1",
        provider=provider,
        stream=stream,
        address="address_1",
        outcome="accepted",
        detail="",
        seconds=0.02,
    )


def test_the_life_of_a_message_is_counted() -> None:
    metrics = Metrics()
    count = counter(metrics)
    delivered = DeliveryReported(
        provider="a",
        claim="1",
        event="delivered",
        message=MESSAGE,
        stream="alert",
        address="address_1",
        at_provider=None,
    )
    count([MessageAccepted(message=MESSAGE, stream="alert", address="address_1")] * 2, AT)
    count(
        [
            attempt(),
            FailedOver(message=MESSAGE, stream="alert", left="a", taken="b", because="unavailable"),
        ],
        AT,
    )
    count(
        [
            delivered,
            MessageGivenUp(message=MESSAGE, stream="alert", address="address_1", why="expired"),
        ],
        AT + 3 * SECOND,
    )
    assert value(metrics, "mailkeep_messages_accepted_total", stream="alert") == 2
    of = {"stream": "alert", "provider": "a"}
    assert value(metrics, "mailkeep_attempts_total", outcome="accepted", **of) == 1
    assert value(metrics, "mailkeep_attempt_seconds_bucket", le="0.025", **of) == 1
    assert value(metrics, "mailkeep_attempt_seconds_bucket", le="0.01", **of) == 0
    moved = {"stream": "alert", "left": "a", "taken": "b"}
    assert value(metrics, "mailkeep_failovers_total", **moved) == 1
    assert value(metrics, "mailkeep_claims_total", provider="a", event="delivered") == 1
    assert value(metrics, "mailkeep_delivery_seconds_sum", **of) == pytest.approx(3, abs=0.001)
    assert value(metrics, "mailkeep_given_up_total", stream="alert", why="expired") == 1


def test_what_is_seldom_is_counted_too() -> None:
    metrics = Metrics()
    counter(metrics)(
        [
            CanaryArrived(provider="a", message="m", seconds=0.5, strangers=("evil.example",)),
            CanaryArrived(provider="a", message="m", seconds=0.5, strangers=()),
            IncidentOpened(incident="i", subject_kind="provider", subject_id="a", hypotheses=()),
            ActionApplied(incident="i", action="cut_provider", by="playbook"),
            RecoveryDenied(
                recovery="r", account="acc", after_completion=False, provider="a", acted=True
            ),
            FactSetAside(subscriber="watch", fact="evt", of="mail.accepted", error="KeyError"),
        ],
        AT,
    )
    assert value(metrics, "mailkeep_canaries_total", provider="a", result="arrived") == 2
    assert value(metrics, "mailkeep_canary_strangers_total", provider="a") == 1
    assert value(metrics, "mailkeep_incidents_opened_total", kind="provider") == 1
    applied = {"action": "cut_provider", "result": "applied"}
    assert value(metrics, "mailkeep_actions_total", **applied) == 1
    assert value(metrics, "mailkeep_recoveries_total", stage="denied") == 1
    assert value(metrics, "mailkeep_facts_set_aside_total", subscriber="watch") == 1


NAME = st.text(max_size=30)


@given(st.lists(st.tuples(NAME, NAME, NAME), min_size=1, max_size=30))
def test_no_name_that_the_settings_do_not_know_becomes_a_label(
    names: list[tuple[str, str, str]],
) -> None:
    metrics = Metrics()
    count = counter(metrics)
    for one, two, three in names:
        facts = [
            MessageAccepted(message=three, stream=one, address=two),
            attempt(one, two),
            FailedOver(message=three, stream=one, left=two, taken=three, because=one),
            MessageGivenUp(message=three, stream=one, address=two, why=three),
            DeliveryReported(
                provider=one,
                claim=two,
                event="delivered",
                message=three,
                stream=one,
                address=two,
                at_provider=None,
            ),
            CanaryArrived(provider=one, message=two, seconds=0.1, strangers=(three,)),
            IncidentOpened(incident=one, subject_kind=two, subject_id=three, hypotheses=(one,)),
            ActionApplied(incident=one, action=two, by=three),
            FactSetAside(subscriber=one, fact=two, of=three, error=one),
        ]
        count(facts, AT)
    known = {"alert", "a", "b", "watch", "cut_provider", "denial", "other", "provider", "campaign"}
    known |= {"accepted", "delivered", "arrived", "applied"} | GIVEN_UP
    for family in metrics.registry.collect():
        if family.name.startswith("mailkeep_") and family.name != "mailkeep_build_info":
            for sample in family.samples:
                kept = {label: one for label, one in sample.labels.items() if label != "le"}
                assert set(kept.values()) <= known, sample


def test_a_fact_that_cannot_be_counted_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    count = counter(metrics)
    monkeypatch.setattr(metrics, "observe", None)
    count([attempt(), MessageAccepted(message=MESSAGE, stream="alert", address="address_1")], AT)
    assert value(metrics, "mailkeep_messages_accepted_total", stream="alert") == 1


@pytest.mark.parametrize("why", list(GiveUpReason))
def test_each_reason_for_giving_mail_up_has_a_label_of_its_own(why: GiveUpReason) -> None:
    metrics = Metrics()
    counter(metrics)(
        [MessageGivenUp(message=MESSAGE, stream="alert", address="address_1", why=why)], AT
    )
    assert value(metrics, "mailkeep_given_up_total", stream="alert", why=why.value) == 1
    # These end recovery mail on purpose, and the alert on it must know them from what it pages for.
    assert {"erased", "class", "cancelled", "restored"} <= GIVEN_UP


@pytest.mark.parametrize("why", list(SignInFailure))
def test_each_reason_for_refusing_a_sign_in_has_a_label_of_its_own(why: SignInFailure) -> None:
    metrics = Metrics()
    counter(metrics)([SignInFailed(account="acc", address=None, network="network_1", why=why)], AT)
    assert value(metrics, "mailkeep_sign_ins_total", result=why.value) == 1
    assert "console" in SIGN_IN_FAILED


def test_a_reason_of_another_version_stays_as_it_was_written_and_is_counted_as_other() -> None:
    stored = '{"message":"m","stream":"alert","address":"address_1","why":"a later word"}'
    fact = decode(MessageGivenUp.kind, stored)
    assert isinstance(fact, MessageGivenUp)
    assert (fact.why, f"{fact.why}", encode(fact)) == ("a later word", "a later word", stored)
    metrics = Metrics()
    counter(metrics)([fact], AT)
    assert value(metrics, "mailkeep_given_up_total", stream="alert", why="other") == 1
    known = decode(MessageGivenUp.kind, stored.replace("a later word", "no body"))
    assert isinstance(known, MessageGivenUp)
    assert known.why is GiveUpReason.NO_BODY
    with pytest.raises(msgspec.ValidationError):
        decode(MessageGivenUp.kind, stored.replace('"a later word"', "7"))


def test_series_that_begin_at_nought_fit_their_metrics_and_stay_few() -> None:
    begun = list(series([STREAM], ["a", "b"], ["a"], ["watch"], ["siem"], ["okta"]))
    assert len(set(begun)) == len(begun) < 180
    for name, *labels in begun:
        assert len(labels) == len(BY_NAME[name].labels), name
        assert BY_NAME[name].kind == "counter"
    assert ("mailkeep_failovers_total", "alert", "a", "b") in begun
    assert ("mailkeep_attempts_total", "alert", "b", "suspended") in begun


def test_an_id_tells_when_it_was_made() -> None:
    assert made_at(new_id("msg", AT + 1_234_567)) == AT + 1_234_000
    for name in ("", "msg", "msg_", "msg_01", "msg_iiiiiiiiiiiiiiii", "7"):
        assert made_at(name) is None

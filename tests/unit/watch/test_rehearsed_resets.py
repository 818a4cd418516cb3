"""Resets that an application tells of: what detectors learn from its word, and what who holds its
API key cannot have them believe, overlook or say."""

from watch_logs import START, log, request, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.recovery.events import RecoveryRehearsed
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import honey_account, reset_fanout, reset_surge
from mailkeep.watch.engine import replay
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Forger,
    HoneyAccount,
    HoneySettings,
    Hypothesis,
    WatchSettings,
)

HONEY = WatchSettings(honey_account=HoneySettings((HoneyAccount("address_7", "b"),)))
COMPROMISED = Hypothesis.PROVIDER_COMPROMISED


def told(number: int, *, network: str = "network_1", browser: str = "") -> Fact:
    return RecoveryRehearsed(
        rehearsal=f"reh_{number}",
        application="app_1",
        account=None,
        address=f"address_{number}",
        network=network,
        browser=browser,
        would="not_registered",
    )


def usual(ask: object, count: int = 300) -> list[tuple[float, Fact]]:
    return [(n * 60.0, ask(n)) for n in range(count)]


def test_a_surge_that_is_told_of_is_a_campaign_and_names_no_provider() -> None:
    facts = usual(told) + [(18_000 + n * 6.0, told(300 + n)) for n in range(30)]
    (signal,) = run(reset_surge.DETECTOR, log(*facts))
    assert signal.subject == RESETS
    assert signal.evidence.keys() == {Hypothesis.CAMPAIGN}
    assert signal.reason.endswith("as an application says")
    assert (signal.own_observation, signal.forger) == (False, Forger.ANYONE)


def test_what_is_told_makes_no_surge_usual_that_we_see() -> None:
    """A thief of the key tells of ten times as many for a day, and then attacks our own pages."""
    surge = [(18_000 + n * 6.0, request(300 + n)) for n in range(30)]
    flood = [(n * 2.0, told(10_000 + n)) for n in range(9_000)]
    quiet = run(reset_surge.DETECTOR, log(*usual(request), *surge))
    loud = run(reset_surge.DETECTOR, log(*usual(request), *flood, *surge))
    assert len(quiet) == 1
    assert [one for one in loud if not one.reason.endswith("says")] == [
        one for one in loud if one.at == quiet[0].at
    ]
    assert [one.at for one in loud if not one.reason.endswith("says")] == [quiet[0].at]


def test_one_hand_that_asks_for_many_is_told_of() -> None:
    facts = [(n * 60.0, told(n, network="", browser="device_1")) for n in range(8)]
    signals = run(reset_fanout.DETECTOR, log(*facts))
    assert signals[0].reason == "one browser asked for resets of 5 different addresses" + (
        reset_fanout.TOLD
    )
    assert signals[0].evidence.keys() == {Hypothesis.CAMPAIGN}


def test_made_up_networks_push_out_none_that_we_see() -> None:
    mine = [(n * 60.0, request(n)) for n in range(4)]
    flood: list[tuple[float, Fact]] = [
        (300 + n * 0.1, told(1000 + n, network=f"network_{n // 4}", browser=f"b{n // 4}"))
        for n in range(6000)
    ]
    mine += [(1000 + n * 60.0, request(4 + n)) for n in range(2)]
    signals = run(reset_fanout.DETECTOR, log(*mine, *flood))
    assert any("5 different" in one.reason and "says" not in one.reason for one in signals)


def test_a_honey_address_that_is_told_of_is_looked_at_and_cuts_nobody_off() -> None:
    (signal,) = run(honey_account.DETECTOR, log((1, told(7))), settings=HONEY)
    assert (signal.own_observation, signal.forger) == (False, Forger.CUSTOMERS)
    beliefs = Beliefs()
    for one in replay(log((1, told(7))), HONEY):
        beliefs = hear(beliefs, one)
    opinions = weigh(beliefs, START + 2 * SECOND, CorrelationSettings())[1]
    assert any(one.hypothesis is Hypothesis.CAMPAIGN and one.open for one in opinions)
    framed = [one for one in opinions if one.hypothesis is COMPROMISED]
    assert not any(one.open or one.may_cut_automatically for one in framed)


def test_what_is_told_silences_no_touch_that_we_see() -> None:
    signals = run(honey_account.DETECTOR, log((1, told(7)), (2, request(7))), settings=HONEY)
    assert [one.own_observation for one in signals] == [False, True]

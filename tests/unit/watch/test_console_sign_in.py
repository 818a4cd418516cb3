"""What audit logs tell: quiet and loud logs, and what a liar could do with one."""

from watch_logs import drifted, log, run

from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.detectors import console_sign_in
from mailkeep.watch.events import ConsoleAccepted, ConsoleUsed
from mailkeep.watch.types import (
    OUR_HOUSE,
    CorrelationSettings,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    provider_subject,
)

DAY = 86_400.0
NUMBER = iter(range(10**9))


def used(
    act: str = "sign_in",
    actor: str = "ada",
    network: str = "office",
    *,
    party: str = "a",
    provider: bool = True,
    told: str = "",
    inside: bool | None = None,
    factor: bool | None = True,
    root: bool = False,
    domain: str = "",
    expected: bool = False,
) -> Fact:
    told = told or f"line_{next(NUMBER)}"
    return ConsoleUsed(
        told=told,
        log="okta",
        party=party,
        provider=provider,
        act=act,
        actor=actor,
        network=network,
        inside=inside,
        factor=factor,
        root=root,
        domain=domain,
        expected=expected,
    )


def learned(party: str = "a", *, provider: bool = True) -> list[tuple[float, Fact]]:
    """Three weeks of one person at work."""
    return [(n * DAY, used(party=party, provider=provider)) for n in range(21)]


def _run(*timed: tuple[float, Fact]) -> list[Signal]:
    # Nothing here waits for time to pass: facts are enough.
    running = console_sign_in.DETECTOR.run(WatchSettings())
    return [signal for one in log(*timed) for signal in running.step(one)]


def _held(signals: list[Signal], through: float = 0.0) -> list[Opinion]:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    at = max(one.at for one in signals)
    return [one for one in weigh(beliefs, at, CorrelationSettings())[1] if one.open]


def test_people_who_are_known_where_they_work_are_quiet() -> None:
    assert _run(*learned(), (21 * DAY, used())) == []
    assert run(console_sign_in.DETECTOR, log((0, drifted()), (5, drifted(number=1))), 10) == []


def test_the_first_weeks_only_teach_and_named_networks_count_at_once() -> None:
    crowd = [(n * 100.0, used(actor=f"p{n}", network=f"n{n}")) for n in range(50)]
    assert _run(*crowd) == []
    (signal,) = _run((0, used(inside=True)), (1, used(inside=False, network="cafe")))
    assert signal.evidence == {Hypothesis.PROVIDER_COMPROMISED: 1.0}


def test_a_strangers_sign_in_opens_nothing_and_with_a_key_that_he_makes_it_does() -> None:
    at = 21 * DAY
    stranger = {"actor": "mallory", "network": "far"}
    first = _run(*learned(), (at, used(**stranger)))
    assert first[-1].subject == provider_subject("a")
    assert first[-1].evidence == {Hypothesis.PROVIDER_COMPROMISED: 4.6}
    assert not first[-1].own_observation
    assert _held(first) == []
    both = _run(*learned(), (at, used(**stranger)), (at + 60, used("key", **stranger)))
    (held,) = _held(both)
    assert held.hypothesis is Hypothesis.PROVIDER_COMPROMISED
    assert not held.may_cut_automatically


def test_his_first_sign_in_does_not_vouch_for_his_second_act() -> None:
    at = 21 * DAY
    stranger = {"actor": "mallory", "network": "far"}
    signals = _run(*learned(), (at, used(**stranger)), (at + 2 * DAY, used("key", **stranger)))
    assert signals[-1].evidence == {Hypothesis.PROVIDER_COMPROMISED: 6.2}
    # A new colleague is known after a week, and again new after half a year away.
    colleague = [(at + n * DAY, used(actor="bo")) for n in range(9)]
    assert _run(*learned(), *colleague)[-1].at == log((at + 6 * DAY, used()))[0].at
    assert len(_run(*learned(), (at + 200 * DAY, used()))) == 1


def test_the_same_act_told_often_is_one_act() -> None:
    at = 21 * DAY
    again = [(at + n, used(actor="mallory", network="far")) for n in range(300)]
    signals = _run(*learned(), *again)
    assert {one.evidence[Hypothesis.PROVIDER_COMPROMISED] for one in signals} == {4.6}


def test_forged_lines_wake_people_and_never_cut() -> None:
    """Whoever has the key of a log, or its house, names whom he likes."""
    at = 21 * DAY
    flood = [
        (at + n, used(act, f"m{n}", f"n{n}", root=True, factor=False))
        for n, act in enumerate(["sign_in", "key", "user", "change"] * 100)
    ]
    signals = _run(*learned(), *flood)
    assert max(one.evidence[Hypothesis.PROVIDER_COMPROMISED] for one in signals) == 8.2
    (held,) = _held(signals)
    assert not held.may_cut_automatically
    # Nobody else is accused, and who was known still is.
    assert {one.subject for one in signals} == {provider_subject("a")}
    after = _run(*learned(), *flood, (at + 2 * DAY, used()))
    assert len(after) == len(signals)


def test_what_the_account_shows_itself_counts_once() -> None:
    at = 21 * DAY
    stranger = {"actor": "mallory", "network": "far"}
    key = used("key", **stranger)
    for told, shown in ((at, at + 60), (at + 600, at)):
        signals = _run(*learned(), (told, key), (shown, drifted(kind="key")))
        assert signals[-1].evidence == {Hypothesis.PROVIDER_COMPROMISED: 6.2 - 2.0}
    apart = _run(*learned(), (at, drifted(kind="key")), (at + 7200, key))
    assert apart[-1].evidence == {Hypothesis.PROVIDER_COMPROMISED: 6.2}


def test_what_was_announced_or_accepted_weighs_next_to_nothing() -> None:
    at = 21 * DAY
    (said,) = _run(*learned(), (at, used("key", "bo", "home", expected=True)))
    assert said.evidence == {Hypothesis.PROVIDER_COMPROMISED: 0.3}
    lines = (at, used("key", "bo", "home", told="l1")), (at + 1, used(actor="bo", network="home"))
    accepted = (at + 60, ConsoleAccepted(told=("l1",), by="key_op"))
    signals = _run(*learned(), *lines, accepted, (at + 120, used(actor="bo", network="home")))
    # The key is taken back; the sign-in stands until it is accepted too; what comes is known.
    assert signals[-1].evidence == {Hypothesis.PROVIDER_COMPROMISED: 4.6}
    assert signals[-1].at == log((at + 60, used()))[0].at


def test_dns_accuses_nobody_and_other_houses_are_our_own_matter() -> None:
    at = 21 * DAY
    dns = {"party": "dns", "provider": False}
    stranger = {"actor": "mallory", "network": "far"}
    change = used("dns", domain="example.com", **stranger, **dns)
    signals = _run(*learned("dns", provider=False), (at, change))
    assert signals[-1].subject == domain_subject("example.com")
    (held,) = _held(signals)
    assert held.hypothesis is Hypothesis.DOMAIN_ABUSED
    house = {"party": "okta", "provider": False}
    loud = [(at, used(**stranger, **house)), (at + 1, used("user", **stranger, **house))]
    signals = _run(*learned("okta", provider=False), *loud)
    assert {one.subject for one in signals} == {OUR_HOUSE}
    (held,) = _held(signals)
    assert held.hypothesis is Hypothesis.LEAKED_HERE


def test_without_a_second_factor_and_as_the_owner_it_weighs_more() -> None:
    at = 21 * DAY
    (one,) = _run(*learned(), (at, used(actor="mallory", network="far", factor=False)))
    assert one.evidence == {Hypothesis.PROVIDER_COMPROMISED: 4.6 + 0.7}
    (one,) = _run(*learned(), (at, used(root=True)))
    assert one.evidence == {Hypothesis.PROVIDER_COMPROMISED: 1.5}

"""``reset_fanout``, ``redeemed_undelivered``, ``misplaced_redemption`` and ``takeover_pattern``:
quiet, loud, and attacked."""

import random

import msgspec
import pytest
from watch_logs import START, log, run

from mailkeep.accounts.events import (
    AccountOpened,
    ChangeHeld,
    FactorBound,
    FactorRevoked,
    SignedInFact,
)
from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Fact
from mailkeep.mail.events import DeliveryReported
from mailkeep.recovery.events import (
    ProofRedeemed,
    ProofSent,
    RecoveryCompleted,
    RecoveryHeld,
    RecoveryRequested,
)
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import (
    misplaced_redemption,
    redeemed_undelivered,
    reset_fanout,
    takeover_pattern,
)
from mailkeep.watch.engine import replay
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    provider_subject,
)

Timed = list[tuple[float, Fact]]
CAMPAIGN = Hypothesis.CAMPAIGN
COMPROMISED = Hypothesis.PROVIDER_COMPROMISED
TARGETED = Hypothesis.ACCOUNT_TARGETED


# reset_fanout


def _asks(number: int, network: str, browser: str) -> Fact:
    return RecoveryRequested(
        recovery=None, account=None, address=f"address_{number}", network=network, browser=browser
    )


def test_one_browser_that_asks_for_many_accounts_slowly_is_said() -> None:
    facts = [(n * 1800.0, _asks(n, f"network_{n}", "his")) for n in range(20)]
    signals = run(reset_fanout.DETECTOR, log(*facts))
    assert signals[0].at == START + 4 * 1800 * SECOND  # the fifth
    assert [one.reason.split()[6] for one in signals] == ["5", "10", "20"]
    assert {one.subject for one in signals} == {RESETS}
    assert {one.forger for one in signals} == {Forger.ANYONE}
    assert all(one.evidence.keys() == {CAMPAIGN} for one in signals)


def test_one_network_with_a_fresh_browser_each_time_is_said_later() -> None:
    facts = [(n * 1800.0, _asks(n, "his", f"browser_{n}")) for n in range(20)]
    signals = run(reset_fanout.DETECTOR, log(*facts))
    assert signals[0].at == START + 7 * 1800 * SECOND  # the eighth
    assert max(one.evidence[CAMPAIGN] for one in signals) <= 3.0


def test_people_who_ask_for_their_own_account_are_quiet() -> None:
    chance = random.Random(1)
    facts: Timed = []
    for n in range(2000):
        facts.append((chance.uniform(0, 30 * 86_400), _asks(n, f"network_{n % 400}", f"b_{n}")))
        facts.append((facts[-1][0] + 60, _asks(n, f"network_{n % 400}", f"b_{n}")))
    assert run(reset_fanout.DETECTOR, log(*facts)) == []


def test_a_flood_of_sources_does_not_push_out_one_that_is_at_it() -> None:
    slow = [(n * 3000.0, _asks(n, "his", "his")) for n in range(1, 6)]
    noise = [(n * 2.0, _asks(10_000 + n, f"net_{n}", f"browser_{n}")) for n in range(3000)]
    running = reset_fanout.DETECTOR.run(WatchSettings())
    # Two of his are in before the flood begins.
    facts = log(*slow, *((6500 + when, one) for when, one in noise))
    signals = [signal for fact in facts for signal in running.step(fact)]
    assert signals
    assert len(running.save()) < 300_000


# redeemed_undelivered


def _usual(provider: str = "a", count: int = 40, until: float = 40_000.0) -> Timed:
    """Proofs whose delivery is reported in three seconds."""
    facts: Timed = []
    for n in range(count):
        at, name = n * until / count, f"usual_{provider}_{until}_{n}"
        facts += [
            (
                at,
                ProofSent(
                    recovery=name,
                    account=f"account_{name}",
                    proof="link",
                    message=name,
                    provider=provider,
                ),
            ),
            (at + 3, _report(name, provider, at + 2)),
        ]
    return facts


def _report(message: str, provider: str, at: float | None, event: str = "delivered") -> Fact:
    when = None if at is None else START + round(at * SECOND)
    return DeliveryReported(
        provider=provider,
        claim=f"c {message} {event}",
        event=event,
        message=message,
        stream="x",
        address=None,
        at_provider=when,
    )


def _proof(name: str, at: float, redeemed: float, *, known: bool = False) -> Timed:
    providers = ("a",)
    shown = ProofRedeemed(
        recovery=name,
        account=f"account_{name}",
        proof="link",
        providers=providers,
        same_browser=False,
        known_browser=known,
        network="n",
        browser="b",
    )
    return [
        (
            at,
            ProofSent(
                recovery=name, account=f"account_{name}", proof="link", message=name, provider="a"
            ),
        ),
        (redeemed, shown),
    ]


def test_a_proof_that_is_shown_and_never_delivered_names_its_route() -> None:
    facts = [*_usual(), *_proof("r1", 41_000, 41_060), *_usual(until=50_000)]
    (signal,) = run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000)
    assert signal.subject == provider_subject("a")
    assert signal.evidence == {COMPROMISED: 2.5}
    assert signal.forger is Forger.CUSTOMERS


def test_one_that_the_provider_says_came_later_than_it_was_shown_does_too() -> None:
    facts = [*_usual(), *_proof("r1", 41_000, 41_060), (41_090, _report("r1", "a", 41_080))]
    (signal,) = run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000)
    assert (signal.at - START) / SECOND == 41_090


def test_mail_that_was_delivered_or_told_late_is_quiet() -> None:
    for reported, happened in ((41_002, 41_001), (41_100, 41_001), (41_100, None)):
        facts = [*_usual(), *_proof("r1", 41_000, 41_060)]
        facts += [(reported, _report("r1", "a", happened)), *_usual(until=50_000)]
        assert run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000) == []


def test_a_provider_whose_reports_fail_or_never_came_is_not_held_to_them() -> None:
    silent = [*_usual(), *_proof("r1", 41_000, 41_060)]
    assert run(redeemed_undelivered.DETECTOR, log(*silent), through=90_000) == []
    never = [one for one in _usual() if isinstance(one[1], ProofSent)]
    facts = [*never, *_proof("r1", 41_000, 41_060)]
    assert run(redeemed_undelivered.DETECTOR, log(*facts), through=90_000) == []


def test_what_scanners_open_and_the_suspect_says_afterwards_changes_nothing() -> None:
    facts = [*_usual(), *_proof("r1", 41_000, 41_060)]
    facts += [(41_010, _report("r1", "a", 41_005, "opened")), *_usual(until=50_000)]
    facts += [(52_000, _report("r1", "a", 41_001))]  # its own word, much later
    signals = run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000)
    assert [one.evidence for one in signals] == [{COMPROMISED: 2.5}]


def test_a_customer_with_a_server_of_his_own_frames_nobody() -> None:
    """He takes the mail, redeems, and refuses it, again and again."""
    facts = _usual()
    for n in range(6):
        facts += [
            (when, msgspec.structs.replace(one, account="his"))
            for when, one in _proof(f"r{n}", 41_000 + n * 100, 41_050 + n * 100)
        ]
        facts.append((41_080 + n * 100, _report(f"r{n}", "a", 41_079 + n * 100, "bounced")))
    facts += _usual(until=50_000)
    signals = run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000)
    assert {one.evidence[COMPROMISED] for one in signals} == {1.25}
    # Owners who come with their own browser and show the same say that the reports fail.
    owners = [_proof(f"o{n}", 41_000 + n, 41_050 + n, known=True) for n in range(3)]
    facts = [*_usual(), *(fact for one in owners for fact in one)]
    facts += [*_proof("r1", 41_200, 41_250), *_usual(until=50_000)]
    (signal,) = run(redeemed_undelivered.DETECTOR, log(*facts), through=60_000)
    assert signal.evidence[COMPROMISED] == 2.5 / 4


def test_proofs_of_one_account_do_not_push_out_those_of_others() -> None:
    victim = _proof("r1", 41_000, 43_000)
    flood = [
        (
            41_001 + n * 0.5,
            ProofSent(recovery=f"f{n}", account="his", proof="link", message=f"f{n}", provider="a"),
        )
        for n in range(3000)
    ]
    facts = log(*_usual(), *victim, *flood, *_usual(until=50_000))
    assert any(one.evidence for one in run(redeemed_undelivered.DETECTOR, facts, through=60_000))


# misplaced_redemption


def _completed(number: int, risk: float, *, factor: bool = False) -> Fact:
    return RecoveryCompleted(
        recovery=f"r{number}", account=f"account_{number}", factor=factor, browser="b", risk=risk
    )


def _of(signals: list[Signal], hypothesis: Hypothesis) -> list[float]:
    return [one.evidence[hypothesis] for one in signals if hypothesis in one.evidence]


def test_a_visit_that_does_not_fit_is_about_its_account() -> None:
    held = RecoveryHeld(
        recovery="r1", account="account_1", browser="b", seconds=3600.0, reasons=("risk",), risk=9.0
    )
    signals = run(misplaced_redemption.DETECTOR, log((1, held), (4000, _completed(1, 9.0))))
    assert signals[0].subject == account_subject("account_1")
    assert _of(signals, TARGETED)[0] == pytest.approx(2.7)
    assert max(_of(signals, COMPROMISED), default=0.0) == 0.0


def test_what_was_held_is_not_said_again_when_its_hold_is_over() -> None:
    """A hold lasts as long as the window: one honest reset on a new telephone counted as two."""
    held = RecoveryHeld(
        recovery="r1", account="account_1", browser="b", seconds=3600.0, reasons=("risk",), risk=9.0
    )
    done = RecoveryCompleted(
        recovery="r1", account="account_1", factor=False, browser="b", risk=9.0, held=True
    )
    once = run(misplaced_redemption.DETECTOR, log((1, held)))
    assert run(misplaced_redemption.DETECTOR, log((1, held), (4000, done))) == once


def test_where_more_people_reset_more_visits_are_strange() -> None:
    """A day on which passwords expire is no campaign; nor is a quiet house's any day."""
    chance, facts = random.Random(2), list[tuple[float, Fact]]()
    when, number = 0.0, 0
    while when < 20 * 86_400:
        rate = 200 / 86_400 if when > 19 * 86_400 else 25 / 86_400
        when, number = when + chance.expovariate(rate), number + 1
        facts.append((when, _completed(number, 6.0 if chance.random() < 0.25 else 0.0)))
    signals = run(misplaced_redemption.DETECTOR, log(*facts))
    busy = [one for one in signals if one.at > START + 19 * DAY]
    assert sum(weight >= 2.0 for weight in _of(busy, CAMPAIGN)) <= 2
    many: Timed = [(when + 60 * n, _completed(9000 + n, 12.0)) for n in range(16)]
    assert _of(run(misplaced_redemption.DETECTOR, log(*facts, *many)), CAMPAIGN)[-1] > 2.5


def test_one_that_fits_or_that_a_factor_finished_is_quiet() -> None:
    facts = log(
        (1, _completed(1, 0.0)), (2, _completed(2, 2.9)), (3, _completed(3, 9, factor=True))
    )
    assert run(misplaced_redemption.DETECTOR, facts) == []


def test_several_in_an_hour_are_a_campaign_and_a_customers_own_accounts_cut_nobody_off() -> None:
    facts = log(*((n * 60.0, _completed(n, 12.0)) for n in range(16)))
    signals = run(misplaced_redemption.DETECTOR, facts)
    assert _of(signals, CAMPAIGN)[-1] == 4.0
    assert {one.forger for one in signals if COMPROMISED in one.evidence} == {Forger.ANYONE}


def test_who_fills_the_hour_with_accounts_of_his_own_hides_nobody_behind_them() -> None:
    facts: Timed = [(n * 1.0, _completed(n, 6.0)) for n in range(200)]
    signals = run(misplaced_redemption.DETECTOR, log(*facts, (300.0, _completed(999, 12.0))))
    assert signals[-1].subject == account_subject("account_999")


def test_what_is_usual_is_no_campaign() -> None:
    """Sixty a day on new devices, for a month."""
    chance = random.Random(1)
    facts: Timed = []
    when = 0.0
    while (when := when + chance.expovariate(60 / 86_400)) < 30 * 86_400:
        facts.append((when, _completed(len(facts), 6.0)))
    signals = run(misplaced_redemption.DETECTOR, log(*facts))
    late = [one for one in signals if one.at > START + 10 * DAY]
    # A campaign begins at -4 and opens at +1: beside nothing, and not beside one other either.
    assert max(_of(late, CAMPAIGN), default=0.0) < 3.5
    assert sum(weight >= 2.0 for weight in _of(late, CAMPAIGN)) < 20


# takeover_pattern


def _signed_in(account: str, network: str, *, known: bool = False, factor: bool = False) -> Fact:
    return SignedInFact(
        account=account,
        session="s",
        network=network,
        browser="b",
        factor=factor,
        known_browser=known,
    )


def _address(account: str) -> Fact:
    return ChangeHeld(
        account=account,
        change="c",
        what="address_added",
        address="address_1",
        until=0,
        factor=False,
    )


def _emptied(account: str, at: float) -> Timed:
    return [
        (at, RecoveryCompleted(recovery="r", account=account, factor=False, browser="b")),
        (at + 60, _address(account)),
        (at + 90, FactorRevoked(account=account, factor="f", factor_kind="totp", why="owner")),
        (at + 120, _signed_in(account, "n1")),
        (at + 121, _signed_in(account, "n2")),
        (at + 122, _signed_in(account, "n3")),
    ]


def test_an_account_that_is_made_somebodys_own_is_named() -> None:
    signals = run(takeover_pattern.DETECTOR, log(*_emptied("account_1", 10)))
    assert {one.subject for one in signals} == {account_subject("account_1")}
    assert [one.evidence for one in signals] == [{TARGETED: 3.0}, {TARGETED: 4.5}]
    assert signals[-1].restates
    strange = [(1, _signed_in("a", "n1")), (2, _address("a"))]
    strange.append(
        (3, FactorBound(account="a", factor="f", factor_kind="totp", browser="b", network="n1"))
    )
    (signal,) = run(takeover_pattern.DETECTOR, log(*strange))
    assert "strange browser" in signal.reason


def test_a_reset_after_each_thing_hides_none_of_them() -> None:
    """Who reads both mails resets as often as he likes."""
    facts: Timed = [
        (0, RecoveryCompleted(recovery="r1", account="a", factor=False, browser="b")),
        (60, _address("a")),
        (120, RecoveryCompleted(recovery="r2", account="a", factor=False, browser="b")),
        (180, FactorRevoked(account="a", factor="f", factor_kind="totp", why="owner")),
        (240, RecoveryCompleted(recovery="r3", account="a", factor=False, browser="b")),
        (
            300,
            FactorBound(account="a", factor="f", factor_kind="passkey", browser="b", network="n1"),
        ),
    ]
    signals = run(takeover_pattern.DETECTOR, log(*facts))
    assert [one.evidence[TARGETED] for one in signals] == [3.0, 4.5]
    later = [(when if when < 60.5 else when + 3600, fact) for when, fact in facts[:4]]
    assert run(takeover_pattern.DETECTOR, log(*later)) == []


def test_an_owner_who_tidies_up_after_a_strange_recovery_is_not_held_a_victim() -> None:
    """On a new telephone, elsewhere: it was held, and what he changed then counted beside it."""
    facts: Timed = [
        (
            1,
            RecoveryHeld(
                recovery="r1",
                account="acc",
                browser="b",
                seconds=3600.0,
                reasons=("risk",),
                risk=12.0,
            ),
        ),
        (
            4000,
            RecoveryCompleted(
                recovery="r1", account="acc", factor=False, browser="b", risk=12.0, held=True
            ),
        ),
        (
            4100,
            FactorBound(account="acc", factor="f", factor_kind="totp", browser="b", network="n1"),
        ),
        (
            4200,
            ChangeHeld(
                account="acc", change="c1", what="password", address=None, until=0, factor=False
            ),
        ),
        (
            4300,
            ChangeHeld(
                account="acc", change="c2", what="address_added", address="x", until=0, factor=False
            ),
        ),
    ]
    beliefs = Beliefs()
    for signal in replay(log(*facts)):
        beliefs = hear(beliefs, signal)
    _, opinions = weigh(beliefs, START + 4300 * SECOND, CorrelationSettings())
    (about,) = [one for one in opinions if one.hypothesis is TARGETED]
    assert about.log_odds == pytest.approx(-6.0 + 4.5, abs=0.1)


def test_owners_at_home_and_one_thing_after_a_reset_are_quiet() -> None:
    facts = log(
        (1, _signed_in("a", "n1", known=True)),
        (2, _address("a")),
        (3, FactorRevoked(account="a", factor="f", factor_kind="totp", why="owner")),
        (10, RecoveryCompleted(recovery="r", account="b", factor=False, browser="b")),
        (20, FactorBound(account="b", factor="f", factor_kind="passkey", browser="b", network="n")),
        (30, FactorBound(account="b", factor="g", factor_kind="passkey", browser="b", network="n")),
        (40, RecoveryCompleted(recovery="r", account="c", factor=True, browser="b")),
        (50, _address("c")),
        (60, FactorBound(account="c", factor="f", factor_kind="passkey", browser="b", network="n")),
        (70, RecoveryCompleted(recovery="r", account="d", factor=False, browser="b")),
        (80, _address("d")),
        (
            70 + 3601,
            FactorBound(account="d", factor="f", factor_kind="passkey", browser="b", network="n"),
        ),
    )
    assert run(takeover_pattern.DETECTOR, facts) == []


def test_who_sets_a_new_account_up_is_no_thief() -> None:
    """Every browser is new to it: eight customers on the day of an offer were a campaign."""
    facts: Timed = []
    for n, at in ((n, n * 100.0) for n in range(8)):
        facts += [
            (at, AccountOpened(account=f"new_{n}", address="address_1")),
            (at + 1, _signed_in(f"new_{n}", "n1")),
            (
                at + 20,
                FactorBound(
                    account=f"new_{n}", factor="f", factor_kind="passkey", browser="b", network="n1"
                ),
            ),
            (at + 40, _address(f"new_{n}")),
        ]
    assert run(takeover_pattern.DETECTOR, log(*facts)) == []
    day_after = [
        (90_000, _signed_in("new_1", "n2")),
        (90_010, _address("new_1")),
        (90_020, FactorRevoked(account="new_1", factor="f", factor_kind="passkey", why="owner")),
    ]
    assert len(run(takeover_pattern.DETECTOR, log(*facts, *day_after))) == 1
    reset = [
        (2000, RecoveryCompleted(recovery="r", account="new_2", factor=False, browser="b")),
        (2010, _address("new_2")),
    ]
    reset.append(
        (2020, FactorRevoked(account="new_2", factor="f", factor_kind="passkey", why="owner"))
    )
    assert len(run(takeover_pattern.DETECTOR, log(*facts, *reset))) == 1


def test_several_accounts_in_an_hour_are_a_campaign() -> None:
    facts = [fact for n in range(8) for fact in _emptied(f"account_{n}", n * 200)]
    signals = run(takeover_pattern.DETECTOR, log(*facts))
    assert _of(signals, CAMPAIGN) == [2.0, 3.5, 5.0]
    apart = [fact for n in range(8) for fact in _emptied(f"account_{n}", n * 4000)]
    assert _of(run(takeover_pattern.DETECTOR, log(*apart)), CAMPAIGN) == []


def test_a_flood_of_sign_ins_does_not_push_out_an_account_that_is_being_emptied() -> None:
    first, second, *rest = _emptied("victim", 10)
    flood = [(71 + n * 0.01, _signed_in(f"his_{n}", "n")) for n in range(1500)]
    running = takeover_pattern.DETECTOR.run(WatchSettings())
    facts = log(first, second, *flood, *rest)
    signals = [signal for fact in facts for signal in running.step(fact)]
    assert {one.subject for one in signals} == {account_subject("victim")}
    assert len(running.save()) < 300_000
    assert signals[0].expires_at - signals[0].at == 3 * 24 * HOUR


def test_a_customer_with_many_accounts_of_his_own_frames_no_provider() -> None:
    """He stages all of it at once: resets, tarpits, strange visits, accounts made his own."""
    facts: Timed = [*_usual(), *_usual("b")]
    for n in range(12):
        at, account = 41_000.0 + n * 120, f"account_r{n}"
        facts += [
            (
                at,
                RecoveryRequested(
                    recovery=f"r{n}",
                    account=account,
                    address=f"address_{n}",
                    network="his",
                    browser="his",
                ),
            ),
            *_proof(f"r{n}", at + 1, at + 30),
            (
                at + 40,
                RecoveryCompleted(
                    recovery=f"r{n}", account=account, factor=False, browser="his", risk=14.0
                ),
            ),
            *((when, one) for when, one in _emptied(account, at + 45)),
        ]
    facts += _usual(until=50_000)
    beliefs = Beliefs()
    opened: set[tuple[Hypothesis, str]] = set()
    for signal in replay(log(*facts), through=START + 60_000 * SECOND):
        beliefs = hear(beliefs, signal)
        beliefs, opinions = weigh(beliefs, signal.at, CorrelationSettings())
        opened |= {(one.hypothesis, one.subject.kind) for one in opinions if one.open}
        assert not any(one.may_cut_automatically for one in opinions)
    assert (TARGETED, "account") in opened
    assert (CAMPAIGN, "campaign") in opened
    assert not [one for one in opened if one[1] in {"provider", "house", "mailbox"}]

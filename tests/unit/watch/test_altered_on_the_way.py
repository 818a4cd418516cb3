"""Whoever is in the way of our listener frames no provider whose canaries are signed; a provider
that breaks its signatures to weigh less is told of all the same."""

import pytest
from watch_logs import START, half, log

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.watch import signers
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.thresholds import StrangerSettings
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    OUR_HOUSE,
    OWN_MAILBOX,
    CorrelationSettings,
    Hypothesis,
    WatchSettings,
)

COMPROMISED, INTERCEPTED = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.INTERCEPTED
Timed = list[tuple[float, Fact]]
EVIL = ("arxxwalls.example",)
HOUR, DAY = 3600.0, 86_400.0
KEY = ("key_of_ours_at_a",)


def _came(
    provider: str,
    signed: tuple[str, ...] = (),
    *,
    mailbox: str = OWN_MAILBOX,
    failed: tuple[str, ...] = (),
) -> CanaryArrived:
    return CanaryArrived(
        provider=provider,
        message="m",
        seconds=1.0,
        strangers=(),
        mailbox=mailbox,
        failed=failed,
        planted=(),
        signed=signed,
    )


def _altered(
    signed: tuple[str, ...] = (),
    *,
    provider: str = "a",
    mailbox: str = OWN_MAILBOX,
    planted: bool = True,
) -> CanaryArrived:
    there = EVIL if planted else ()
    return CanaryArrived(
        provider=provider,
        message="m",
        seconds=1.0,
        strangers=EVIL,
        mailbox=mailbox,
        failed=(),
        planted=there,
        signed=signed,
    )


def _usual(signed: tuple[str, ...] = KEY, *, mailbox: str = OWN_MAILBOX, days: int = 2) -> Timed:
    """Both providers' canaries as we wrote them, once an hour."""
    out: Timed = []
    for number in range(24 * days):
        at = number * HOUR
        out += [(at, _came("a", signed, mailbox=mailbox)), (at + 1, _came("b", mailbox=mailbox))]
    return out


LATER = 2 * DAY + 60
CLEAN = (LATER + 5, _came("b"))


def _held(
    *timed: tuple[float, Fact], settings: StrangerSettings | None = None
) -> dict[tuple[Hypothesis, str], Opinion]:
    beliefs, facts = Beliefs(), sorted(timed, key=lambda one: one[0])
    watch = WatchSettings(stranger_in_mail=settings or StrangerSettings())
    for signal in replay(log(*facts), watch):
        beliefs = hear(beliefs, signal)
    now = START + round(facts[-1][0] * SECOND)
    opinions = weigh(beliefs, now, CorrelationSettings())[1]
    return {(one.hypothesis, one.subject.id): one for one in opinions if one.open}


WAY, PROVIDER = (INTERCEPTED, OUR_HOUSE.id), (COMPROMISED, "a")


def test_who_is_in_the_way_of_our_listener_frames_no_provider_that_signs() -> None:
    """They alter one provider's canaries and pass the others' on: no signature holds any more."""
    held = _held(*_usual(), (LATER, _altered()), CLEAN)
    assert set(held) == {WAY}
    assert not held[WAY].may_cut_automatically
    (term,) = held[WAY].terms
    assert "put there between a and us, or by a, which hides it" in term.reason


def test_who_signs_what_stands_in_it_is_who_has_the_key() -> None:
    held = _held(*_usual(), (LATER, _altered(KEY)), CLEAN)
    assert set(held) == {PROVIDER}
    assert not held[PROVIDER].may_cut_automatically
    assert held[PROVIDER].log_odds == pytest.approx(1.4, abs=0.01)


def test_a_decoy_counts_by_the_same_key_and_is_missed_where_decoys_are_signed() -> None:
    decoys = _usual(mailbox=DECOY_MAILBOX)
    clean = (LATER + 5, _came("b", mailbox=DECOY_MAILBOX))
    signed = (LATER, _altered(KEY, mailbox=DECOY_MAILBOX))
    broken = (LATER, _altered(mailbox=DECOY_MAILBOX))
    assert set(_held(*decoys, signed, clean)) == {PROVIDER}
    assert set(_held(*decoys, broken, clean)) == {WAY}
    # Where decoys were never signed, that one is not says nothing.
    assert set(_held(*_usual(()), *_usual((), mailbox=DECOY_MAILBOX), broken, clean)) == {PROVIDER}


def test_where_nothing_is_signed_a_stranger_counts_as_it_did() -> None:
    """As in development, and in the drill."""
    assert set(_held(*_usual(()), (LATER, _altered()), CLEAN)) == {PROVIDER}
    few: Timed = [(n * 5.0, _came("a", KEY)) for n in range(30)]
    assert set(_held(*few, (200.0, _altered()), (201.0, _came("b")))) == {PROVIDER}


def test_who_answers_for_our_dns_and_signs_with_a_key_of_their_own_frames_nobody_at_once() -> None:
    forged = ("key_of_theirs",)
    assert set(_held(*_usual(), (LATER, _altered(forged)), CLEAN)) == {WAY}
    # Nor after a night of signing what they pass on.
    taught: Timed = [(2 * DAY + n * 900.0, _came("a", forged)) for n in range(1, 60)]
    at = 2 * DAY + 60 * 900.0
    assert set(_held(*_usual(), *taught, (at, _altered(forged)), (at + 5, _came("b")))) == {WAY}


def test_stripping_signatures_for_weeks_or_showing_many_keys_makes_nothing_forgotten() -> None:
    stripped: Timed = [(2 * DAY + n * HOUR, _came("a")) for n in range(1, 24 * 20)]
    at = 22 * DAY
    altered = [(at, _altered()), (at + 5, _came("b"))]
    assert set(_held(*_usual(), *stripped, *altered)) == {WAY}
    many: Timed = [(2 * DAY + n * 60.0, _came("a", (f"k{n}",))) for n in range(1, 500)]
    at = 3 * DAY
    altered = [(at, _altered()), (at + 5, _came("b"))]
    assert set(_held(*_usual(), *many, *altered)) == {WAY}


NEW = ("key_that_was_changed",)
#: A provider that changes its key, or somebody who answers for our DNS and signs with their own.
CHANGED: Timed = [(2 * DAY + n * HOUR, _came("a", NEW)) for n in range(30 * 24)]
AFTER = 32 * DAY


def _then(signed: tuple[str, ...]) -> Timed:
    return [(AFTER, _altered(signed)), (AFTER + 5, _came("b"))]


def test_who_answers_for_our_dns_for_a_month_frames_nobody_with_a_key_of_their_own() -> None:
    assert set(_held(*_usual(), *CHANGED, *_then(NEW))) == {WAY}
    # Nor with decoys that were switched on meanwhile.
    at = 2 * DAY
    decoys: Timed = [(at + n * HOUR, _came("a", NEW, mailbox=DECOY_MAILBOX)) for n in range(300)]
    altered = (AFTER, _altered(NEW, mailbox=DECOY_MAILBOX))
    clean = (AFTER + 5, _came("b", mailbox=DECOY_MAILBOX))
    assert set(_held(*_usual(), *CHANGED, *decoys, altered, clean)) == {WAY}


def test_a_new_key_is_known_where_a_mailbox_elsewhere_saw_it_and_the_old_one_stays() -> None:
    """A provider changes its keys without a word, and nobody is in the way of that mailbox."""
    gmail = (3 * DAY, _came("a", NEW, mailbox="gmail"))
    for signed in (KEY, NEW):
        assert set(_held(*_usual(), *CHANGED, gmail, *_then(signed))) == {PROVIDER}
    # What came there altered, or of another provider, vouches for nothing.
    for other in (
        (3 * DAY, _altered(NEW, mailbox="gmail", planted=False)),
        (3 * DAY, _came("b", NEW, mailbox="gmail")),
    ):
        assert PROVIDER not in _held(*_usual(), *CHANGED, other, *_then(NEW))


def test_a_mailbox_whose_keeper_is_tied_to_our_own_way_vouches_for_nothing() -> None:
    """The house that answers for our DNS keeps that mailbox as well."""
    gmail = (3 * DAY, _came("a", NEW, mailbox="gmail"))
    near = StrangerSettings(near=("gmail",))
    assert set(_held(*_usual(), *CHANGED, gmail, *_then(NEW), settings=near)) == {WAY}
    hidden: Timed = [*_usual(), (LATER, _altered()), CLEAN]
    seen = (LATER + 900, _altered(mailbox="gmail"))
    assert set(_held(*hidden, seen, settings=near)) == {WAY}


def test_a_person_vouches_for_a_new_key() -> None:
    named = StrangerSettings(keys=NEW)
    assert set(_held(*_usual(), *CHANGED, *_then(NEW), settings=named)) == {PROVIDER}


def test_a_changed_key_is_told_of_and_taken_back_when_somebody_vouches() -> None:
    gmail = (10 * DAY, _came("a", NEW, mailbox="gmail"))
    said = [
        one for one in replay(log(*_usual(), *CHANGED, gmail)) if one.subject.id == OUR_HOUSE.id
    ]
    assert [one.evidence for one in said] == [{INTERCEPTED: 2.0}, {}]
    assert "another key than before: a with key_that_was_changed" in said[0].reason
    assert said[0].at - START < 4 * DAY * SECOND
    assert _held(*_usual(), *CHANGED) == {}


def test_a_new_host_that_decoys_are_without_weighs_less_and_one_in_a_decoy_opens() -> None:
    """A provider's new tracking domain; and who writes it into recovery mail as well."""
    usual = _usual(KEY, mailbox=DECOY_MAILBOX)
    new = (LATER, _altered(KEY, planted=False))

    def weighs(*more: tuple[float, Fact]) -> list[float]:
        said = replay(log(*_usual(), *usual, new, *more))
        return [one.evidence[COMPROMISED] for one in said if COMPROMISED in one.evidence]

    decoy = (LATER + 60, _came("a", KEY, mailbox=DECOY_MAILBOX))
    assert weighs() == [4.7]
    assert weighs(decoy) == [4.7, 4.0]
    assert weighs((LATER + 60, _came("b", mailbox=DECOY_MAILBOX))) == [4.7]
    # A decoy from before the host was there says nothing of it.
    assert weighs((LATER - 60, _came("a", KEY, mailbox=DECOY_MAILBOX))) == [4.7]
    altered = (LATER + 3600, _altered(KEY, mailbox=DECOY_MAILBOX))
    clean = (LATER + 3700, _came("b", mailbox=DECOY_MAILBOX))
    assert weighs(decoy, altered, clean)[-1] == 8.4


def test_beside_a_new_host_that_decoys_are_without_nobody_can_stage_an_accusation() -> None:
    """A provider announces a new tracking host, and whoever has accounts stages what is missing."""
    halves: Timed = [(LATER + 7200 + n * 30, half(f"r{n}", "a")) for n in range(5)]
    new = (LATER, _altered(KEY, planted=False))
    spared = (LATER + 3600, _came("a", KEY, mailbox=DECOY_MAILBOX))
    end = (LATER + 9000, _came("b"))
    before = (*_usual(KEY), *_usual(KEY, mailbox=DECOY_MAILBOX), new, *halves, end)
    assert PROVIDER in _held(*before)
    assert PROVIDER not in _held(*before, spared)
    # Once a decoy is altered as well, or something else of our own is seen, all of it counts.
    decoy = (LATER + 3700, _altered(KEY, mailbox=DECOY_MAILBOX))
    assert PROVIDER in _held(*before, spared, decoy)


def test_who_writes_as_another_domain_in_our_account_is_named_by_a_mailbox_elsewhere() -> None:
    """That domain signs it, and ours does not: to our listener alone it looks like somebody in the
    way, who can have the provider sign the same from an account of their own."""
    signed_by_another = (LATER, _altered(()))
    assert set(_held(*_usual(), signed_by_another, CLEAN)) == {WAY}
    elsewhere = (LATER + 900, _altered((), mailbox="gmail"))
    assert set(_held(*_usual(), signed_by_another, CLEAN, elsewhere)) == {PROVIDER}


def test_two_providers_of_one_house_are_no_two_witnesses() -> None:
    """Whoever has the house alters what goes through both; a third one comes as we wrote it."""
    both = [(LATER, _altered()), (LATER + 1, _altered(provider="b"))]
    usual = _usual(())
    third = (LATER + 5, _came("c"))
    tied = StrangerSettings(ties={"a": ("b",), "b": ("a",)})
    assert _held(*usual, *both, third) == {}
    held = _held(*usual, *both, third, settings=tied)
    assert set(held) == {(COMPROMISED, "a"), (COMPROMISED, "b")}
    assert not any(one.may_cut_automatically for one in held.values())
    # Without a third there is nothing to compare with: it may be our own gateway.
    assert _held(*usual, *both, settings=tied) == {}


def test_accounts_of_ones_own_and_the_way_to_our_listener_still_name_no_provider() -> None:
    """Half proofs anybody with accounts can stage; a canary's stranger was our own sign beside."""
    halves: Timed = [(LATER + 10 + n, half(f"r{n}", "a")) for n in range(40)]
    for planted in (True, False):
        altered = (LATER, _altered(planted=planted))
        held = _held(*_usual(), altered, CLEAN, *halves, (LATER + 900, _came("b")))
        assert PROVIDER not in held


def test_a_new_host_without_a_signature_opens_nothing() -> None:
    assert _held(*_usual(), (LATER, _altered(planted=False)), CLEAN) == {}


def test_what_alters_all_alike_is_our_own_gateway() -> None:
    """A mail gateway before our listener breaks every signature."""
    both: Timed = [*_usual(), *((at + 2, _came("b", ("key_at_b",))) for at, _ in _usual()[::2])]
    altered = [(LATER, _altered()), (LATER + 5, _altered(provider="b"))]
    assert _held(*both, *altered) == {}


def test_a_provider_that_breaks_signatures_is_named_once_mailboxes_elsewhere_see_it() -> None:
    """It alters everybody's mail: within one interval of those mailboxes."""
    gmail: Timed = [(n * HOUR + 3, _came("b", mailbox="gmail")) for n in range(49)]
    hidden: Timed = [*_usual(), *gmail, (LATER, _altered()), CLEAN]
    assert set(_held(*hidden)) == {WAY}
    seen = _held(*hidden, (LATER + 900, _altered(mailbox="gmail")))
    assert set(seen) == {PROVIDER}
    assert seen[PROVIDER].log_odds == pytest.approx(1.4, abs=0.1)
    # Who keeps that mailbox alone could have altered both; of a host that alters all, nothing is
    # known.
    keeper = [(LATER + 900, _altered(mailbox="gmail", provider=one)) for one in ("a", "b")]
    assert set(_held(*hidden, *keeper)) == {WAY}


def test_lost_authentication_elsewhere_alone_does_not_name_it() -> None:
    """Whoever keeps that mailbox could say so; it stands beside, for people to see."""
    gmail: Timed = [(n * HOUR + 3, _came("a", mailbox="gmail")) for n in range(48)]
    fails: Timed = [
        (LATER + 900.0 * n, _came("a", mailbox="gmail", failed=("dkim",))) for n in range(1, 4)
    ]
    held = _held(*_usual(), *gmail, (LATER, _altered()), CLEAN, *fails)
    assert set(held) == {WAY}


def test_what_came_signed_after_all_names_the_provider_and_takes_the_other_back() -> None:
    facts: Timed = [*_usual(), (LATER, _altered()), CLEAN]
    signed: Timed = [(LATER + 10, _altered(KEY)), (LATER + 15, _came("b"))]
    assert set(_held(*facts, *signed)) == {PROVIDER}


def test_it_goes_on_where_it_was_stopped() -> None:
    facts = log(*_usual(), (LATER, _altered()), CLEAN)
    engine = Engine(WatchSettings())
    for one in facts[:-2]:
        engine.step(one)
    engine = Engine(WatchSettings(), engine.save())
    said = [signal for one in facts[-2:] for signal in engine.step(one)]
    assert {INTERCEPTED: 8.4} in [one.evidence for one in said]


def test_of_a_providers_keys_the_bound_drops_those_that_are_not_known_first() -> None:
    keys: signers.Keys = {}
    for number in range(signers.ENOUGH):
        keys = signers.learned(keys, KEY, number)
    for number in range(100):
        keys = signers.learned(keys, (f"k{number}",), signers.AGE + number)
    assert len(keys) == signers.MOST_KEYS
    assert signers.known(keys, 2 * signers.AGE) == {*KEY}


ROTATED = ("key_of_theirs_now",)
JUNK = tuple(f"junk{n}" for n in range(signers.MOST_KEYS - 1))


def _crowd(*, vouched: bool, junk: tuple[str, ...] = JUNK) -> Timed:
    """Who answers for our DNS and is in the way adds signatures of their own to what the provider
    signs with its next key."""
    out: Timed = []
    for number in range(48):
        at = 2 * DAY + number * HOUR
        out += [(at, _came("a", (*ROTATED, *junk))), (at + 1, _came("b"))]
        if vouched:
            out.append((at + 2, _came("a", ROTATED, mailbox="gmail")))
    return out


def test_signatures_that_are_added_keep_no_vouched_key_from_being_known() -> None:
    later = 4 * DAY + 60
    facts: Timed = [*_usual(), *_crowd(vouched=True)]
    assert set(_held(*facts, (later, _altered(ROTATED)), (later + 5, _came("b")))) == {PROVIDER}


@pytest.mark.parametrize("times", [1, 3])
def test_more_keys_than_are_kept_are_told(times: int) -> None:
    """Once, however many more there are, and other ones each time."""
    crowd: Timed = [*_crowd(vouched=False)[: 2 * 12]]
    if times > 1:
        crowd = [
            (at, _came("a", (*ROTATED, *(f"{name}_{n}" for name in JUNK))) if n % 2 == 0 else one)
            for n, (at, one) in enumerate(crowd)
        ]
    said = [one for one in replay(log(*_usual(), *crowd)) if one.subject == OUR_HOUSE]
    assert [one.evidence for one in said] == [{INTERCEPTED: 2.0}]
    assert said[0].reason.endswith("another key than before: a with more than 8 keys")


def test_what_nobody_vouches_for_takes_the_place_of_nothing_that_is_known_or_vouched_for() -> None:
    vouched = frozenset(f"v{n}" for n in range(signers.MOST_KEYS - 1))
    keys: signers.Keys = {}
    for number in range(signers.ENOUGH):
        keys = signers.learned(keys, KEY, number)
    keys = signers.learned(keys, tuple(sorted(vouched)), signers.AGE, vouched)
    for number in range(100):
        more = signers.learned(keys, (f"k{number}", *JUNK), signers.AGE + number, vouched)
        assert set(more) == {*KEY, *vouched}
    assert "w" in signers.learned(keys, ("w",), signers.AGE, vouched | {"w"})

"""Simulated attacks and outages, each as a scenario: the life around it, and what is really going
on.

For each it is known what should be suspected and, for those that outsiders stage, what must not be:
that a provider is compromised, or may be cut off.
"""

from collections.abc import Callable
from random import Random

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.mail.events import ClaimRefused, DeliveryReported
from mailkeep.recovery.events import (
    DecoyShown,
    ProofRedeemed,
    ProofSent,
    RecoveryDenied,
    RecoveryRequested,
    StoppedByFactor,
)
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    OUR_HOUSE,
    OWN_MAILBOX,
    RESETS,
    HoneyAccount,
    Hypothesis,
    Subject,
    provider_subject,
)

from .company import START, SimulatedCompany, Timed, Trouble
from .life import Life
from .mishaps import key_of

WARM = 8 * DAY  #: ordinary days before
AT = START + WARM + 10 * HOUR  #: a Tuesday morning
LASTS = 4 * HOUR
HONEY = HoneyAccount("adr_honey", "a")

A = provider_subject("a")
_COMPROMISED, _SILENT = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.PROVIDER_SILENT


class Scenario(msgspec.Struct, frozen=True):
    """One attack, or one trouble.

    Attributes:
        expects: what is going on; None: nothing that is to be held.
        outsider: whoever reaches our public pages can do it, with no provider's help.
        within: seconds within which it should be held, where there is a goal.
    """

    name: str
    words: str
    expects: tuple[Hypothesis, Subject] | None
    live: Callable[[SimulatedCompany, int], Life]
    outsider: bool = False


def scenarios() -> tuple[Scenario, ...]:
    """All of them, what providers do first."""
    trouble = _troubled
    return (
        Scenario(
            "total_loss",
            "the provider takes everything and delivers nothing",
            (_SILENT, A),
            trouble(drops=1.0),
        ),
        Scenario("half_lost", "half of the mail is dropped", (_SILENT, A), trouble(drops=0.5)),
        Scenario("tenth_lost", "one mail in ten is dropped", (_SILENT, A), trouble(drops=0.1)),
        Scenario(
            "recovery_dropped",
            "only recovery mail is dropped, and canaries are spared",
            (_SILENT, A),
            trouble(drops=1.0, spares=True, streams=frozenset({"recovery"})),
        ),
        Scenario("outage", "the provider is out of order", (_SILENT, A), trouble(refuses=1.0)),
        Scenario(
            "suspended",
            "the provider suspends our account",
            (_SILENT, A),
            trouble(refuses=1.0, word="suspended"),
        ),
        Scenario("delayed", "everything takes half an hour", (_SILENT, A), trouble(slow=1800.0)),
        Scenario(
            "reader",
            "somebody reads the mail at the provider and resets eight accounts",
            (_COMPROMISED, A),
            _attacked(_reader),
        ),
        Scenario(
            "reader_and_link",
            "the same, and a stranger's link stands in what the provider delivers",
            (_COMPROMISED, A),
            _attacked(_reader_and_link),
        ),
        Scenario(
            "stranger_sender",
            "a stranger's address stands in Reply-To, and nothing else is seen",
            (_COMPROMISED, A),
            _attacked(_planted(OWN_MAILBOX)),
        ),
        Scenario(
            "stranger_in_decoys",
            "a stranger's link stands in recovery mail, and nothing else is seen",
            (_COMPROMISED, A),
            _attacked(_planted(DECOY_MAILBOX)),
        ),
        Scenario(
            "altered_on_the_way",
            "on the way to our listener a stranger's address is put into Reply-To",
            (Hypothesis.INTERCEPTED, OUR_HOUSE),
            _attacked(_planted(OWN_MAILBOX, signed=False)),
        ),
        Scenario(
            "new_tracking_host",
            "the provider's redirections have a new name, in all but recovery mail",
            None,
            _attacked(_redirected),
        ),
        Scenario(
            "honey",
            "the reader tries an address that only this provider was given",
            (_COMPROMISED, A),
            _attacked(_honey),
        ),
        Scenario(
            "decoy",
            "the reader tries a link that they found, and it is a decoy's",
            (_COMPROMISED, A),
            _attacked(_decoy),
        ),
        Scenario(
            "surge",
            "resets for ten times as many accounts as usual",
            (Hypothesis.CAMPAIGN, RESETS),
            _attacked(_surge),
            outsider=True,
        ),
        Scenario(
            "half_proofs",
            "customers stage half proofs on accounts of their own",
            None,
            _attacked(_half_proofs),
            outsider=True,
        ),
        Scenario(
            "denials",
            "customers ask for resets and deny them, by the hundred",
            (Hypothesis.CAMPAIGN, RESETS),
            _attacked(_denials),
            outsider=True,
        ),
        Scenario(
            "all_staged",
            "resets, denials and half proofs staged together",
            (Hypothesis.CAMPAIGN, RESETS),
            _attacked(_all_staged),
            outsider=True,
        ),
        Scenario(
            "forged_webhooks",
            "forged reports, refused at the door or about mail that we never sent",
            None,
            _attacked(_forged),
            outsider=True,
        ),
    )


def _troubled(
    *,
    drops: float = 0.0,
    refuses: float = 0.0,
    slow: float = 0.0,
    word: str = "unavailable",
    spares: bool = False,
    streams: frozenset[str] = frozenset(),
) -> Callable[[SimulatedCompany, int], Life]:
    trouble = Trouble("a", AT, AT + LASTS, refuses, drops, slow, word, spares, streams)

    def live(house: SimulatedCompany, seed: int) -> Life:
        return Life(house, seed, (trouble,))

    return live


Attack = Callable[[Random], list[Timed]]


def _attacked(attack: Attack) -> Callable[[SimulatedCompany, int], Life]:
    def live(house: SimulatedCompany, seed: int) -> Life:
        def of_hour(hour: Instant, chance: Random) -> list[Timed]:
            return attack(chance) if hour == AT // HOUR * HOUR else []

        return Life(house, seed, attack=of_hour)

    return live


def _victim(name: str, at: Instant, chance: Random, *, denied: bool = False) -> list[Timed]:
    """The reader asks, reads one proof at ``a``, redeems it, and lacks the other."""
    account = f"acc_{name}"
    asked = RecoveryRequested(
        recovery=name,
        account=account,
        address=f"adr_{account}",
        network="net_thief",
        browser="b_thief",
    )
    out: list[Timed] = [(at, asked)]
    first, other = chance.sample(("link", "code"), 2)
    for proof, provider in ((first, "a"), (other, "b")):
        sent = ProofSent(
            recovery=name, account=account, proof=proof, message=f"{name}{proof}", provider=provider
        )
        out.append((at + SECOND // 10, sent))
    shown = ProofRedeemed(
        recovery=name,
        account=account,
        proof=first,
        providers=("a",),
        same_browser=True,
        known_browser=False,
        network="net_thief",
        browser="b_thief",
    )
    out.append((at + 5 * SECOND, shown))
    if denied:
        out.append(
            (
                at + 10 * MINUTE,
                RecoveryDenied(
                    recovery=name, account=account, after_completion=False, provider="b", acted=True
                ),
            )
        )
    return out


def _reader(chance: Random) -> list[Timed]:
    out: list[Timed] = []
    for number in range(8):
        name = f"v{number}"
        out += _victim(name, AT + number * 20 * SECOND, chance, denied=number == 3)
    out.append((AT + 11 * MINUTE, StoppedByFactor(recovery="v5", account="acc_v5")))
    return out


def _reader_and_link(chance: Random) -> list[Timed]:
    out = _reader(chance)
    for number in range(12):
        at = AT + number * 300 * SECOND
        name = f"cx{number}"
        arrived = CanaryArrived(
            provider="a",
            message=name,
            seconds=1.0,
            strangers=("arxxwalls.example",),
            signed=(key_of("a"),),
        )
        out += [(at, CanarySent(provider="a", message=name)), (at + SECOND, arrived)]
    return out


def _planted(mailbox: str, *, signed: bool = True) -> Attack:
    """In each canary of the hour, beside those that came as they were written. ``signed``: whoever
    altered them has the provider's key."""

    def attack(_chance: Random) -> list[Timed]:
        return _altered(mailbox, planted=True, signed=signed)

    return attack


def _redirected(_chance: Random) -> list[Timed]:
    return _altered(OWN_MAILBOX, planted=False)


def _altered(mailbox: str, *, planted: bool, signed: bool = True) -> list[Timed]:
    out: list[Timed] = []
    strangers, keys = ("arxxwalls.example",), (key_of("a"),) if signed else ()
    for number in range(12):
        at, name = AT + number * 300 * SECOND, f"cp{number}"
        there = strangers if planted else ()
        arrived = CanaryArrived(
            provider="a",
            message=name,
            seconds=1.0,
            strangers=strangers,
            mailbox=mailbox,
            failed=(),
            planted=there,
            signed=keys,
        )
        out += [
            (at, CanarySent(provider="a", message=name, mailbox=mailbox)),
            (at + SECOND, arrived),
        ]
    return out


def _honey(chance: Random) -> list[Timed]:
    touched = RecoveryRequested(
        recovery=None, account=None, address=HONEY.name, network="net_thief", browser="b_thief"
    )
    return [*_reader(chance), (AT + 200 * SECOND, touched)]


def _decoy(chance: Random) -> list[Timed]:
    return [
        *_reader(chance),
        (AT + 200 * SECOND, DecoyShown(provider="a", network="net_thief", browser="b_thief")),
    ]


def _surge(chance: Random) -> list[Timed]:
    """Ten times the base of a house with thirty resets a day, for an hour."""
    out: list[Timed] = []
    at = AT
    for number in range(60):
        at += round(chance.expovariate(1 / 60) * SECOND)
        account = f"acc_s{number}"
        asked = RecoveryRequested(
            recovery=f"s{number}",
            account=account,
            address=f"adr_{account}",
            network="net_thief",
            browser="b",
        )
        out.append((at, asked))
    return out


def _half_proofs(chance: Random) -> list[Timed]:
    out: list[Timed] = []
    for number in range(40):
        out += _victim(f"h{number}", AT + number * 45 * SECOND, chance)
    return out


def _denials(_chance: Random) -> list[Timed]:
    out: list[Timed] = []
    for number in range(300):
        name, account, at = f"d{number}", f"acc_d{number}", AT + number * 10 * SECOND
        asked = RecoveryRequested(
            recovery=name,
            account=account,
            address=f"adr_{account}",
            network=f"net_{number}",
            browser="b",
        )
        out += [
            (at, asked),
            (
                at + SECOND,
                RecoveryDenied(
                    recovery=name, account=account, after_completion=False, provider="a", acted=True
                ),
            ),
        ]
    return out


def _all_staged(chance: Random) -> list[Timed]:
    return [*_surge(chance), *_half_proofs(chance), *_denials(chance)]


def _forged(_chance: Random) -> list[Timed]:
    out: list[Timed] = []
    for number in range(500):
        at = AT + number * 5 * SECOND
        made_up = DeliveryReported(
            provider="a",
            claim=f"f{number}",
            event="delivered",
            message=None,
            stream=None,
            address=None,
            at_provider=None,
        )
        out += [(at, ClaimRefused(provider="a", why="signature")), (at + SECOND, made_up)]
    return out

"""Logs of facts, written by hand."""

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.recovery.events import ProofRedeemed, RecoveryDenied, RecoveryRequested
from mailkeep.watch.detector import Detects
from mailkeep.watch.events import PostureChanged
from mailkeep.watch.types import Signal, WatchSettings

START = 1_700_000_000 * SECOND


def log(*timed: tuple[float, Fact]) -> list[Recorded]:
    """The facts in order of their seconds, placed when they happened."""
    out = []
    for position, (when, fact) in enumerate(sorted(timed, key=lambda one: one[0]), start=1):
        at = START + round(when * SECOND)
        out.append(Recorded(position, at, at, f"evt_{position}", fact))
    return out


def run(
    detector: Detects,
    facts: list[Recorded],
    through: float = 0,
    settings: WatchSettings | None = None,
) -> list[Signal]:
    """One detector over a log, ticked at every whole second, due or not."""
    running = detector.run(settings or WatchSettings())
    signals: list[Signal] = []
    second = START
    end = max([START + round(through * SECOND), *(one.placed_at for one in facts)])
    for one in [*facts, None]:
        until = end if one is None else one.placed_at
        while second + SECOND <= until:
            second += SECOND
            signals += running.tick(second)
        if one is not None:
            signals += running.step(one)
    return signals


def attempt(provider: str = "a", outcome: str = "accepted", number: int = 0) -> Fact:
    return AttemptFinished(
        message=f"msg_{number}",
        attempt=f"att_{number}",
        provider=provider,
        stream="bulk",
        address=f"address_{number}",
        outcome=outcome,
        detail="",
        seconds=0.1,
    )


def delivered(provider: str = "a", number: int = 0, message: str | None = "msg_1") -> Fact:
    return DeliveryReported(
        provider=provider,
        claim=f"c{number}",
        event="delivered",
        message=message,
        stream="bulk",
        address=None,
        at_provider=None,
    )


def request(number: int, account: str | None = None) -> Fact:
    return RecoveryRequested(
        recovery=None,
        account=account,
        address=f"address_{number}",
        network="network_1",
        browser="browser_1",
    )


def half(
    recovery: str,
    provider: str = "a",
    *,
    proof: str = "link",
    asked: bool = False,
    known: bool = False,
    browser: str = "",
) -> Fact:
    """A proof redeemed by a browser that ``asked`` for the recovery, or that is ``known``."""
    account = f"account_{recovery}"
    browser = browser or ("own" if known else "strange")
    return ProofRedeemed(
        recovery=recovery,
        account=account,
        proof=proof,
        providers=(provider,),
        same_browser=asked,
        known_browser=known,
        network="network_2",
        browser=browser,
    )


def denied(number: int) -> Fact:
    return RecoveryDenied(
        recovery=f"rec_{number}",
        account=f"account_{number}",
        after_completion=False,
        provider="b",
        acted=True,
    )


def drifted(provider: str = "a", number: int = 0, kind: str = "webhook") -> Fact:
    """Something strange was added to our account there."""
    return PostureChanged(
        provider=provider,
        change=f"chg_{number}",
        item_kind=kind,
        item=f"item_{number}",
        what="added",
        fields=(),
        strange=True,
    )

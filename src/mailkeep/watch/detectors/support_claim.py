"""Customers tell the support desk: that was not me.

Sees: ``SupportClaimed``, the first eight accounts of a day: each once, and all together at the 1st,
2nd, 4th and 8th. A flood of calls is a few signals, and more of them would say nothing new.
Evidence (judged): campaign, 1.0 nat for one account and 1.0 for each doubling, at most 4.0, which
opens nothing alone; the account itself is targeted, 3.0 nats; any provider, 1.5 nats, which counts
only beside our own evidence. Campaign and providers never more than the surprise of so many in a
day against how many days of a month have one (``rates.surprise``): where somebody calls every third
day, one call says nothing. It is less than an owner's own denial (``denial``): that came with a
mail which the owner had, this is what somebody said at the telephone. That a joint signal names all
the facts of the single ones keeps correlation from counting them again as many targeted accounts.
False alarms: people who forgot, a partner who used the account. Delay: until somebody calls.
Evasion: eight false claims first thing in the day, or one a day for weeks.
Who could forge it: anyone who can call a support desk, or holds its key.
"""

import math

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import SupportClaimed
from mailkeep.watch.rates import Usual, unusual
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    account_subject,
    seconds,
)

NAME = "support_claim"
MOST = 8  #: accounts a day of which anything is said: with them ``HIGHEST`` is reached
REMEMBERS = 86_400.0  #: seconds over which claims of several accounts are counted
FIRST, DOUBLING, HIGHEST, ACCOUNT, PROVIDER = 1.0, 1.0, 4.0, 3.0, 1.5


class State(msgspec.Struct, frozen=True):
    """``claimed``: when each account was spoken of, with the fact's id, the newest last; ``usual``:
    how often that happens."""

    settings: None = None
    claimed: dict[str, tuple[Instant, str]] = {}
    usual: Usual = Usual()


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, SupportClaimed):
        return state, []
    now = recorded.placed_at
    since = now - seconds(REMEMBERS)
    claimed = {account: entry for account, entry in state.claimed.items() if entry[0] > since}
    if fact.account in claimed or len(claimed) >= MOST:
        return msgspec.structs.replace(state, claimed=claimed), []
    claimed[fact.account] = (now, recorded.id)
    count = len(claimed)
    usual, surprise = unusual(state.usual, count, now)
    signals = [
        _signal(
            account_subject(fact.account),
            {Hypothesis.ACCOUNT_TARGETED: ACCOUNT},
            f"support was told that it was not the owner ({fact.what})",
            (recorded.id,),
            now,
        )
    ]
    if not count & (count - 1) and surprise > 0:
        evidence = {
            Hypothesis.CAMPAIGN: min(surprise, HIGHEST, FIRST + DOUBLING * math.log2(count)),
            Hypothesis.PROVIDER_COMPROMISED: min(surprise, PROVIDER),
        }
        told = counted(count, "account")
        reason = f"support was told of {told} that something was not the owner's doing"
        events = tuple(entry[1] for entry in claimed.values())[-MOST_EVENTS:]
        signals.append(_signal(RESETS, evidence, reason, events, now))
    return msgspec.structs.replace(state, claimed=claimed, usual=usual), signals


def _signal(
    subject: Subject,
    evidence: dict[Hypothesis, float],
    reason: str,
    events: tuple[str, ...],
    now: Instant,
) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=subject,
        evidence=evidence,
        at=now,
        reason=reason,
        events=events,
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=now + seconds(2 * 86_400),
    )


DETECTOR = Detector(NAME, State, start, step, (SupportClaimed,))

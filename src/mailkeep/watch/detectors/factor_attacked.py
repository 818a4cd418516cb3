"""Guessing at an account's second factor after the first step succeeded, or a copied passkey.

Sees: ``FactorBlocked`` (its share of wrong answers in a row is used up) and ``PasskeyCopied``.
Evidence of the account being a target (judged, not measured): 5.0 nats for wrong answers, since the
password or both mailed proofs come before the first of them; 4.0 for a copied passkey, which some
authenticators show of themselves. Said once an hour of an account. Many accounts that are targets
are evidence of one campaign (``correlation``).
False alarms: an owner whose app runs on a wrong clock; an authenticator that counts badly.
Taken back: never; it fades over a day. Delay: none. Evasion: guessing slowly, with a right answer
of the owner between, which costs the thief as much as it costs the guess.
Who could forge it: whoever has an account of their own, about that one.
State: 256 accounts; past that the one that was said longest ago is said anew sooner.
"""

import msgspec

from mailkeep.accounts.events import FactorBlocked, PasskeyCopied
from mailkeep.base.clock import HOUR, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.types import (
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    seconds,
)

NAME = "factor_attacked"
MOST = 256  #: accounts remembered
BLOCKED, COPIED = 5.0, 4.0


class State(msgspec.Struct, frozen=True):
    """``said``: of which accounts and what, and when, the newest last."""

    settings: None = None
    said: dict[str, Instant] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if isinstance(fact, FactorBlocked):
        weight, reason = BLOCKED, f"wrong answers used up the {fact.factor_kind} at {fact.way}"
    elif isinstance(fact, PasskeyCopied):
        weight, reason = COPIED, "a passkey answered whose counter had not grown"
    else:
        return state, []
    what = f"{fact.account} {weight}"
    if now - state.said.get(what, -HOUR) < HOUR:
        return state, []
    said = {name: at for name, at in state.said.items() if name != what and now - at < HOUR}
    said[what] = now
    if len(said) > MOST:
        said.pop(next(iter(said)))
    signal = Signal(
        detector=NAME,
        family=Family.TAKEOVER,
        subject=account_subject(fact.account),
        evidence={Hypothesis.ACCOUNT_TARGETED: weight},
        at=now,
        reason=reason,
        events=(recorded.id,),
        own_observation=True,
        forger=Forger.CUSTOMERS,
        half_life=43_200.0,
        expires_at=now + seconds(86_400),
    )
    return msgspec.structs.replace(state, said=said), [signal]


DETECTOR = Detector(NAME, State, start, step, (FactorBlocked, PasskeyCopied))

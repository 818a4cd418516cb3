"""A reset is requested for a honey account, whose address only one provider was given.

Sees: ``RecoveryRequested`` whose account or address is in the honey registry; of an application
that keeps its own resets, ``RecoveryRehearsed``.
Evidence: provider compromised, 8.4 nats (judged: an innocent touch about once in thirty years; one
compromise in three uses the addresses it read); campaign, 3.0 nats (judged). It is 0.4 above what
the prior and the opening line ask for, so that a touch alone opens an incident, whose opinion is
always weighed some time later than the signal: by the half-life it does for an hour and a half.
What an application tells of is its word and no visit that we saw: campaign, 6.0 nats, and the
provider beside our own evidence about it only.
False alarms: the registry leaks from our own house; an operator tries the form with it.
Delay: none, once the attacker uses the address. Evasion: picking victims, not trying every address.
Who could forge it: only who knows the address, which is unguessable: the provider and we. What is
told: also who holds the application's API key and has read there which addresses it registered.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryRehearsed, RecoveryRequested
from mailkeep.watch.detector import Detector
from mailkeep.watch.types import (
    Family,
    Forger,
    HoneySettings,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "honey_account"
WEIGHT = 8.4
CAMPAIGN = 3.0
CAMPAIGN_TOLD = 6.0


class State(msgspec.Struct, frozen=True):
    """``said``: when each touched name was last said; it holds names of the registry only.
    ``told``: the same of what applications tell of: their word silences nothing that we see."""

    settings: HoneySettings
    said: dict[str, Instant] = {}
    told: dict[str, Instant] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.honey_account)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, RecoveryRequested | RecoveryRehearsed):
        return state, []
    told = isinstance(fact, RecoveryRehearsed)
    before = state.told if told else state.said
    now = recorded.placed_at
    for honey in state.settings.accounts:
        if honey.name not in (fact.account, fact.address):
            continue
        last = before.get(honey.name)
        if last is not None and now - last < seconds(state.settings.repeat_after):
            return state, []
        signal = Signal(
            detector=NAME,
            family=Family.BAIT,
            subject=provider_subject(honey.provider),
            evidence={
                Hypothesis.PROVIDER_COMPROMISED: WEIGHT,
                Hypothesis.CAMPAIGN: CAMPAIGN_TOLD if told else CAMPAIGN,
            },
            at=now,
            reason=f"a reset was asked for an address that only {honey.provider} was given"
            + (", as an application says" if told else ""),
            events=(recorded.id,),
            own_observation=not told,
            forger=Forger.CUSTOMERS if told else Forger.NOBODY,
            half_life=86_400.0,
            expires_at=now + seconds(7 * 86_400),
        )
        after = {**before, honey.name: now}
        if told:
            return msgspec.structs.replace(state, told=after), [signal]
        return msgspec.structs.replace(state, said=after), [signal]
    return state, []


DETECTOR = Detector(NAME, State, start, step, (RecoveryRequested, RecoveryRehearsed))

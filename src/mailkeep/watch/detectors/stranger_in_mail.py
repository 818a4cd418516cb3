"""A canary arrived with a host name in it that our allow list does not know.

Sees: ``CanaryArrived.strangers``. An allow list sees a fresh domain; a block list does not.
Evidence: provider compromised, 6.0 nats (judged: an innocent new host, such as a tracking domain
that the provider introduces, about once in three years; under a compromise four days in ten).
False alarms: the provider changes its own rewriting; our templates change before the allow list.
Delay: one canary interval. Evasion: altering only mail that does not look like a canary, or only
reading. Who could forge it: the provider, or whoever runs the canary's mailbox; no outsider, as a
canary is known by a secret that only it carries.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    NEVER,
    Family,
    Forger,
    Hypothesis,
    Signal,
    StrangerSettings,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "stranger_in_mail"
MOST = 256  #: (provider, stranger) pairs remembered
WEIGHT = 6.0


class State(msgspec.Struct, frozen=True):
    """``said``: (provider, stranger, when it was last said), the newest last."""

    settings: StrangerSettings
    said: tuple[tuple[str, str, Instant], ...] = ()


def start(settings: WatchSettings) -> State:
    return State(settings.stranger_in_mail)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanaryArrived) or not fact.strangers:
        return state, []
    now = recorded.placed_at
    strangers = sorted({_plain(one) for one in fact.strangers[:16]})
    recent = {
        (provider, stranger)
        for provider, stranger, at in state.said
        if now - at < seconds(state.settings.repeat_after)
    }
    new = [one for one in strangers if (fact.provider, one) not in recent]
    if not new:
        return state, []
    kept = tuple(one for one in state.said if (one[0], one[1]) in recent)
    said = (*kept, *((fact.provider, one, now) for one in new))[-MOST:]
    signal = Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=provider_subject(fact.provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: WEIGHT},
        at=now,
        reason=f"a canary sent through {fact.provider} arrived with {', '.join(new[:3])} in it",
        events=(recorded.id,),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(7 * 86_400),
    )
    return msgspec.structs.replace(state, said=said), [signal]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


def _plain(host: str) -> str:
    """The name reduced to what a host may hold: it was written by an attacker and will be read."""
    return "".join(c for c in host.lower() if (c.isascii() and c.isalnum()) or c in ".-")[:60]


DETECTOR = Detector(NAME, State, start, step, tick, due)

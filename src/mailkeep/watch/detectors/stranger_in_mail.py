"""A canary arrives with a host name in it that is not on our allow list.

Sees: ``CanaryArrived.strangers``. An allow list sees a fresh domain; a block list does not.
Evidence: provider compromised, 6.0 nats (judged: an innocent new host, such as a tracking domain
that the provider introduces, about once in three years; under a compromise four days in ten).
False alarms: the provider changes its own rewriting; our templates change before the allow list.
Said once for each provider, and restated with each doubling of the strangers: a new host in every
canary would else be a signal each. Delay: one canary interval. Evasion: altering only mail that
does not look like a canary, or only reading. Who could forge it: the provider, or whoever runs the
canary's mailbox; no outsider, as a canary is known by a secret that only it carries.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    MOST_EVENTS,
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
MOST = 64  #: providers remembered
MOST_HOSTS = 64  #: hosts of each
NAMED = 3  #: hosts in a reason
WEIGHT = 6.0
LASTS = 7 * 86_400


class Seen(msgspec.Struct, frozen=True):
    """One provider's strangers, the newest last; ``said`` when there were ``named`` of them."""

    hosts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: Instant = 0
    named: int = 0


class State(msgspec.Struct, frozen=True):
    """``seen``: by provider, the one last said last."""

    settings: StrangerSettings
    seen: dict[str, Seen] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.stranger_in_mail)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanaryArrived) or not fact.strangers:
        return state, []
    now, provider = recorded.placed_at, fact.provider
    seen = state.seen.get(provider, Seen())
    if now - seen.said >= seconds(LASTS):
        seen = Seen()
    new = sorted({_plain(one) for one in fact.strangers[:16]} - set(seen.hosts))
    hosts = (*seen.hosts, *new)[-MOST_HOSTS:]
    ids = (*seen.ids, recorded.id)[-MOST_EVENTS:]
    # Each doubling, not each host: a new one in every canary must not fill the log.
    more = len(hosts) >= 2 * seen.named
    due = more or now - seen.said >= seconds(state.settings.repeat_after)
    if due:
        seen = Seen(hosts, ids, now, len(hosts))
    else:
        seen = msgspec.structs.replace(seen, hosts=hosts, ids=ids)
    others = {name: one for name, one in state.seen.items() if name != provider}
    if len(others) >= MOST:
        others.pop(next(iter(others)))
    state = msgspec.structs.replace(state, seen={**others, provider: seen})
    return state, [_signal(provider, seen)] if due else []


def _signal(provider: str, seen: Seen) -> Signal:
    """The one standing signal about a provider."""
    latest, count = ", ".join(seen.hosts[-NAMED:]), len(seen.hosts)
    others = f" and {count - NAMED} other strangers" if count > NAMED else ""
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: WEIGHT},
        at=seen.said,
        reason=f"canaries sent through {provider} arrived with {latest}{others} in them",
        events=seen.ids,
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=seen.said + seconds(LASTS),
        restates=True,
    )


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


def _plain(host: str) -> str:
    """The name reduced to a host's characters: it was written by an attacker and will be read by
    people."""
    return "".join(c for c in host.lower() if (c.isascii() and c.isalnum()) or c in ".-")[:60]


DETECTOR = Detector(NAME, State, start, step, tick, due, (CanaryArrived,))

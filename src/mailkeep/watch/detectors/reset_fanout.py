"""One browser or network asks for resets of many accounts, slowly.

Sees: ``RecoveryRequested``, different addresses of one network and of one browser (pseudonyms)
within a day. ``reset_surge`` sees many resets of whomever; this sees few that come from one hand.
Of applications that keep their own resets, ``RecoveryRehearsed``, in a memory of its own: what they
say of networks teaches nothing about those that we see, and pushes none of them out.
Method: a browser asks for its owner's account, a network for those behind it. Against what is usual
of such a source (the setting, and for networks what this one showed on other days) the addresses
are weighed by the likelihood ratio of Poisson counts (``rates.surprise``); said at ``alarm`` and
at each doubling of the addresses.
Likelihood ratios: campaign, of a browser 3.0 nats when it is first said and 1.0 for each doubling,
at most 5.0; of a network 2.0, at most 3.0 (judged: a support desk, a library and a proxy do the
same; simulated: a month of honest recoveries through one network opens nothing).
Parameters: ``[watch.reset_fanout]``. False alarms: a support desk that asks for customers; many
people behind one network on the day of a newsletter, until the network is known; a proxy without
``trusted_proxies``. Delay: by the defaults the fifth address of a browser, the eighth of a
network. Evasion: a fresh browser and a network for each request.
Who could forge it: anyone; of what is told, who holds an application's API key, with networks that
nobody came from. It names no provider.
State: 512 sources of 32 addresses; past that the one with the fewest goes first, so that a flood of
sources with one address each does not push out one with several.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryRehearsed, RecoveryRequested
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import surprise
from mailkeep.watch.thresholds import FanoutSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    seconds,
)

NAME = "reset_fanout"
MOST = 512  #: sources
MOST_OF_ONE = 32  #: addresses of each
MOST_KNOWN = 256  #: networks of which it is known what is usual
DOUBLING = 1.0
#: Nats when it is first said, and at most. A network may be a proxy in front of everybody.
BROWSER, NETWORK = (3.0, 5.0), (2.0, 3.0)
TOLD = ", as an application says"
LEARNS = 0.3  #: how much of a day goes into what is usual


class Source(msgspec.Struct, frozen=True):
    """``since``: when its day began; ``asked``: the addresses, which are pseudonyms; ``said``: how
    many there were when it was last said."""

    since: Instant
    asked: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: int = 0


class State(msgspec.Struct, frozen=True):
    """``sources``: by ``network …`` and ``browser …``. ``usual``: of networks, addresses a day.
    ``told``: the same of what applications tell of."""

    settings: FanoutSettings
    sources: dict[str, Source] = {}
    usual: dict[str, float] = {}
    told: "State | None" = None


def start(settings: WatchSettings) -> State:
    return State(settings.reset_fanout)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, RecoveryRehearsed):
        inner = state.told or State(state.settings)
        inner = msgspec.structs.replace(inner, settings=state.settings)
        inner, signals = _step(inner, fact, recorded)
        signals = [msgspec.structs.replace(one, reason=f"{one.reason}{TOLD}") for one in signals]
        return msgspec.structs.replace(state, told=inner), signals
    if not isinstance(fact, RecoveryRequested):
        return state, []
    return _step(state, fact, recorded)


def _step(
    state: State, fact: RecoveryRequested | RecoveryRehearsed, recorded: Recorded
) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    for kind, name in (("browser", fact.browser), ("network", fact.network)):
        if name:
            state, said = _asked(state, kind, f"{kind} {name}", fact.address, recorded)
            signals += said
    # Both are about one source: the stronger of the two is enough.
    signals.sort(key=lambda one: -one.evidence[Hypothesis.CAMPAIGN])
    return state, signals[:1]


def _asked(
    state: State, kind: str, key: str, address: str, recorded: Recorded
) -> tuple[State, list[Signal]]:
    settings, now = state.settings, recorded.placed_at
    source = state.sources.get(key)
    usual = state.usual
    if source is not None and now - source.since >= seconds(settings.remembers):
        if kind == "network" and len(source.asked) > 1:
            usual = _learned(usual, key, len(source.asked))
        source = None
    if source is None:
        source = Source(now)
    if address in source.asked or len(source.asked) >= MOST_OF_ONE:
        sources = {**state.sources, key: source}
        return msgspec.structs.replace(state, sources=_bounded(sources), usual=usual), []
    source = msgspec.structs.replace(
        source,
        asked=(*source.asked, address),
        ids=(*source.ids, recorded.id)[-MOST_EVENTS:],
    )
    count = len(source.asked)
    expected = settings.browser if kind == "browser" else settings.network
    expected = max(expected * settings.remembers / (DAY / 1_000_000), usual.get(key, 0.0))
    loud = surprise(count, expected) >= settings.alarm and count >= 2 * source.said
    if loud:
        doublings = math.log2(count / source.said) if source.said else 0.0
        doublings = max(doublings, math.log2(count / (4 * expected)))
        source = msgspec.structs.replace(source, said=count)
    sources = _bounded({**state.sources, key: source})
    state = msgspec.structs.replace(state, sources=sources, usual=usual)
    if not loud:
        return state, []
    first, highest = BROWSER if kind == "browser" else NETWORK
    signal = Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=RESETS,
        evidence={Hypothesis.CAMPAIGN: min(highest, first + DOUBLING * max(0.0, doublings))},
        at=now,
        reason=f"one {kind} asked for resets of {count} different addresses",
        events=source.ids,
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=now + seconds(2 * 86_400),
    )
    return state, [signal]


def _learned(usual: dict[str, float], key: str, count: int) -> dict[str, float]:
    before = usual.get(key, 0.0)
    out = {name: one for name, one in usual.items() if name != key}
    out[key] = before + LEARNS * (count - before)
    if len(out) > MOST_KNOWN:
        del out[min(out, key=lambda name: out[name])]
    return out


def _bounded(sources: dict[str, Source]) -> dict[str, Source]:
    if len(sources) > MOST:
        newest = next(reversed(sources))
        others = (name for name in sources if name != newest)
        del sources[min(others, key=lambda one: (len(sources[one].asked), sources[one].since))]
    return sources


DETECTOR = Detector(NAME, State, start, step, (RecoveryRequested, RecoveryRehearsed))

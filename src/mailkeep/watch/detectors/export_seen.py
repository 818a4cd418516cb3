"""Somebody exported our mail or recipients at a provider, or read mails there.

Sees: ``PostureChanged`` of the kinds ``export`` and ``reading``, added; ``PostureAccepted``.
Evidence (judged, not measured): compromised: 5.0 nats for one, 0.75 for each doubling, at most 6.5;
0.3 where an operator had announced it. Our own people export seldom (a few times a year), and who
comes for the list of recipients does it first. One that nobody announced or accepted counts for up
to a month, 1.5 ln(d) less after d days, and counts anew with each other act that lasts
(``account_drift``, ``drift_weights``); of several the number that says most counts, over as many
days as they took.
Parameters: ``remembers``: over how long exports of one account are counted together.
Taken back: when an operator accepts them. False alarms: an export of our own that nobody announced;
where nothing speaks but what one of us could have done there, the incident asks that first.
Delay: one reading (``posture.interval``, 60 s); an export that is listed is seen even if it was
made between two readings. Evasion: paging through messages or searches one by one, which no
provider lists; most tell nothing of reads, and then silence here says nothing.
Who could forge it: nobody outside; whoever has the provider itself can leave it out.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch import drift_weights
from mailkeep.watch.detector import Detector
from mailkeep.watch.drift import ADDED
from mailkeep.watch.events import PostureAccepted, PostureChanged
from mailkeep.watch.types import (
    MOST_EVENTS,
    ExportSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "export_seen"
MOST = 64  #: accounts watched
MOST_EXPORTS = 64  #: of each
FIRST, DOUBLING, HIGHEST = 5.0, 0.75, 6.5
HALF_LIFE = 43_200.0  #: seconds


class Seen(msgspec.Struct, frozen=True):
    """One export: when it was seen, by which fact, whether it was announced. ``beside``: it is none
    but another act in the account, which makes exports of the days before count anew."""

    at: Instant
    event: str
    expected: bool
    beside: bool = False


class State(msgspec.Struct, frozen=True):
    """``seen``: by account and change, the newest last."""

    settings: ExportSettings
    seen: dict[str, dict[str, Seen]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.export_seen)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    if not isinstance(fact, PostureChanged | PostureAccepted):
        return state, []
    before = state.seen.get(fact.provider, {})
    of = _fresh(before, now, state.settings)
    if isinstance(fact, PostureAccepted):
        if not before.keys() & set(fact.changes):
            return state, []
        of = {key: one for key, one in of.items() if key not in fact.changes}
    else:
        export = fact.item_kind in drift_weights.EXPORTS
        if export and fact.what != ADDED:
            return state, []
        if not export and not (drift_weights.lasts(fact) and _exports(of)):
            return state, []
        if fact.provider not in state.seen and len(state.seen) >= MOST:
            return state, []
        of[fact.change] = Seen(now, recorded.id, fact.expected, beside=not export)
        if len(of) > MOST_EXPORTS:
            of.pop(next(iter(of)))
    seen = {name: them for name, them in state.seen.items() if name != fact.provider}
    if of:
        seen[fact.provider] = of
    said = _exports(before) or _exports(of)
    signals = [_signal(fact.provider, of, recorded)] if said else []
    return msgspec.structs.replace(state, seen=seen), signals


def _fresh(before: dict[str, Seen], now: Instant, settings: ExportSettings) -> dict[str, Seen]:
    """What still counts: of this day all, of the days before the exports that nobody announced, and
    the newest act beside them: as of it they count."""
    since, day = now - seconds(settings.remembers), now - DAY
    newest = _newest_act(before)
    return {
        key: one
        for key, one in before.items()
        if one.at > since
        and (one.at > day or not (one.expected or (one.beside and one.at < newest)))
    }


def _newest_act(of: dict[str, Seen]) -> Instant:
    return max((one.at for one in of.values() if not one.expected), default=0)


def _exports(of: dict[str, Seen]) -> list[Seen]:
    return [one for one in of.values() if not one.beside]


def _weight(of: dict[str, Seen], at: Instant) -> float:
    """Of the newest so many, in as many days as they took, the number that says most."""
    own = sorted((one.at for one in _exports(of) if not one.expected), reverse=True)
    return max(
        (
            min(HIGHEST, FIRST + DOUBLING * math.log2(count)) - drift_weights.age(first, at)
            for count, first in enumerate(own, 1)
        ),
        default=0.0,
    )


def _signal(provider: str, of: dict[str, Seen], recorded: Recorded) -> Signal:
    exports = _exports(of)
    # As of the newest act: neither an announced export nor taking one back makes the others new.
    at, act = max((one.at for one in of.values()), default=recorded.placed_at), _newest_act(of)
    faded = 2 ** (-((at - act) / SECOND) / HALF_LIFE)
    weight = max(_weight(of, act) * faded, drift_weights.ANNOUNCED)
    reason = counted(len(exports), "export or read", "exports or reads")
    reason += f" of our mail at {provider}"
    if all(one.expected for one in exports):
        reason = reason + ", as announced" if exports else f"exports at {provider} were ours"
    return Signal(
        detector=NAME,
        family=Family.POSTURE,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight} if exports else {},
        at=at,
        reason=reason,
        events=tuple(one.event for one in exports)[-MOST_EVENTS:] or (recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=HALF_LIFE,
        expires_at=at + seconds(7 * 86_400),
        restates=True,
    )


DETECTOR = Detector(NAME, State, start, step, (PostureChanged, PostureAccepted))

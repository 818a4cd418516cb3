"""A provider refuses our mail: suspended, unauthorised and out of order are kept apart.

Sees: ``AttemptFinished.outcome``, refusals of one sort in a row for each provider: outages counted
by message, since one is tried again and again, refusals by the address that the mail was for, since
whoever runs a receiver can have his own mail refused as often as he likes. ``CanaryRefused``: a
relay that suspends us may say so in words only, which blame nobody, since a receiver may have
written them; but a canary's receiver is ours.
Evidence (judged): suspended: silent 8.0, compromised 1.5 nats (a suspension may follow an abuse of
our account there); unauthorised: silent 6.0, compromised 1.0 (a stolen key is revoked); unavailable
or ambiguous, five in a row within two minutes: silent 7.0, and nothing else: an outage stays one;
three canaries in a row refused as messages, and no mail taken between: silent 6.0.
Taken back: the silence, when three mails were taken one after the other: refusals say no more than
that we are refused, and whether what is taken arrives is ``delivery_silence``'s to say. What they
say of a compromise stays: no claim of a provider clears it.
False alarms: a key that we changed ourselves; a network fault of ours looks like an outage of all.
Delay: the refusals counted. Evasion: answering 200 and dropping (see ``delivery_silence``).
Who could forge it: the provider, against itself. A flood of complaints from outside may bring a
suspension about; its weight for a compromise is small for that reason.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryRefused
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    Family,
    Forger,
    Hypothesis,
    RefusalSettings,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "provider_refusal"
MOST = 64  #: providers watched
MOST_COUNTED = 64  #: messages or addresses counted of each

_SORTS = {
    "suspended": "suspended",
    "unauthorised": "unauthorised",
    "unavailable": "outage",
    "ambiguous": "outage",
}
_EVIDENCE = {
    "suspended": {Hypothesis.PROVIDER_SILENT: 8.0, Hypothesis.PROVIDER_COMPROMISED: 1.5},
    "unauthorised": {Hypothesis.PROVIDER_SILENT: 6.0, Hypothesis.PROVIDER_COMPROMISED: 1.0},
    "outage": {Hypothesis.PROVIDER_SILENT: 7.0},
    "canaries": {Hypothesis.PROVIDER_SILENT: 6.0},
}
_REASON = {
    "suspended": "{} says that our account there is suspended",
    "unauthorised": "{} no longer accepts our credential",
    "outage": "{} does not answer, or answers that it is out of order",
    "canaries": "{} refuses the canaries, and takes no other mail",
}


class Row(msgspec.Struct, frozen=True):
    """Refusals of one sort in a row: when and by which fact each message, or address, was refused
    last; the newest last."""

    sort: str
    of: dict[str, tuple[Instant, str]] = {}


class State(msgspec.Struct, frozen=True):
    """``rows``: by provider. ``said``: when ``provider/sort`` was last said. ``taken``: by provider
    of which something is said, the mails that it has taken in a row since."""

    settings: RefusalSettings
    rows: dict[str, Row] = {}
    said: dict[str, Instant] = {}
    taken: dict[str, tuple[str, ...]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.provider_refusal)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, AttemptFinished | CanaryRefused):
        return state, []
    sort = _SORTS.get(fact.outcome) if isinstance(fact, AttemptFinished) else "canaries"
    row = state.rows.get(fact.provider)
    if sort is None:
        if fact.outcome != "accepted":
            return state, []
        if row is not None:
            rows = {name: one for name, one in state.rows.items() if name != fact.provider}
            state = msgspec.structs.replace(state, rows=rows)
        return _took(state, fact.provider, recorded)
    if state.taken.get(fact.provider):
        state = msgspec.structs.replace(state, taken={**state.taken, fact.provider: ()})
    if row is None and len(state.rows) >= MOST:
        return state, []
    if row is None or row.sort != sort:
        row = Row(sort)
    key = fact.message if isinstance(fact, CanaryRefused) or sort == "outage" else fact.address
    of = {name: entry for name, entry in row.of.items() if name != key}
    of[key] = (recorded.at, recorded.id)
    if len(of) > MOST_COUNTED:
        of.pop(next(iter(of)))
    row = Row(sort, of)
    state = msgspec.structs.replace(state, rows={**state.rows, fact.provider: row})
    return _judge(state, fact.provider, row, recorded)


def _judge(state: State, provider: str, row: Row, recorded: Recorded) -> tuple[State, list[Signal]]:
    settings, now = state.settings, recorded.placed_at
    if row.sort == "outage":
        since = recorded.at - seconds(settings.outage_within)
        enough = sum(at >= since for at, _ in row.of.values()) >= settings.outage
    else:
        enough = len(row.of) >= getattr(settings, row.sort)
    key = f"{provider}/{row.sort}"
    last = state.said.get(key)
    if not enough or (last is not None and now - last < seconds(settings.repeat_after)):
        return state, []
    signal = Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(provider),
        evidence=dict(_EVIDENCE[row.sort]),
        at=now,
        reason=_REASON[row.sort].format(provider),
        events=tuple(event for _, event in row.of.values())[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=1800.0,
        expires_at=now + seconds(86_400),
    )
    said = {**state.said, key: now}
    if len(said) > 3 * MOST:
        said.pop(next(iter(said)))
    taken = {**state.taken, provider: ()}
    return msgspec.structs.replace(state, said=said, taken=taken), [signal]


def _took(state: State, provider: str, recorded: Recorded) -> tuple[State, list[Signal]]:
    """A mail was taken: enough of them in a row take back that mail is refused."""
    before = state.taken.get(provider)
    if before is None:
        return state, []
    events = (*before, recorded.id)
    if len(events) < state.settings.returned:
        return msgspec.structs.replace(state, taken={**state.taken, provider: events}), []
    # What is refused after this is said again at once.
    ours = {f"{provider}/{sort}": sort for sort in _EVIDENCE}
    said_of = [_EVIDENCE[sort] for key, sort in ours.items() if key in state.said]
    compromised = (one.get(Hypothesis.PROVIDER_COMPROMISED, 0.0) for one in said_of)
    stays = max(compromised, default=0.0)
    signal = Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: stays} if stays else {},
        at=recorded.placed_at,
        reason=f"{provider} takes mail again",
        events=events[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=1800.0,
        expires_at=recorded.placed_at + seconds(86_400),
        restates=True,
    )
    said = {key: at for key, at in state.said.items() if key not in ours}
    taken = {name: one for name, one in state.taken.items() if name != provider}
    return msgspec.structs.replace(state, said=said, taken=taken), [signal]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


DETECTOR = Detector(NAME, State, start, step, tick, due, (AttemptFinished, CanaryRefused))

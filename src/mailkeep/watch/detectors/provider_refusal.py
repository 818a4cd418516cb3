"""A provider refuses our mail: suspended, unauthorised and unavailable are told apart.

Sees: ``AttemptFinished.outcome``, refusals of one sort in a row for each provider: outages counted
by message, since one is tried again and again, refusals by the address that the mail was for, since
whoever runs a receiver can have their own mail refused as often as they like. ``CanaryRefused``: a
relay that suspends us may say so in words only, which blame nobody, since a receiver may have
written them; but a canary's receiver is ours. What the journal tells of (``told``) is left out:
nobody here saw it taken, so it neither takes a refusal back nor stands between two.
Evidence (judged): suspended: silent 8.0, compromised 0.7 nats (a suspension may follow an abuse of
our account there); unauthorised: silent 6.0, compromised 0.7 (a stolen key is revoked; some refuse
the key of an account that they suspend); unavailable or ambiguous, five in a row within two
minutes: silent 7.0, and nothing else: an outage stays one; three canaries in a row refused as
messages, and no mail taken between: silent 6.0.
Method for what comes seldom, or is refused in part: the CUSUM of a binomial test, half of the mails
not taken against the share that is usual (learned, 0.005 at first, 0.001 at best). One mail
counts in ``spacing``, since a hiccup refuses many at once: a refusal adds ln(½/p) nats, once for a
message and an address, a mail taken ln(½/(1-p)). The alarm is at ln(1 + γ/g), a mail counted every
g seconds, γ the mean time between false alarms of the whole system (measured: two or three).
Taken back: the silence, when three mails were taken one after the other; where a part r of few was
refused, as many as chance takes with 0.2%, ln(0.002)/ln(1-r). Refusals say no more than that we
are refused, and whether what is taken arrives is ``delivery_silence``'s to say. What they say of a
compromise stays: no claim of a provider clears it.
False alarms: a key that we changed ourselves; a network fault of ours looks like an outage of all.
Delay: the refusals counted. Evasion: answering 200 and dropping (see ``delivery_silence``).
Who could forge it: the provider, against itself. A flood of complaints from outside may bring a
suspension about, which its notice and the account's status then tell again; so its weight for a
compromise is below what would back evidence that outsiders can stage.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryRefused
from mailkeep.watch.rates import gap_alarm
from mailkeep.watch.thresholds import RefusalSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "provider_refusal"
MOST = 64  #: providers watched
MOST_COUNTED = 64  #: messages or addresses counted of each
LOOKED_FOR = 0.5  #: the part refused that is looked for
MEMORY = 2000  #: mails over which the usual part is averaged
BY_CHANCE = 0.002  #: that an outage in part takes as many in a row as take it back
MOST_BACK = 12
BELOW_BACKING = 0.7  #: nats, less than ``correlation.backing``: complaints bring a suspension about

_SORTS = {
    "suspended": "suspended",
    "unauthorised": "unauthorised",
    "unavailable": "outage",
    "ambiguous": "outage",
}
_EVIDENCE = {
    "suspended": {Hypothesis.PROVIDER_SILENT: 8.0, Hypothesis.PROVIDER_COMPROMISED: BELOW_BACKING},
    "unauthorised": {
        Hypothesis.PROVIDER_SILENT: 6.0,
        Hypothesis.PROVIDER_COMPROMISED: BELOW_BACKING,
    },
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


class Trouble(msgspec.Struct, frozen=True):
    """How often a provider does not take what it is given. ``nats`` of the test, over ``refused``
    of ``tried`` mails since it was 0, and ``taken`` since the last refusal, the newest as address
    and message in ``counted``; ``hard``: so many in a row, and none taken, that it is an outage of
    all; ``usual`` of ``seen`` when all is well; ``gap``: seconds between two that were counted, the
    newest at ``last``."""

    nats: float = 0.0
    refused: int = 0
    tried: int = 0
    taken: int = 0
    hard: bool = False
    counted: dict[str, str] = {}
    events: tuple[str, ...] = ()
    usual: int = 0
    seen: int = 0
    gap: float = 0.0
    last: Instant = 0

    def chance(self) -> float:
        """The share that is usually not taken."""
        return min(LOOKED_FOR / 2, max(0.001, (self.usual + 1) / (self.seen + 200)))

    def back(self, least: int) -> int:
        """Mails taken in a row that say that it is over."""
        if self.hard or not self.tried:
            return least
        part = max(0.2, self.refused / (self.tried + 1))
        needed = math.ceil(math.log(BY_CHANCE) / math.log(1 - part))
        return min(MOST_BACK, max(least, needed))


class State(msgspec.Struct, frozen=True):
    """``rows``: by provider. ``said``: when ``provider/sort`` was last said. ``taken``: by provider
    of which something is said, the mails that it has taken in a row since."""

    settings: RefusalSettings
    rows: dict[str, Row] = {}
    said: dict[str, Instant] = {}
    taken: dict[str, tuple[str, ...]] = {}
    troubles: dict[str, Trouble] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.provider_refusal)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, AttemptFinished | CanaryRefused):
        return state, []
    if isinstance(fact, AttemptFinished) and fact.told:
        return state, []
    sort = _SORTS.get(fact.outcome) if isinstance(fact, AttemptFinished) else "canaries"
    if isinstance(fact, AttemptFinished) and (sort == "outage" or fact.outcome == "accepted"):
        state = _tried(state, fact, recorded)
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
    trouble = state.troubles.get(fact.provider)
    of_all = trouble is not None and trouble.tried == trouble.refused
    if trouble is not None and of_all and sort == "outage" and len(of) >= state.settings.outage:
        state = _with(state, fact.provider, msgspec.structs.replace(trouble, hard=True))
    return _judge(state, fact.provider, row, recorded)


def _judge(state: State, provider: str, row: Row, recorded: Recorded) -> tuple[State, list[Signal]]:
    settings, now = state.settings, recorded.placed_at
    if row.sort == "outage":
        since = recorded.at - seconds(settings.outage_within)
        enough = sum(at >= since for at, _ in row.of.values()) >= settings.outage
        trouble = state.troubles.get(provider)
        enough = enough or (trouble is not None and trouble.nats >= _limit(state, trouble))
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
        events=_events(state, provider, row),
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


def _events(state: State, provider: str, row: Row) -> tuple[str, ...]:
    """Those of the row, and where it is short those of the test."""
    of_row = tuple(event for _, event in row.of.values())
    trouble = state.troubles.get(provider)
    before = trouble.events if trouble is not None and row.sort == "outage" else ()
    return tuple(dict.fromkeys((*before, *of_row)))[-MOST_EVENTS:]


def _limit(state: State, trouble: Trouble) -> float:
    """The nats at which what is refused is no chance any more."""
    between = state.settings.between_false_alarms * DAY / SECOND * max(1, len(state.troubles))
    return gap_alarm(between, max(trouble.gap, state.settings.spacing))


def _tried(state: State, fact: AttemptFinished, recorded: Recorded) -> State:
    """One more mail that a provider took, or did not."""
    before = state.troubles.get(fact.provider)
    if before is None and len(state.troubles) >= MOST:
        return state
    one, at = before or Trouble(), recorded.placed_at
    refused = fact.outcome != "accepted"
    known = refused and (fact.address in one.counted or fact.message in one.counted.values())
    gap = (at - one.last) / SECOND
    if known or (one.last and gap < state.settings.spacing):
        return state
    mean = one.gap + 0.05 * (gap - one.gap) if one.gap else gap if one.last else 0.0
    chance = one.chance()
    changed = msgspec.structs.replace(one, gap=mean, last=at)
    if refused:
        nats = min(one.nats + math.log(LOOKED_FOR / chance), 2 * _limit(state, one))
        counted = {**one.counted, fact.address: fact.message}
        if len(counted) > MOST_COUNTED:
            counted.pop(next(iter(counted)))
        changed = msgspec.structs.replace(
            changed,
            nats=nats,
            refused=one.refused + 1,
            tried=one.tried + one.taken + 1,
            taken=0,
            hard=one.hard and not one.taken,
            counted=counted,
            events=(*one.events, recorded.id)[-MOST_EVENTS:],
        )
    elif one.nats > 0:
        nats = max(0.0, one.nats + math.log((1 - LOOKED_FOR) / (1 - chance)))
        over = nats == 0.0
        changed = msgspec.structs.replace(
            changed,
            nats=nats,
            refused=0 if over else one.refused,
            tried=0 if over else one.tried,
            taken=0 if over else one.taken + 1,
            hard=one.hard and not over,
            counted={} if over else one.counted,
            events=() if over else one.events,
        )
    if changed.nats < _limit(state, changed):  # an outage must not teach itself to be usual
        half = 2 if one.seen >= MEMORY else 1
        changed = msgspec.structs.replace(
            changed, usual=(one.usual + refused) // half, seen=(one.seen + 1) // half
        )
    return _with(state, fact.provider, changed)


def _with(state: State, provider: str, trouble: Trouble) -> State:
    return msgspec.structs.replace(state, troubles={**state.troubles, provider: trouble})


def _took(state: State, provider: str, recorded: Recorded) -> tuple[State, list[Signal]]:
    """A mail was accepted: enough of them in a row withdraw the refusal."""
    before = state.taken.get(provider)
    if before is None:
        return state, []
    events = (*before, recorded.id)
    trouble = state.troubles.get(provider, Trouble())
    if len(events) < trouble.back(state.settings.returned):
        return msgspec.structs.replace(state, taken={**state.taken, provider: events}), []
    # A refusal after this is reported again at once.
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
    over = msgspec.structs.replace(
        trouble, nats=0.0, refused=0, tried=0, taken=0, hard=False, counted={}, events=()
    )
    state = _with(state, provider, over) if provider in state.troubles else state
    return msgspec.structs.replace(state, said=said, taken=taken), [signal]


DETECTOR = Detector(NAME, State, start, step, (AttemptFinished, CanaryRefused))

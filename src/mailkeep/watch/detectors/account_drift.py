"""Configuration drift: our account at a provider was changed, and nobody announced it.

Sees: ``PostureChanged``, what a reading of the account's API found changed, but exports and reads
(see ``export_seen``); ``PostureBlind``, where lists that could be read are refused, unreadable or
without end, which no outage explains; ``PostureAccepted``.
Evidence (judged, not measured): compromised, by the sort of change. The weights are the logarithm
of half the days between two such changes by our own people that nobody announced: a webhook or
allow list opened to a place that the account never named 6.2 (1,000 days), the account's owner or a
forwarding 8.2 (a company does it once in a life; in 2014 it was all that an intruder needed), a new
key 3.5, a key's rights 4.0, a user 3.5, a strange domain 5.0, a strange sender 4.5, tracking 3.0, a
template 2.0, removals 0.7 to 2.5. Sorts add up; of one sort the gravest counts whole and each
further grave one 0.5; at most 8.5. Where the list of senders is of those who sent (Mandrill's) a
strange domain weighs 1.0, one of ours nothing. Announced changes weigh 0.3 at most: an announcement
must not hide an intruder altogether. An account's status 0.5: complaints from outside can bring it
about.
Parameters: ``remembers``: over how long changes of one account are summed.
Taken back: a change that an operator accepts; blindness, when the lists are read again.
False alarms: a colleague who changes something and tells nobody. They open an incident and never
cut: what an API tells of an account is not a sign that we observed ourselves. With exports,
sign-ins and notices of changes it may be one sitting of one of us, so where nothing else speaks the
incident asks that first (``incidents.asking``); a thief in the console is asked about as well.
Delay: one reading (``posture.interval``, 60 s). Evasion: acting by what the API does not list (see
``blind`` of each module: sign-ins, reads, on some providers keys and users); doing and undoing
between two readings; and whoever has the provider itself, not our account there only, can have its
API say whatever they like. Who could forge it: nobody outside: what strangers can move at a
provider (suppressions, reputation, counts of mail) is not read. Whoever may choose the sender of
mail that we send can bring about the 1.0 of a sender that was used, and no more.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.providers.posture.types import Kind
from mailkeep.watch.detector import Detector
from mailkeep.watch.drift import ADDED, CHANGED, PLACES, REMOVED, USED
from mailkeep.watch.events import PostureAccepted, PostureBlind, PostureChanged, PostureRead
from mailkeep.watch.types import (
    MOST_EVENTS,
    DriftSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "account_drift"
MOST = 64  #: accounts watched
MOST_CHANGES = 64  #: of each
MOST_SAID = 4  #: changes that a reason names
CAP, FURTHER, GRAVE, ANNOUNCED = 8.5, 0.5, 2.0, 0.3
_EXPORT_SEEN = frozenset({Kind.EXPORT.value, Kind.READING.value})
_NO_OUTAGE = frozenset({"refused", "unreadable", "too_large", "too_many"})

#: Nats by kind and what was done: where it names a strange place, and else.
_WEIGHTS: dict[tuple[str, str], tuple[float, float]] = {
    (Kind.ACCOUNT, ADDED): (3.5, 3.5),
    (Kind.ACCOUNT, CHANGED): (3.5, 3.5),
    (Kind.ACCOUNT, REMOVED): (1.0, 1.0),
    (Kind.SENDER, ADDED): (4.5, 1.0),
    (Kind.SENDER, CHANGED): (4.5, 2.0),
    (Kind.SENDER, REMOVED): (0.7, 0.7),
    (Kind.DOMAIN, ADDED): (5.0, 2.0),
    (Kind.DOMAIN, CHANGED): (5.0, 1.0),
    (Kind.DOMAIN, REMOVED): (1.0, 1.0),
    (Kind.KEY, ADDED): (3.5, 3.5),
    (Kind.KEY, CHANGED): (4.0, 4.0),
    (Kind.KEY, REMOVED): (1.5, 1.5),
    (Kind.USER, ADDED): (3.5, 3.5),
    (Kind.USER, CHANGED): (3.5, 3.5),
    (Kind.USER, REMOVED): (1.5, 1.5),
    (Kind.WEBHOOK, ADDED): (6.2, 2.5),
    (Kind.WEBHOOK, CHANGED): (6.2, 2.5),
    (Kind.WEBHOOK, REMOVED): (2.5, 2.5),
    (Kind.TEMPLATE, ADDED): (2.0, 2.0),
    (Kind.TEMPLATE, CHANGED): (2.0, 2.0),
    (Kind.TEMPLATE, REMOVED): (0.7, 0.7),
    (Kind.ALLOW, ADDED): (6.2, 5.0),
    (Kind.ALLOW, CHANGED): (6.2, 5.0),
    (Kind.ALLOW, REMOVED): (1.5, 1.5),
    (Kind.TRACKING, ADDED): (5.0, 3.0),
    (Kind.TRACKING, CHANGED): (5.0, 3.0),
    (Kind.TRACKING, REMOVED): (0.7, 0.7),
    (Kind.FORWARD, ADDED): (8.2, 8.2),
    (Kind.FORWARD, CHANGED): (8.2, 8.2),
    (Kind.FORWARD, REMOVED): (0.7, 0.7),
}
_OWNER, _STATUS, _BLIND = 8.2, 0.5, 2.0
_USED = 1.0  #: a strange domain that somebody sent from, where the list is of those who sent


class Noted(msgspec.Struct, frozen=True):
    """One change: when it was seen, by which fact, what it weighs, in words."""

    at: Instant
    event: str
    sort: str
    weight: float
    words: str


class State(msgspec.Struct, frozen=True):
    """``noted``: by account and change, the newest last."""

    settings: DriftSettings
    noted: dict[str, dict[str, Noted]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.account_drift)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    match fact:
        case PostureChanged() if fact.item_kind not in _EXPORT_SEEN:
            one = Noted(
                recorded.placed_at, recorded.id, fact.item_kind, _weight(fact), _words(fact)
            )
            return _note(state, fact.provider, fact.change, one, recorded)
        case PostureBlind() if fact.before and fact.reason in _NO_OUTAGE:
            words = f"{', '.join(fact.lists)[:120]} cannot be read any more: {fact.reason}"
            one = Noted(recorded.placed_at, recorded.id, "blind", _BLIND, words)
            return _note(state, fact.provider, f"blind {fact.reason}", one, recorded)
        case PostureRead() if fact.anew:
            return _drop(state, fact.provider, _blind_of(state, fact.provider), recorded)
        case PostureAccepted():
            return _drop(state, fact.provider, frozenset(fact.changes), recorded)
        case _:
            return state, []


def _note(
    state: State, provider: str, key: str, one: Noted, recorded: Recorded
) -> tuple[State, list[Signal]]:
    if not one.weight or (provider not in state.noted and len(state.noted) >= MOST):
        return state, []
    of = {**_fresh(state, provider, recorded.placed_at), key: one}
    if len(of) > MOST_CHANGES:
        of.pop(min(of, key=lambda name: of[name].weight))
    state = msgspec.structs.replace(state, noted={**state.noted, provider: of})
    return state, [_signal(provider, of, recorded)]


def _drop(
    state: State, provider: str, keys: frozenset[str], recorded: Recorded
) -> tuple[State, list[Signal]]:
    of = state.noted.get(provider, {})
    if not keys & of.keys():
        return state, []
    left = {
        key: one
        for key, one in _fresh(state, provider, recorded.placed_at).items()
        if key not in keys
    }
    noted = {name: them for name, them in state.noted.items() if name != provider}
    if left:
        noted[provider] = left
    state = msgspec.structs.replace(state, noted=noted)
    return state, [_signal(provider, left, recorded)]


def _fresh(state: State, provider: str, now: Instant) -> dict[str, Noted]:
    since = now - seconds(state.settings.remembers)
    return {key: one for key, one in state.noted.get(provider, {}).items() if one.at > since}


def _blind_of(state: State, provider: str) -> frozenset[str]:
    of = state.noted.get(provider, {})
    return frozenset(key for key, one in of.items() if one.sort == "blind")


def _weight(fact: PostureChanged) -> float:
    strange, plain = _WEIGHTS.get((fact.item_kind, fact.what), (1.0, 1.0))
    weight = strange if fact.strange else plain
    names = {one.name for one in fact.fields}
    if fact.item_kind == Kind.ACCOUNT and fact.what == CHANGED:
        weight = _OWNER if "owner" in names else _STATUS if names <= {"status"} else weight
    if fact.item_kind == Kind.SENDER and USED in names:
        weight = _USED if fact.strange else 0.0
    return min(weight, ANNOUNCED) if fact.expected else weight


def _words(fact: PostureChanged) -> str:
    words = f"{fact.item_kind} {fact.what}"
    if fact.what == CHANGED:
        words += f" ({', '.join(one.name for one in fact.fields[:4])})"
    place = next((one.new_word for one in fact.fields if one.name in PLACES and one.new_word), "")
    if place:
        words += f", {place[:80]}" + (" which it never named before" if fact.strange else "")
    if fact.more:
        words += f", and {fact.more} changes more"
    return words + (", as announced" if fact.expected else "")


def _signal(provider: str, of: dict[str, Noted], recorded: Recorded) -> Signal:
    by_sort: dict[str, list[float]] = {}
    for one in of.values():
        by_sort.setdefault(one.sort, []).append(one.weight)
    total = sum(
        max(some) + FURTHER * max(0, sum(one >= GRAVE for one in some) - 1)
        for some in by_sort.values()
    )
    gravest = sorted(of.values(), key=lambda one: (-one.weight, one.at, one.event))
    said = "; ".join(one.words for one in gravest[:MOST_SAID])
    if len(gravest) > MOST_SAID:
        said += f"; and {len(gravest) - MOST_SAID} more"
    now = recorded.placed_at
    reason = f"our account at {provider} is not as it was: {said}"
    return Signal(
        detector=NAME,
        family=Family.POSTURE,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: min(CAP, total)} if of else {},
        at=now,
        reason=reason if of else f"what changed in our account at {provider} was ours",
        events=tuple(one.event for one in gravest)[:MOST_EVENTS] or (recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(7 * 86_400),
        restates=True,
    )


HEARS = (PostureAccepted, PostureBlind, PostureChanged, PostureRead)
DETECTOR = Detector(NAME, State, start, step, HEARS)

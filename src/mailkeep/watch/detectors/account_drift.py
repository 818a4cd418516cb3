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
Lasting: an act of 3.0 nats or more that nobody announced or accepted counts for up to a month, and
each such act, an export too, has those before it count anew. After d days it weighs 1.5 ln(d) less:
in as many days our own people did as much (``drift_weights``). What they do every few weeks (a
template, a plain webhook, a removal) and what comes by itself counts for its day, whole beside what
is left of an act: one more change of a day never lowers the sum.
Parameters: ``remembers``: over how long acts in one account are summed.
Taken back: a change that an operator accepts; blindness, when the lists are read again.
False alarms: a colleague who changes something and tells nobody. They open an incident and never
cut: what an API tells of an account is not a sign that we observed ourselves. With exports,
sign-ins and notices of changes it may be one sitting of one of us, so where nothing else speaks the
incident asks that first (``incidents.asking``); a thief in the console is asked about as well.
Delay: one reading (``posture.interval``, 60 s). Evasion: acting by what the API does not list (see
``blind`` of each module: sign-ins, reads, on some providers keys and users); doing and undoing
between two readings; one act a week or fewer; and whoever has the provider itself, not our account
there only, can have its API say whatever they like. Who could forge it: nobody outside: what
strangers can move at a provider (suppressions, reputation, counts of mail) is not read. Whoever may
choose the sender of mail that we send can bring about the 1.0 of a sender that was used, and no
more.
"""

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch import drift_weights
from mailkeep.watch.detector import Detector
from mailkeep.watch.drift import CHANGED, PLACES
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
HALF_LIFE = 43_200.0  #: seconds
LIVES = 7 * DAY  #: what a signal does
CAP, FURTHER, GRAVE = 8.5, 0.5, 2.0
_NO_OUTAGE = frozenset({"refused", "unreadable", "too_large", "too_many"})

_BLIND = 2.0


class Noted(msgspec.Struct, frozen=True):
    """One change: when it was seen, by which fact, what it weighs, in words. ``act``: it counts for
    longer than a day (``drift_weights.lasts``). An export weighs nothing here: it is noted for the
    while in which it makes what was done before count anew."""

    at: Instant
    event: str
    sort: str
    weight: float
    words: str
    act: bool = False


class State(msgspec.Struct, frozen=True):
    """``noted``: by account and change, the newest last."""

    settings: DriftSettings
    noted: dict[str, dict[str, Noted]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.account_drift)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, at, event = recorded.fact, recorded.placed_at, recorded.id
    match fact:
        case PostureChanged():
            act = drift_weights.lasts(fact)
            if fact.item_kind in drift_weights.EXPORTS:
                if not act or fact.provider not in state.noted:
                    return state, []
                one = Noted(at, event, fact.item_kind, 0.0, "", act)
            else:
                one = Noted(
                    at, event, fact.item_kind, drift_weights.weight(fact), _words(fact), act
                )
                if not one.weight:
                    return state, []
            return _note(state, fact.provider, fact.change, one, recorded)
        case PostureBlind() if fact.before and fact.reason in _NO_OUTAGE:
            words = f"{', '.join(fact.lists)[:120]} cannot be read any more: {fact.reason}"
            one = Noted(at, event, "blind", _BLIND, words, act=False)
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
    if provider not in state.noted and len(state.noted) >= MOST:
        return state, []
    of = {**_fresh(state, provider, recorded.placed_at), key: one}
    if len(of) > MOST_CHANGES:
        of.pop(min(of, key=lambda name: of[name].weight))
    state = msgspec.structs.replace(state, noted={**state.noted, provider: of})
    said = any(one.weight for one in of.values())
    return state, [_signal(provider, of, recorded)] if said else []


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
    said = any(one.weight for one in of.values())
    return state, [_signal(provider, left, recorded)] if said else []


def _fresh(state: State, provider: str, now: Instant) -> dict[str, Noted]:
    """What still counts of an account: of this day all, of the days before what somebody did, and
    the newest act whatever it weighs: as of it those before it count."""
    of = state.noted.get(provider, {})
    since, day = now - seconds(state.settings.remembers), now - DAY
    newest = max(now - LIVES, _newest_act(of))
    return {
        key: one
        for key, one in of.items()
        if one.at > since
        and (one.at > day or (one.act and (one.at == newest or _left(one, now) > 0.0)))
    }


def _newest_act(of: dict[str, Noted]) -> Instant:
    return max((one.at for one in of.values() if one.act), default=0)


def _left(one: Noted, now: Instant) -> float:
    return max(0.0, one.weight - drift_weights.age(one.at, now))


def _blind_of(state: State, provider: str) -> frozenset[str]:
    of = state.noted.get(provider, {})
    return frozenset(key for key, one in of.items() if one.sort == "blind")


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


def _weighed(of: dict[str, Noted], at: Instant) -> list[tuple[float, float, Noted]]:
    """Each with what it weighs at ``at``, as the gravest of its sort and as a further one.

    An act makes those before it count anew; a plain change only the plain ones of its day. An
    announced change makes nothing new, nor does taking another one back. The sum is of one instant
    and each sign fades from its own, so that one more never lowers it.
    """
    act = _newest_act(of)
    own = max(
        (one.at for one in of.values() if one.act or one.weight > drift_weights.ANNOUNCED),
        default=0,
    )
    out = []
    for one in of.values():
        since = act if one.act else max(own, one.at)
        left, faded = _left(one, since), 2 ** (-((at - since) / SECOND) / HALF_LIFE)
        out.append((left * faded, FURTHER * faded if left >= GRAVE else 0.0, one))
    return out


def _signal(provider: str, of: dict[str, Noted], recorded: Recorded) -> Signal:
    at = max((one.at for one in of.values()), default=recorded.placed_at)
    some = _weighed(of, at)
    by_sort: dict[str, list[tuple[float, float]]] = {}
    for weight, further, one in some:
        by_sort.setdefault(one.sort, []).append((weight, further))
    total = 0.0
    for each in by_sort.values():
        # Whole is the one of which that says most: an act fades and a plain change overtakes it.
        (whole, _), *others = sorted(each, key=lambda one: one[1] - one[0])
        total += whole + sum(further for _, further in others)
    gravest = [
        one
        for weight, _, one in sorted(some, key=lambda each: (-each[0], each[2].at, each[2].event))
        if weight
    ]
    said = "; ".join(one.words for one in gravest[:MOST_SAID])
    if len(gravest) > MOST_SAID:
        said += f"; and {len(gravest) - MOST_SAID} more"
    reason = f"our account at {provider} is not as it was: {said}"
    return Signal(
        detector=NAME,
        family=Family.POSTURE,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: min(CAP, total)} if total else {},
        at=at,
        reason=reason if total else f"what changed in our account at {provider} was ours",
        events=tuple(one.event for one in gravest)[:MOST_EVENTS] or (recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=HALF_LIFE,
        expires_at=at + LIVES,
        restates=True,
    )


HEARS = (PostureAccepted, PostureBlind, PostureChanged, PostureRead)
DETECTOR = Detector(NAME, State, start, step, HEARS)

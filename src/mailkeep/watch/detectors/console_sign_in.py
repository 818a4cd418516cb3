"""An unknown person or network signs in to a third party's console, or changes something there.

Sees: ``ConsoleUsed``, what audit logs of other houses tell (``[[console_log]]``): the identity
provider's, the cloud's, the DNS host's; ``PostureChanged``, what an account's own API shows of the
same; ``ConsoleAccepted``. Failed sign-ins are not looked at: anybody can try.
Method: who and from which network are learned for each party, for ``learns`` days only learned; a
name is known a week after it was first seen, so that an intruder's first act does not vouch for the
second, or when an operator accepts what it did. Networks that the settings name are known, and
those that they do not name are strange, from the first day.
Evidence (judged, not measured): the logarithm of half the days between two such acts of our own
people that nobody announced, for known person and place, for one of both strange, for both: a
sign-in 0, 1.0, 4.6 (200 days: a new colleague at home); a key 2.0, 3.5, 6.2; a user or a right 1.5,
3.5, 6.2; a change of what is sent 0.7, 2.0, 5.0; DNS 0.7, 2.5, 6.2. Strange and without a second
factor 0.7 more; the account's owner, whom no rights bind, 1.5 more. Announced: 0.3 at most. Sorts
add up; of one sort the gravest counts whole and each further grave one 0.5.
Of a provider: compromised, at most 8.2: a stranger's sign-in alone opens nothing, with a key that
they make it does; beside what the provider says of itself the lesser of both counts 1.3. What the
account itself shows of it within the hour (``account_drift``) is left out: what was changed counts
once, who did it counts here. Of our DNS: domain abused, at most 8.2.
Of any other party: leaked here, at most 9.2, since it is our own people's access that is used.
Taken back: what an operator accepts.
False alarms: a new colleague, travel, a new address of the office. They never cut: it is a house's
word, and not a sign that we observed ourselves.
Delay: the log's own: Okta's hooks seconds, CloudTrail five to fifteen minutes. Evasion: acting as
somebody known from where they work; coming in the weeks in which is learned; a week between the
first sign-in and what it was for; using a party whose log is not brought in, or who holds the log's
house itself, by leaving lines out. Who could forge it: nobody outside without the key by which the
log is brought in, and the log's house; with either they wake people and cut nobody off.
State: 16 parties, 96 people and 96 networks of each, 32 acts.
"""

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.events.types import Recorded
from mailkeep.providers.posture.types import Kind
from mailkeep.watch.console_types import Act, ConsoleSettings
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import ConsoleAccepted, ConsoleUsed, PostureChanged
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    MOST_EVENTS,
    OUR_HOUSE,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    domain_subject,
    provider_subject,
    seconds,
)

NAME = "console_sign_in"
MOST = 16  #: parties
MOST_KNOWN = 96  #: people, and networks, of each
MOST_NOTED = 32  #: acts about one subject
MOST_SAID = 4  #: acts that a reason names
PROBATION = 7 * DAY
SAME = 3600.0  #: seconds within which the account's own API shows the same change
CAP, CAP_HOUSE, FURTHER, GRAVE, ANNOUNCED = 8.2, 9.2, 0.5, 2.0, 0.3
NO_FACTOR, ROOT = 0.7, 1.5

#: Nats: known person and place, one of both strange, both.
_WEIGHTS: dict[str, tuple[float, float, float]] = {
    Act.SIGN_IN: (0.0, 1.0, 4.6),
    Act.KEY: (2.0, 3.5, 6.2),
    Act.USER: (1.5, 3.5, 6.2),
    Act.CHANGE: (0.7, 2.0, 5.0),
    Act.DNS: (0.7, 2.5, 6.2),
}
_WORDS = {
    Act.SIGN_IN: "a sign-in",
    Act.KEY: "a key was made",
    Act.USER: "somebody was given rights",
    Act.CHANGE: "something was changed",
    Act.DNS: "DNS records were changed",
}
_BY = ("by somebody known", "by somebody or from a place that is new", "by a stranger")
#: The act as which an account's own API shows a change of a kind; else ``Act.CHANGE``.
_SHOWN: dict[str, Act] = {Kind.KEY: Act.KEY, Kind.USER: Act.USER, Kind.ACCOUNT: Act.USER}


class Seen(msgspec.Struct, frozen=True):
    """When a name was first and last seen; ``accepted``: an operator vouched for it."""

    first: Instant
    last: Instant
    accepted: bool = False


class Party(msgspec.Struct, frozen=True):
    """Who acts at one party, and from where. ``shown``: when its own API last showed an act."""

    since: Instant = 0
    actors: dict[str, Seen] = {}
    networks: dict[str, Seen] = {}
    shown: dict[str, Instant] = {}


class Noted(msgspec.Struct, frozen=True):
    """One act. ``plain``: what it would weigh of somebody known; ``told``: lines that say it."""

    at: Instant
    event: str
    told: tuple[str, ...]
    party: str
    act: str
    actor: str
    network: str
    weight: float
    plain: float
    strange: int


class State(msgspec.Struct, frozen=True):
    """``noted``: by subject, as ``kind id``, and by what was done by whom from where."""

    settings: ConsoleSettings
    parties: dict[str, Party] = {}
    noted: dict[str, dict[str, Noted]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.console_sign_in)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    match recorded.fact:
        case ConsoleUsed() as fact if fact.act in _WEIGHTS:
            return _used(state, fact, recorded)
        case PostureChanged() as fact:
            return _shown(state, fact, recorded)
        case ConsoleAccepted() as fact:
            return _accepted(state, fact, recorded)
        case _:
            return state, []


def _used(state: State, fact: ConsoleUsed, recorded: Recorded) -> tuple[State, list[Signal]]:
    now = recorded.placed_at
    party = state.parties.get(fact.party)
    if party is None:
        if len(state.parties) >= MOST:
            return state, []
        party = Party(since=now)
    learning = now - party.since < round(state.settings.learns * DAY)
    gone = now - round(state.settings.forgets * DAY)
    new_actor = not learning and not _known(party.actors.get(fact.actor), now, gone)
    if fact.inside is not None:
        new_place = not fact.inside
    else:
        seen = party.networks.get(fact.network)
        new_place = bool(fact.network) and not learning and not _known(seen, now, gone)
    party = Party(
        party.since,
        _learned(party.actors, fact.actor, now, gone, vouched=learning),
        _learned(party.networks, fact.network, now, gone, vouched=learning),
        party.shown,
    )
    state = msgspec.structs.replace(state, parties={**state.parties, fact.party: party})
    strange = new_actor + new_place
    plain, weight = _WEIGHTS[fact.act][0], _WEIGHTS[fact.act][strange]
    if strange and fact.factor is False:
        weight += NO_FACTOR
    if fact.root:
        weight += ROOT
    if fact.expected:
        weight = min(weight, ANNOUNCED)
    if not weight:
        return state, []
    subject = _subject(fact)
    key = f"{fact.party} {fact.act} {fact.actor} {fact.network}"
    of = _fresh(state, subject, now)
    before = of.pop(key, None)
    if before is not None and before.weight > weight:
        plain, weight, strange = before.plain, before.weight, before.strange
    told = ((() if before is None else before.told) + (fact.told,))[-MOST_EVENTS:]
    of[key] = Noted(
        at=now,
        event=recorded.id,
        told=told,
        party=fact.party,
        act=fact.act,
        actor=fact.actor,
        network=fact.network,
        weight=weight,
        plain=plain,
        strange=strange,
    )
    if len(of) > MOST_NOTED:
        of.pop(min(of, key=lambda name: of[name].weight))
    state = msgspec.structs.replace(state, noted={**state.noted, _place(subject): of})
    return state, [_signal(state, subject, of, recorded)]


def _shown(state: State, fact: PostureChanged, recorded: Recorded) -> tuple[State, list[Signal]]:
    """The account's own API shows what was changed: ``account_drift`` weighs that."""
    party = state.parties.get(fact.provider)
    if party is None:
        return state, []
    now, subject = recorded.placed_at, provider_subject(fact.provider)
    act = _SHOWN.get(fact.item_kind, Act.CHANGE)
    shown = {**party.shown, act.value: now}
    party = msgspec.structs.replace(party, shown=shown)
    state = msgspec.structs.replace(state, parties={**state.parties, fact.provider: party})
    of = _fresh(state, subject, now)
    if not any(one.act == act and now - one.at < seconds(SAME) for one in of.values()):
        return state, []
    return state, [_signal(state, subject, of, recorded)]


def _accepted(
    state: State, fact: ConsoleAccepted, recorded: Recorded
) -> tuple[State, list[Signal]]:
    ours, now = set(fact.told), recorded.placed_at
    signals = []
    for place, of in list(state.noted.items()):
        mine = {key: one for key, one in of.items() if ours & set(one.told)}
        if not mine:
            continue
        parties = dict(state.parties)
        for one in mine.values():
            party = parties.get(one.party, Party(since=now))
            parties[one.party] = msgspec.structs.replace(
                party,
                actors=_vouched(party.actors, one.actor, now),
                networks=_vouched(party.networks, one.network, now),
            )
        subject = Subject(*place.split(" ", 1))
        state = msgspec.structs.replace(state, parties=parties)
        left = {k: one for k, one in _fresh(state, subject, now).items() if k not in mine}
        noted = {name: them for name, them in state.noted.items() if name != place}
        if left:
            noted[place] = left
        state = msgspec.structs.replace(state, noted=noted)
        signals.append(_signal(state, subject, left, recorded))
    return state, signals


def _known(seen: Seen | None, now: Instant, gone: Instant) -> bool:
    if seen is None or seen.last <= gone:
        return False
    return seen.accepted or now - seen.first >= PROBATION


def _learned(
    names: dict[str, Seen], name: str, now: Instant, gone: Instant, *, vouched: bool
) -> dict[str, Seen]:
    """With one that was seen now. A flood of made-up ones pushes out those in their first week
    before it does those who are known."""
    if not name:
        return names
    seen = names.get(name)
    if seen is None or seen.last <= gone:
        seen = Seen(now, now, vouched)
    out = {**names, name: Seen(seen.first, now, seen.accepted or vouched)}
    if len(out) > MOST_KNOWN:
        out.pop(min(out, key=lambda one: (_known(out[one], now, gone), out[one].last)))
    return out


def _vouched(names: dict[str, Seen], name: str, now: Instant) -> dict[str, Seen]:
    if not name:
        return names
    seen = names.get(name, Seen(now, now))
    return kept(names, name, Seen(seen.first, seen.last, True), MOST_KNOWN)


def _subject(fact: ConsoleUsed) -> Subject:
    if fact.provider:
        return provider_subject(fact.party)
    return domain_subject(fact.domain) if fact.domain else OUR_HOUSE


def _place(subject: Subject) -> str:
    return f"{subject.kind} {subject.id}"


def _fresh(state: State, subject: Subject, now: Instant) -> dict[str, Noted]:
    since = now - seconds(state.settings.remembers)
    of = state.noted.get(_place(subject), {})
    return {key: one for key, one in of.items() if one.at > since}


def _signal(state: State, subject: Subject, of: dict[str, Noted], recorded: Recorded) -> Signal:
    by_sort: dict[str, list[float]] = {}
    for one in of.values():
        by_sort.setdefault(one.act, []).append(_weight(state, one))
    total = sum(
        max(some) + FURTHER * max(0, sum(one >= GRAVE for one in some) - 1)
        for some in by_sort.values()
    )
    hypothesis, cap = Hypothesis.PROVIDER_COMPROMISED, CAP
    family = Family.POSTURE
    if subject == OUR_HOUSE:
        hypothesis, cap, family = Hypothesis.LEAKED_HERE, CAP_HOUSE, Family.KEYS
    elif subject.kind == "domain":
        hypothesis = Hypothesis.DOMAIN_ABUSED
    gravest = sorted(of.values(), key=lambda one: (-_weight(state, one), one.at, one.event))
    said = "; ".join(
        f"{_WORDS[Act(one.act)]} at {one.party} {_BY[one.strange]}" for one in gravest[:MOST_SAID]
    )
    if len(gravest) > MOST_SAID:
        said += f"; and {len(gravest) - MOST_SAID} more"
    now = recorded.placed_at
    return Signal(
        detector=NAME,
        family=family,
        subject=subject,
        evidence={hypothesis: min(cap, total)} if of else {},
        at=now,
        reason=f"an audit log tells of {said}" if of else "what an audit log told of was ours",
        events=tuple(one.event for one in gravest)[:MOST_EVENTS] or (recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(7 * 86_400),
        restates=True,
    )


def _weight(state: State, one: Noted) -> float:
    """Less what the account's own API shows of it."""
    shown = state.parties.get(one.party, Party()).shown.get(one.act)
    if shown is None or abs(shown - one.at) >= seconds(SAME):
        return one.weight
    return max(0.0, one.weight - one.plain)


HEARS = (ConsoleAccepted, ConsoleUsed, PostureChanged)
DETECTOR = Detector(NAME, State, start, step, HEARS)

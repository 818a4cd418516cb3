"""Builds the threat model from the live system, and the difference between two of them (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from mailkeep.trust.graph import counting
from mailkeep.trust.rules import RULES
from mailkeep.trust.types import Party, PartyKind

from . import visibility, words
from .threat_types import STRIDE, Threat
from .threats import THREATS
from .types import SinglePoint
from .visibility import Sight
from .whatif import Model

ASSETS: Mapping[str, str] = {
    "accounts": "customers' accounts",
    "content of mail": "what customers are sent, secrets and all",
    "addresses of customers": "who our customers are",
    "our name": "domains that customers trust",
    "delivery": "mail that goes out and arrives",
    "the house": "what operators can do here",
    "the record": "what was done, by whom",
}

BOUNDARIES: Mapping[PartyKind, str] = {
    PartyKind.MAIL: "between us and who carries our mail",
    PartyKind.SMS: "between us and who carries our text messages",
    PartyKind.DNS: "between our names and who answers for them",
    PartyKind.REGISTRAR: "between our names and who may move them",
    PartyKind.CLOUD: "between our processes and the machines beneath them",
    PartyKind.CDN: "between our pages and their visitors",
    PartyKind.IDENTITY: "between administrators and who signs them in",
    PartyKind.MONITORING: "between our logs and who reads them",
    PartyKind.SUPPORT: "between our customers and who talks with them for us",
    PartyKind.MAILBOX: "between our customers and who keeps their mailboxes",
    PartyKind.PERSON: "between the house and the people with keys to it",
    PartyKind.OWNER: "between a party and who owns it",
    PartyKind.OURS: "between our own processes, stores and keys",
    PartyKind.OTHER: "between us and parties of no stated kind",
}


class PartyOut(msgspec.Struct, frozen=True):
    """A party as the model lists it; ``can``: capabilities, when it alone falls."""

    id: str
    name: str
    kind: str
    ties: tuple[str, ...]
    hosts: tuple[str, ...]
    can: tuple[str, ...]
    carries: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    contact: str = ""
    terms: str = ""
    reviewed: str = ""
    source: str = ""
    confirmed: bool = False


class Answer(msgspec.Struct, frozen=True):
    """A mitigation. ``off``: why it is not on; "" when it is."""

    words: str
    off: str
    shown: tuple[str, ...]


class ThreatOut(msgspec.Struct, frozen=True):
    """A threat; ``parties``: who alone could carry it out."""

    id: str
    stride: str
    words: str
    asset: str
    parties: tuple[str, ...]
    answers: tuple[Answer, ...]


class ThreatModel(msgspec.Struct, frozen=True):
    """The whole of it. ``overrides``: ties that do not count, with reason and end."""

    day: str
    parties: tuple[PartyOut, ...]
    threats: tuple[ThreatOut, ...]
    single_points: tuple[SinglePoint, ...]
    overrides: tuple[str, ...]
    overdue: tuple[str, ...]
    sights: tuple[Sight, ...]
    blind: tuple[str, ...]
    seen_share: int


class Difference(msgspec.Struct, frozen=True):
    """What one model has and the other has not, by section, in words."""

    before: str
    after: str
    gone: Mapping[str, tuple[str, ...]]
    new: Mapping[str, tuple[str, ...]]


def written(model: Model) -> ThreatModel:
    """The threat model of the house."""
    can = {one: model.engine.reach([one]).words() for one in model.world.parties}
    sights = visibility.visible(model.house, model.world.parties.values())
    return ThreatModel(
        model.live.today,
        tuple(party_out(one, can[one.id]) for one in model.world.parties.values()),
        tuple(_threats(model, can)),
        # The number of accounts changes by the hour, and does not make another model.
        tuple(_one_each(model.single_points())),
        tuple(_overrides(model)),
        tuple(_overdue(model)),
        tuple(sights),
        tuple(_blind(model, sights)),
        visibility.share(sights),
    )


def party_out(one: Party, can: Sequence[str]) -> PartyOut:
    """A party as the model lists it, with what it alone could do."""
    ties = [f"owned by {other}" for other in one.owned_by]
    ties += [f"administered by {other}" for other in one.administered_by]
    ties += [f"relays via {other}" for other in one.relays_via]
    return PartyOut(
        one.id,
        one.called,
        one.kind.value,
        tuple(ties),
        one.runs_on,
        tuple(word for word in can if words.verb(word) in words.VERBS),
        one.carries,
        one.holds,
        one.contact,
        one.terms,
        one.reviewed,
        one.source,
        one.confirmed,
    )


def _threats(model: Model, can: Mapping[str, Sequence[str]]) -> Iterable[ThreatOut]:
    has = {party: frozenset(found) for party, found in can.items()}
    verbs = {party: {words.verb(word) for word in found} for party, found in has.items()}
    for threat in THREATS:
        ways = _ways(model, threat)
        able = [
            party
            for party, found in has.items()
            if not verbs[party].isdisjoint(threat.verbs) or any(way <= found for way in ways)
        ]
        answers = tuple(
            Answer(one.words, one.on(model.house, model.live), one.shown) for one in threat.answers
        )
        yield ThreatOut(threat.id, threat.stride, threat.words, threat.asset, tuple(able), answers)


def _ways(model: Model, threat: Threat) -> set[frozenset[str]]:
    """What a threat rests on where it is carried out by certain rules: each enough alone."""
    return {
        frozenset(rule.body)
        for rule in model.rules
        if rule.why in threat.ways
        and (not threat.premise or threat.premise in map(words.verb, rule.body))
    }


def _one_each(points: Iterable[SinglePoint]) -> list[SinglePoint]:
    seen: dict[tuple[str, str, str, str], SinglePoint] = {}
    for one in points:
        where = (one.party, one.account_class, one.factor, one.how.value)
        seen.setdefault(where, msgspec.structs.replace(one, accounts=0))
    return list(seen.values())


def _overrides(model: Model) -> Iterable[str]:
    for party in model.world.parties.values():
        for one in party.independent:
            state = _state(one.until, model.live.today)
            yield f"{party.id} is not tied to {one.of} ({state}): {one.reason}"
    for borne in model.house.settings.accept:
        state = _state(borne.until, model.live.today)
        yield f"{borne.party} is borne as a single point ({state}): {borne.reason}"


def _state(until: str, today: str) -> str:
    if counting(until, today):
        return f"until {until}"
    return f"does not count: {until} is too far off" if today < until else f"over since {until}"


def _overdue(model: Model) -> Iterable[str]:
    """Outside parties whose entry nobody has reviewed for long."""
    oldest = date.fromisoformat(model.live.today) - timedelta(days=model.house.settings.review)
    for party in model.house.parties.values():
        looked = party.confirmed or party.kind is PartyKind.OWNER
        if party.kind is PartyKind.OURS or (looked and party.id == party.known):
            continue
        if not party.reviewed:
            yield f"{party.id}: never looked at"
        elif date.fromisoformat(party.reviewed) < oldest:
            yield f"{party.id}: last looked at on {party.reviewed}"


def _blind(model: Model, sights: Iterable[Sight]) -> Iterable[str]:
    for one in model.house.watchers.values():
        if one.off:
            yield f"{one.name} sees nothing: {one.off}"
    for act, (names, why) in words.WATCHED.items():
        if not names:
            yield f"{act}: {why}"
    for sight in sights:
        if not sight.seen and sight.party in {one.party for one in model.house.providers}:
            yield f"{sight.act.value} at {sight.party}: {sight.how}"


def difference(before: ThreatModel, after: ThreatModel) -> Difference:
    """What is new in ``after`` and what is gone from ``before``."""
    old, new = _facts(before), _facts(after)
    gone = {name: tuple(sorted(old[name] - new[name])) for name in old if old[name] - new[name]}
    more = {name: tuple(sorted(new[name] - old[name])) for name in old if new[name] - old[name]}
    return Difference(before.day, after.day, gone, more)


def _facts(one: ThreatModel) -> dict[str, set[str]]:
    """A model as sets of sentences."""
    return {
        "parties": {f"{p.id} ({p.kind})" for p in one.parties},
        "ties": {f"{p.id} {tie}" for p in one.parties for tie in p.ties},
        "hosts": {f"{p.id} runs on {host}" for p in one.parties for host in p.hosts},
        "register": {f"{p.id}: {text}" for p in one.parties for text in said(p)},
        "capabilities": {f"{p.id}: {word}" for p in one.parties for word in p.can},
        "mitigations on": {
            f"{t.id}: {a.words}" for t in one.threats for a in t.answers if not a.off
        },
        "single points": {
            f"{s.party} takes {s.account_class}/{s.factor} ({s.how.value})"
            + (", borne" if s.accepted else "")
            for s in one.single_points
        },
        "overrides": set(one.overrides),
        "blind spots": set(one.blind),
    }


def digest_of(one: ThreatModel) -> bytes:
    """What makes two models different, as bytes."""
    return msgspec.json.encode({name: sorted(some) for name, some in _facts(one).items()})


def boundaries(one: ThreatModel) -> list[str]:
    """The boundaries that there are, by the kinds of its parties."""
    kinds = {party.kind for party in one.parties}
    return [text for kind, text in BOUNDARIES.items() if kind.value in kinds]


def entries(one: ThreatModel) -> list[tuple[PartyOut, list[str]]]:
    """What the register says for people of each party of which it says anything."""
    found = [(party, said(party)) for party in one.parties]
    return [(party, lines) for party, lines in found if lines]


def said(one: PartyOut) -> list[str]:
    """What stands of a party for people, in words."""
    return [
        *(f"carries {what}" for what in one.carries),
        *(f"holds {what}" for what in one.holds),
        *([f"in an incident: {one.contact}"] if one.contact else []),
        *([f"terms: {one.terms}"] if one.terms else []),
        *([f"looked at on {one.reviewed}"] if one.reviewed else []),
    ]


def stride(letter: str) -> str:
    """The word of a letter."""
    return STRIDE[letter]


def rules_words() -> list[tuple[str, str]]:
    """The rules as the page shows them: what was, and what follows."""
    return [(name, text.format("X", "Y", to="Z")) for name, text in RULES.items()]

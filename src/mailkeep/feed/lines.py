"""The JSON lines of a feed, and their schema (pure).

``FORMAT`` names the schema's version. New fields keep it, so readers must ignore fields that they
do not know; an incompatible change gets the next number. ``docs/schemas`` has the JSON Schema, made
from these types.
"""

import inspect
from typing import Annotated, Any, Literal

import msgspec

from mailkeep.base.clock import Instant, iso, when
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentRestored,
    IncidentTaken,
    IncidentUpdated,
)
from mailkeep.incidents.types import Incident, View
from mailkeep.incidents.words import headline, probability
from mailkeep.watch.types import Signal

FORMAT: Literal["mailkeep.feed/1"] = "mailkeep.feed/1"

IncidentFact = (
    IncidentOpened
    | IncidentUpdated
    | IncidentContained
    | IncidentTaken
    | IncidentRestored
    | IncidentClosed
)
Change = Literal["opened", "updated", "contained", "taken", "restored", "closed"]
#: Who outside could have staged what was seen: a word of ``watch.types.Forger``.
Forger = Literal["nobody", "customers", "anyone"]
Time = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, to the millisecond")]
Facts = Annotated[
    tuple[str, ...], msgspec.Meta(description="ids of the facts that it rests on, as in the log")
]

_CHANGES: dict[type[Any], Change] = {
    IncidentOpened: "opened",
    IncidentUpdated: "updated",
    IncidentContained: "contained",
    IncidentTaken: "taken",
    IncidentRestored: "restored",
    IncidentClosed: "closed",
}


class SubjectOut(msgspec.Struct, frozen=True):
    """What it is about. ``kind``: provider, account, campaign, domain, mailbox or house."""

    kind: str
    id: str


class SignalOut(msgspec.Struct, frozen=True):
    """What one detector says about one subject.

    Attributes:
        evidence: log likelihood ratio for each hypothesis, in nats.
        own_observation: Mailkeep saw it itself; it is not somebody's word.
        restates: it replaces what the detector said of the subject before; without evidence it
            takes that back.
    """

    detector: str
    family: str
    subject: SubjectOut
    reason: str
    evidence: dict[str, float]
    events: Facts
    own_observation: bool
    forger: Forger
    half_life: Annotated[float, msgspec.Meta(description="seconds after which it weighs half")]
    expires_at: Time
    restates: bool


class ReasonOut(msgspec.Struct, frozen=True):
    """One term of a hypothesis: what it counts in nats, on what it rests."""

    detector: str
    nats: float
    text: str
    events: Facts
    forger: Forger


class HypothesisOut(msgspec.Struct, frozen=True):
    """A hypothesis about the subject.

    Attributes:
        open: it is held.
        automatic: an action may rest on it without a person.
    """

    hypothesis: str
    open: bool
    log_odds: float
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)]
    automatic: bool
    reasons: tuple[ReasonOut, ...]


class IncidentOut(msgspec.Struct, frozen=True):
    """An incident as it stands when the line is told.

    Attributes:
        change: why the line is told.
        by: whose doing it was: a person's or an action's id; empty where Mailkeep's judgement was.
        since: when the first act happened that can be seen, or earlier, where a person says so.
        said: a hypothesis that a person says and that no sign holds; empty: none.
    """

    change: Change
    by: str
    id: str
    subject: SubjectOut
    state: Literal["open", "contained", "restored", "closed"]
    headline: str
    opened_at: Time
    since: Time
    contained_at: Time | None
    restored_at: Time | None
    closed_at: Time | None
    hypotheses: tuple[HypothesisOut, ...]
    said: str = ""


class SignalLine(msgspec.Struct, frozen=True, tag_field="type", tag="signal"):
    """A signal.

    Attributes:
        format: names this schema.
        id: of the fact; the same each time that the line is told.
        timestamp: when it happened.
    """

    format: Literal["mailkeep.feed/1"]
    id: str
    timestamp: Time
    data: SignalOut


class IncidentLine(msgspec.Struct, frozen=True, tag_field="type", tag="incident"):
    """An incident that opened or changed. The rest as in a signal."""

    format: Literal["mailkeep.feed/1"]
    id: str
    timestamp: Time
    data: IncidentOut


Line = SignalLine | IncidentLine


def signal(name: str, at: Instant, one: Signal) -> SignalLine:
    """The line of a signal; ``name``: of its fact."""
    data = SignalOut(
        one.detector,
        one.family.value,
        SubjectOut(one.subject.kind, one.subject.id),
        one.reason,
        {hypothesis.value: nats for hypothesis, nats in one.evidence.items()},
        one.events,
        one.own_observation,
        one.forger.value,
        one.half_life,
        iso(one.expires_at),
        one.restates,
    )
    return SignalLine(FORMAT, name, iso(at), data)


def incident(name: str, at: Instant, fact: IncidentFact, one: Incident) -> IncidentLine:
    """The line of a change of an incident; ``name``: of its fact."""
    data = IncidentOut(
        _CHANGES[type(fact)],
        getattr(fact, "by", ""),
        one.id,
        SubjectOut(one.subject.kind, one.subject.id),
        one.state.value,
        headline(one),
        iso(one.opened_at),
        iso(one.since),
        when(one.contained_at),
        when(one.restored_at),
        when(one.closed_at),
        tuple(map(_hypothesis, one.opinions)),
        "" if one.said is None else one.said.value,
    )
    return IncidentLine(FORMAT, name, iso(at), data)


def encode(line: Line) -> bytes:
    """One line of JSON, without its end."""
    return msgspec.json.encode(line)


def decode(line: bytes) -> Line:
    """A line that was read. Raises ``msgspec.DecodeError``."""
    found: Line = msgspec.json.decode(line, type=Line)
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a line."""
    made = msgspec.json.schema(Line)
    for one in made["$defs"].values():
        one["description"] = inspect.cleandoc(one["description"])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FORMAT}
    return head | made


def _hypothesis(one: View) -> HypothesisOut:
    reasons = tuple(
        ReasonOut(why.detector, why.nats, why.text, why.events, why.forger.value)
        for why in one.reasons
    )
    return HypothesisOut(
        one.hypothesis.value, one.open, one.log_odds, probability(one), one.alone, reasons
    )

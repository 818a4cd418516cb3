"""Describes a message's events in plain sentences for the development mailbox (pure)."""

from collections.abc import Iterable, Set
from typing import Any

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.queries import Seen
from mailkeep.events.types import Fact
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentRestored,
)
from mailkeep.mail.events import (
    AttemptFinished,
    BreakerClosed,
    BreakerOpened,
    ClaimRefused,
    DeliveryReported,
    FailedOver,
    MessageAccepted,
    MessageGivenUp,
    MessageRequeued,
    ProviderCut,
    ProviderRested,
    ProviderRestored,
    ProviderUnrested,
)
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.events import ActionApplied, ActionProposed
from mailkeep.watch.events import SignalRaised

#: What is worth telling of while a provider is broken.
NEWS: tuple[type[Fact], ...] = (
    *(FailedOver, BreakerOpened, BreakerClosed, MessageGivenUp, ClaimRefused),
    *(ProviderCut, ProviderRestored, ProviderRested, ProviderUnrested),
    *(SignalRaised, IncidentOpened, IncidentContained, IncidentRestored, IncidentClosed),
    *(ActionProposed, ActionApplied),
)
#: What a message goes through.
STEPS: tuple[type[Fact], ...] = (
    *(MessageAccepted, AttemptFinished, FailedOver, DeliveryReported, MessageGivenUp),
    MessageRequeued,
)


class Told(msgspec.Struct, frozen=True):
    """One thing that happened; ``times``: how often the same was seen, ``at``: the last time.
    ``incident``: its id, where there is one."""

    at: Instant
    word: str
    text: str
    incident: str = ""
    times: int = 1


def tell(seen: Iterable[Seen], most: int, ours: Set[str] = frozenset()) -> list[Told]:
    """The newest things, newest first; what is said over and over is said once.

    Args:
        ours: messages to mailboxes of our own: nobody waits for them.
    """
    out: dict[tuple[str, str], Told] = {}
    for one in seen:
        told = sentence(one)
        if isinstance(one.fact, MessageGivenUp) and one.fact.message in ours:
            told = msgspec.structs.replace(
                told, word="canary", text=f"A canary could not be sent: {one.fact.why}."
            )
        if (before := out.get((told.word, told.text))) is not None:
            told = msgspec.structs.replace(before, times=before.times + 1)
        elif len(out) >= most:
            continue
        out[told.word, told.text] = told
    return list(out.values())


def sentence(seen: Seen) -> Told:
    """One fact."""
    word, text = _words(seen.fact)
    return Told(seen.at, word, text, getattr(seen.fact, "incident", ""))


def _words(fact: Any) -> tuple[str, str]:
    match fact:
        case MessageAccepted():
            return "accepted", f"Stored for the {fact.stream} stream: ours to deliver from here on."
        case AttemptFinished(told=True):
            return "attempt", f"An application says that it sent this through {fact.provider}."
        case AttemptFinished():
            detail = f" ({fact.detail})" if fact.detail else ""
            return "attempt", f"{fact.provider} answered: {fact.outcome}{detail}."
        case DeliveryReported():
            return "report", f"{fact.provider} says: {fact.event}. That is its word, not our sight."
        case FailedOver():
            return "failover", (
                f"Mail of the {fact.stream} stream went from {fact.left} to {fact.taken}:"
                f" {fact.because}."
            )
        case BreakerOpened():
            return "avoided", f"The {fact.stream} stream avoids {fact.provider}: {fact.because}."
        case BreakerClosed():
            return "back", f"The {fact.stream} stream uses {fact.provider} again."
        case MessageGivenUp():
            return (
                "given up",
                f"A message of the {fact.stream} stream will not be sent: {fact.why}.",
            )
        case MessageRequeued():
            return "requeued", f"A message of the {fact.stream} stream is sent after all."
        case ClaimRefused():
            return "refused", f"What came in the name of {fact.provider} was refused: {fact.why}."
        case SignalRaised(signal=signal):
            return "signal", f"{signal.subject.id}: {signal.reason}"
        case _:
            return _of_providers(fact)


def _of_providers(fact: Any) -> tuple[str, str]:
    match fact:
        case ProviderCut():
            return "cut off", f"{fact.provider} is cut off: {fact.reason}"
        case ProviderRestored():
            return "restored", f"{fact.provider} may carry mail again: {fact.reason}"
        case ProviderRested():
            return "resting", f"{fact.provider} rests, while another stands: {fact.reason}"
        case ProviderUnrested():
            return "back", f"{fact.provider} carries ordinary mail again: {fact.reason}"
        case IncidentOpened():
            return "incident", f"An incident was opened about {fact.subject_id}."
        case IncidentContained():
            return "incident", "The incident is contained."
        case IncidentRestored():
            return "incident", "The incident's provider carries mail again."
        case IncidentClosed():
            return "incident", "The incident is closed."
        case ActionProposed():
            return "action", f"Proposed: {_plain(fact.action)}."
        case ActionApplied():
            return "action", f"Done: {_plain(fact.action)}."
        case _:
            return fact.kind, ""


def _plain(name: str) -> str:
    return ACTIONS[name].title.lower() if name in ACTIONS else name

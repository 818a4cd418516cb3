"""Counts the events that this process recorded, once they are committed.

It is called with the events of a transaction where they happen, so nothing is read back from the
log, and a reader that lags or stops falsifies no number.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog

from mailkeep.accounts.events import SignedInFact, SignInFailed
from mailkeep.accounts.types import SignInFailure
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.ids import made_at
from mailkeep.events.events import AuditContradicted, FactSetAside
from mailkeep.incidents.events import IncidentOpened
from mailkeep.mail.events import (
    AttemptFinished,
    DeliveryReported,
    FailedOver,
    MessageAccepted,
    MessageGivenUp,
    MessageRequeued,
)
from mailkeep.mail.types import GiveUpReason
from mailkeep.recovery import events as recovery
from mailkeep.response import events as response
from mailkeep.watch.events import CanaryArrived, CanaryRefused, CanarySent, SignalRaised
from mailkeep.watch.types import ABOUT

from .metrics import Metrics

log = structlog.get_logger(__name__)

OTHER = "other"  #: whatever is no word of ours, or of the settings any more
SUBJECTS = tuple(dict.fromkeys(ABOUT.values()))  #: kinds of subject that an incident can have

GIVEN_UP = frozenset(GiveUpReason)
SIGN_IN_FAILED = frozenset(SignInFailure)

STAGES: Mapping[type, str] = {
    recovery.RecoveryRequested: "requested",
    recovery.RecoveryRehearsed: "rehearsed",
    recovery.ProofSent: "proof_sent",
    recovery.ProofRedeemed: "proof_redeemed",
    recovery.ProofFailed: "proof_failed",
    recovery.ProofVoided: "proof_voided",
    recovery.StoppedByFactor: "stopped_by_factor",
    recovery.RecoveryHeld: "held",
    recovery.RecoveryDegraded: "degraded",
    recovery.RecoveryCompleted: "completed",
    recovery.RecoveryVoided: "voided",
    recovery.RecoveryDenied: "denied",
}
RESULTS: Mapping[type, str] = {
    response.ActionProposed: "proposed",
    response.ActionStarted: "started",
    response.ActionApplied: "applied",
    response.ActionFailed: "failed",
    response.ActionUndone: "undone",
    response.ActionLimited: "limited",
}


class FactCounter:
    """Counts.

    Args:
        streams, providers, subscribers, actions, detectors: the names that may become labels.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        streams: Collection[str],
        providers: Collection[str],
        subscribers: Collection[str],
        actions: Collection[str],
        detectors: Collection[str],
    ) -> None:
        self._metrics = metrics
        self._streams = frozenset(streams)
        self._providers = frozenset(providers)
        self._subscribers = frozenset(subscribers)
        self._actions = frozenset(actions)
        self._detectors = frozenset(detectors)
        self._calls: dict[type, Callable[[Any, Instant], None]] = {
            MessageAccepted: self._accepted,
            AttemptFinished: self._attempted,
            FailedOver: self._failed_over,
            MessageGivenUp: self._given_up,
            MessageRequeued: self._requeued,
            DeliveryReported: self._reported,
            CanarySent: self._canary("sent"),
            CanaryRefused: self._canary("refused"),
            CanaryArrived: self._arrived,
            SignalRaised: self._signal,
            IncidentOpened: self._opened,
            SignedInFact: self._signed_in,
            SignInFailed: self._not_signed_in,
            FactSetAside: self._set_aside,
            AuditContradicted: self._contradicted,
            **{of: self._stage(stage) for of, stage in STAGES.items()},
            **{of: self._action(result) for of, result in RESULTS.items()},
        }

    def __call__(self, facts: Sequence[object], at: Instant) -> None:
        """Take the facts of a transaction that began at ``at`` and has committed. Never raises:
        what they are about is done, and nobody's request may fail for a number."""
        for fact in facts:
            call = self._calls.get(type(fact))
            if call is not None:
                try:
                    call(fact, at)
                except Exception as error:
                    log.error("telemetry.not_counted", kind=type(fact).__name__, exc_info=error)

    def _stream(self, name: str | None) -> str:
        return name if name in self._streams else OTHER

    def _provider(self, name: str) -> str:
        return name if name in self._providers else OTHER

    def _accepted(self, fact: MessageAccepted, _at: Instant) -> None:
        self._metrics.count("mailkeep_messages_accepted_total", self._stream(fact.stream))

    def _attempted(self, fact: AttemptFinished, _at: Instant) -> None:
        stream, provider = self._stream(fact.stream), self._provider(fact.provider)
        self._metrics.count("mailkeep_attempts_total", stream, provider, fact.outcome)
        if not fact.told:  # nobody here waited for it
            self._metrics.observe("mailkeep_attempt_seconds", fact.seconds, stream, provider)

    def _failed_over(self, fact: FailedOver, _at: Instant) -> None:
        left, taken = self._provider(fact.left), self._provider(fact.taken)
        self._metrics.count("mailkeep_failovers_total", self._stream(fact.stream), left, taken)

    def _given_up(self, fact: MessageGivenUp, _at: Instant) -> None:
        why = fact.why if fact.why in GIVEN_UP else OTHER
        self._metrics.count("mailkeep_given_up_total", self._stream(fact.stream), why)

    def _requeued(self, fact: MessageRequeued, _at: Instant) -> None:
        self._metrics.count("mailkeep_requeued_total", self._stream(fact.stream))

    def _reported(self, fact: DeliveryReported, at: Instant) -> None:
        provider = self._provider(fact.provider)
        self._metrics.count("mailkeep_claims_total", provider, fact.event)
        if fact.event == "delivered" and fact.message is not None:
            accepted = made_at(fact.message)
            if accepted is not None:
                seconds = max(0, at - accepted) / SECOND
                stream = self._stream(fact.stream)
                self._metrics.observe("mailkeep_delivery_seconds", seconds, stream, provider)

    def _canary(self, result: str) -> Callable[[CanarySent | CanaryRefused, Instant], None]:
        def count(fact: CanarySent | CanaryRefused, _at: Instant) -> None:
            self._metrics.count("mailkeep_canaries_total", self._provider(fact.provider), result)

        return count

    def _arrived(self, fact: CanaryArrived, _at: Instant) -> None:
        provider = self._provider(fact.provider)
        self._metrics.count("mailkeep_canaries_total", provider, "arrived")
        self._metrics.observe("mailkeep_canary_seconds", fact.seconds, provider)
        if fact.strangers:
            self._metrics.count("mailkeep_canary_strangers_total", provider)

    def _signal(self, fact: SignalRaised, _at: Instant) -> None:
        name = fact.signal.detector
        self._metrics.count("mailkeep_signals_total", name if name in self._detectors else OTHER)

    def _opened(self, fact: IncidentOpened, _at: Instant) -> None:
        kind = fact.subject_kind if fact.subject_kind in SUBJECTS else OTHER
        self._metrics.count("mailkeep_incidents_opened_total", kind)

    def _signed_in(self, _fact: SignedInFact, _at: Instant) -> None:
        self._metrics.count("mailkeep_sign_ins_total", "signed_in")

    def _not_signed_in(self, fact: SignInFailed, _at: Instant) -> None:
        why = fact.why if fact.why in SIGN_IN_FAILED else OTHER
        self._metrics.count("mailkeep_sign_ins_total", why)

    def _set_aside(self, fact: FactSetAside, _at: Instant) -> None:
        name = fact.subscriber if fact.subscriber in self._subscribers else OTHER
        self._metrics.count("mailkeep_facts_set_aside_total", name)

    def _contradicted(self, _fact: AuditContradicted, _at: Instant) -> None:
        self._metrics.count("mailkeep_audit_contradicted_total")

    def _stage(self, stage: str) -> Callable[[object, Instant], None]:
        def count(_fact: object, _at: Instant) -> None:
            self._metrics.count("mailkeep_recoveries_total", stage)

        return count

    def _action(self, result: str) -> Callable[[Any, Instant], None]:
        def count(fact: Any, _at: Instant) -> None:
            name = fact.action if fact.action in self._actions else OTHER
            self._metrics.count("mailkeep_actions_total", name, result)

        return count

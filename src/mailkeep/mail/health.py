"""The circuit breaker of one provider for one stream (pure).

A breaker shared between drivers blocks the healthy one; a breaker that nothing closes leaves a
recovered provider unused. So there is one for each provider and stream, and it probes by itself.
"""

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.providers.types import OutcomeKind

TOLERATED = 3  #: failures in a row before a provider that fails without a reason is left
FIRST_REST = 5 * SECOND
LONGEST_REST = 120 * SECOND

#: The provider said so itself: waiting for a second refusal would cost a second message its time.
_AT_ONCE = frozenset({OutcomeKind.SUSPENDED, OutcomeKind.UNAUTHORISED, OutcomeKind.THROTTLED})


class Breaker(msgspec.Struct, frozen=True):
    """State of one breaker. ``open_until`` 0: closed; past: half open, a probe may go.
    ``opened_at``: when it last began to rest."""

    failures: int = 0
    rests: int = 0
    open_until: Instant = 0
    opened_at: Instant = 0

    def closed(self) -> bool:
        return self.open_until == 0

    def may_probe(self, now: Instant) -> bool:
        """Whether one message may be tried to see if the provider is back."""
        return self.open_until != 0 and self.open_until <= now


def after(
    breaker: Breaker,
    outcome: OutcomeKind,
    now: Instant,
    retry_after: float | None = None,
    started: Instant | None = None,
) -> Breaker:
    """The breaker after an outcome.

    Args:
        retry_after: in seconds; obeyed.
        started: when the attempt began. What was under way when the rest began tells of the same
            failure: twenty sends that hang are one reason to rest, not twenty.
    """
    if not outcome.blames_provider:
        return Breaker()
    failures = breaker.failures + 1
    asked = 0 if retry_after is None else round(retry_after * SECOND)
    if not breaker.closed() and started is not None and started <= breaker.opened_at:
        until = max(breaker.open_until, now + asked if asked else 0)
        return Breaker(failures, breaker.rests, until, breaker.opened_at)
    if failures < TOLERATED and outcome not in _AT_ONCE and breaker.closed():
        return Breaker(failures, breaker.rests, 0)
    rest = max(min(FIRST_REST * 2**breaker.rests, LONGEST_REST), asked)
    return Breaker(failures, min(breaker.rests + 1, 10), now + rest, now)


def probing(breaker: Breaker, now: Instant) -> Breaker:
    """While a probe is under way no second one goes: rest again until it has answered."""
    return Breaker(breaker.failures, breaker.rests, now + FIRST_REST, breaker.opened_at)


class Turns:
    """Which openings and closings of one stream's breakers are worth an event.

    Answers to what was under way may open and close a breaker many times a second; told is at most
    one opening, and its end, in ``FIRST_REST``.
    """

    def __init__(self) -> None:
        self._open: dict[str, Instant] = {}

    def seen(self, provider: str, breaker: Breaker, now: Instant) -> bool:
        """Whether the breaker, as it stands after an answer, is news."""
        since = self._open.get(provider)
        if since is None:
            if breaker.closed():
                return False
            self._open[provider] = now
            return True
        if not breaker.closed() or now < since + FIRST_REST:
            return False
        del self._open[provider]
        return True

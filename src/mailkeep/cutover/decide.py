"""Decides the next step of a move between providers: wait, step, step back, pause or finish (pure).

Streams move one after the other; ordinary mail first and what opens accounts last. A secret body is
destroyed at handover and cannot be sent again, so a target that swallows mail must be found out
with mail that can be; and a provider that was ever given a secret counts as its reader for good. In
an emergency it is the other way round: everything moves at once, recovery mail first, as
everywhere.

Where canaries exist, providers' reports alone never advance a move: a target that says 'delivered'
of everything waits for a canary to arrive. Nor do they take it back further than to where mail was
before: to the provider that the settings name.
"""

from collections.abc import Collection, Iterable

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.mail.types import StreamSettings

from .sequential import Seen, Verdict, judge
from .types import StreamView, View


class Evidence(msgspec.Struct, frozen=True):
    """What is known about the current step when a move is examined.

    Attributes:
        target, source: the mail of the stream that is under way, since its step began.
        held_against: why no more may go to the target: it is cut off, rests, is under suspicion.
        target_closed: it refuses our account there, and has taken nothing since.
        source_gone: the old provider is cut off, or refuses our account.
        canaried: a canary goes through the target at all.
        arrived: when the newest canary was sent that came through it; 0: none did.
        families: keepers of mailboxes that no stranger controls.
        tied: the old provider is cut off, and somebody who reads there may read at the target.
        no_route: the settings no longer have the target as a route of the stream.
    """

    target: Seen = Seen()
    source: Seen = Seen()
    held_against: str = ""
    target_closed: bool = False
    source_gone: bool = False
    canaried: bool = False
    arrived: Instant = 0
    families: frozenset[str] = frozenset()
    tied: bool = False
    no_route: bool = False


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do now."""

    why: str


class Step(msgspec.Struct, frozen=True):
    """The stream moves to a step; below 0: back to where it was before."""

    stream: str
    step: int


class Back(msgspec.Struct, frozen=True):
    """The stream is taken back, and tried again after a rest."""

    stream: str
    why: str


class Pause(msgspec.Struct, frozen=True):
    """It stays as it is, and a person is asked."""

    why: str


class Hurry(msgspec.Struct, frozen=True):
    """The old provider carries nothing any more: everything moves now."""

    why: str


class Done(msgspec.Struct, frozen=True):
    """The new provider carries all."""


Move = Wait | Step | Back | Pause | Hurry | Done


def order(streams: Iterable[StreamSettings], source: str) -> list[str]:
    """The streams to move, in order: those in which the source has weight."""
    carried = [
        one
        for one in streams
        if any(route.provider == source and route.weight > 0 for route in one.routes)
    ]
    return [one.name for one in sorted(carried, key=lambda one: (one.secret, -one.priority))]


def missing(streams: Iterable[StreamSettings], names: Collection[str], target: str) -> list[str]:
    """Those of the streams that have no route over the target."""
    return [
        one.name
        for one in streams
        if one.name in names and target not in {route.provider for route in one.routes}
    ]


def current(view: View) -> StreamView | None:
    """The stream whose turn it is; None: all have moved."""
    last = len(view.pace.shares) - 1
    return next((one for one in view.streams if one.step < last), None)


def decide(view: View, seen: Evidence, now: Instant) -> Move:
    """The next step of a move.

    Args:
        view: a move that is under way.
    """
    stream, pace = current(view), view.pace
    if stream is None:
        return Done()
    if seen.held_against:
        return Pause(seen.held_against)
    if seen.target_closed:
        why = f"{view.target} refuses our account there"
        return Pause(why) if seen.source_gone else _back(view, stream, why)
    if (move := _leads_nowhere(view, stream, seen)) is not None:
        return move
    if stream.held_until > now:
        return Wait(f"{stream.stream} was taken back ({stream.why}) and rests")
    begun = stream.since if stream.step >= 0 else (view.started_at or now)
    waited = (now - begun) / SECOND
    if stream.step >= 0:
        if judge(seen.target, seen.source, pace, seen.families) is Verdict.WORSE:
            return _back(view, stream, f"more of its mail fails over {view.target}")
        if waited < pace.dwell:
            return Wait(f"{stream.stream} stays at {view.share(stream):.0%} for a while")
    # A canary sent before the last step, or before mail was last taken back, says nothing about it,
    # whichever stream that was.
    last = max(begun, *(one.since for one in view.streams))
    if seen.canaried and seen.arrived < last:
        if (now - last) / SECOND >= pace.patience:
            return Pause(f"no canary arrived through {view.target}")
        return Wait(f"{stream.stream} waits for a canary through {view.target}")
    if stream.step >= 0 and seen.target.known < pace.least and waited < pace.patience:
        return Wait(f"{stream.stream} waits for mail whose fate is known")
    return Step(stream.stream, stream.step + 1)


def _leads_nowhere(view: View, stream: StreamView, seen: Evidence) -> Move | None:
    """What is done when the next step is none any more; None: it is one."""
    if seen.tied:
        return Pause(f"{view.source} is cut off, and who reads there may read at {view.target}")
    if seen.source_gone:
        return Hurry(f"{view.source} carries nothing any more")
    if seen.no_route:
        return Pause(f"{view.target} is no route of {stream.stream} any more")
    return None


def _back(view: View, stream: StreamView, why: str) -> Move:
    if stream.step < 0:
        return Pause(why)  # nothing of it has moved
    if stream.backs >= view.pace.retries:
        return Pause(f"{why}; it was taken back {stream.backs} times")
    return Back(stream.stream, why)

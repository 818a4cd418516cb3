"""Types of the cutover room."""

import enum

import msgspec

from mailkeep.base.clock import Instant


class State(enum.StrEnum):
    """Where a move between two providers stands."""

    PLANNED = "planned"  #: looked at; nothing has moved
    MOVING = "moving"  #: stream after stream, step by step
    PAUSED = "paused"  #: stays as it is until a person says so; ``why`` says what is in the way
    MOVED = "moved"  #: the new one carries all; the old one stands by
    FINISHED = "finished"  #: a person has seen that it is well
    RETURNED = "returned"  #: taken back: the old one carries again what it carried before


#: It is under way, or its weights differ from the settings': there is one such move at most.
LIVE = frozenset({State.MOVING, State.PAUSED, State.MOVED})


class Left(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[left]]`` table: a provider that was left for good, and what it was called.

    Attributes:
        party: whose it is. What it was ever given it knows for good, and so does its party.
    """

    name: str
    party: str


class Gate(msgspec.Struct, frozen=True):
    """One thing that was looked at before mail moves.

    Attributes:
        id: of the check, as ``mailkeep doctor`` has it, or ``cutover.…``.
        state: ``ok``, ``warning``, ``failed`` or ``not checked``; what failed stops the start.
        next: the cheapest step to set it right.
    """

    id: str
    state: str
    meaning: str
    next: str = ""
    about: str = ""


class Pace(msgspec.Struct, frozen=True):
    """How fast a move goes.

    Attributes:
        shares: what the new provider carries of a stream at each step; the last is all of it.
        dwell: seconds that each step lasts at least.
        least: mails of the new provider whose fate is known, before a step is over.
        patience: seconds after which a step with fewer is over all the same, where a stream is
            slow or its provider reports nothing; and after which a canary that has not arrived
            holds the move up.
        rest: seconds before a stream that was taken back is tried again.
        retries: how often it is; then a person is asked.
        false_alarm: the chance that a step is taken back though the new provider is no worse.
        missed: the chance that one that is ``ratio`` times worse is never told.
        ratio: how many times as much of its mail fails at a provider that is worse.
        borne: the share of failures that is nobody's fault: old addresses.
    """

    shares: tuple[float, ...] = (0.01, 0.05, 0.2, 0.5, 0.9, 1.0)
    dwell: float = 900.0
    least: int = 30
    patience: float = 14_400.0
    rest: float = 3600.0
    retries: int = 2
    false_alarm: float = 0.001
    missed: float = 0.05
    ratio: float = 3.0
    borne: float = 0.03


class StreamView(msgspec.Struct, frozen=True):
    """One stream of a move.

    Attributes:
        place: its turn.
        step: index into ``Pace.shares``; -1: nothing of it has moved.
        since: when that step began.
        backs: how often it was taken back.
        held_until: it is not tried again before.
        why: of the last step back.
    """

    stream: str
    place: int
    step: int = -1
    since: Instant = 0
    backs: int = 0
    held_until: Instant = 0
    why: str = ""


class View(msgspec.Struct, frozen=True):
    """A move.

    Attributes:
        at_once: an emergency: everything moved in one go.
        why: what it waits for, or what is in its way.
    """

    id: str
    source: str
    target: str
    state: State
    at_once: bool
    by: str
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    why: str
    pace: Pace
    gates: tuple[Gate, ...]
    streams: tuple[StreamView, ...]

    @property
    def failed(self) -> tuple[Gate, ...]:
        """What stops the start."""
        return tuple(one for one in self.gates if one.state == "failed")

    def share(self, stream: StreamView) -> float:
        """What the new provider carries of a stream."""
        return 0.0 if stream.step < 0 else self.pace.shares[stream.step]

    def moved_at(self, stream: StreamView) -> Instant | None:
        """Since when it carries that; None while nothing of the stream has moved."""
        return None if stream.step < 0 else stream.since

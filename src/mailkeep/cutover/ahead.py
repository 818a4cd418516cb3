"""When a move goes on at the soonest, and when it is over then: for whoever waits (pure)."""

from collections.abc import Callable

import msgspec

from mailkeep.base.clock import SECOND, Instant

from . import decide
from .types import State, View


class Ahead(msgspec.Struct, frozen=True):
    """What lies ahead of a move that nothing takes back or holds up.

    Attributes:
        stream: whose turn it is.
        step_at: its next step begins then at the soonest.
        done_at: the new provider carries everything then at the soonest.
        known: mails of the present step whose fate is known, of ``Pace.least``.
        patient_at: with fewer the step is over then; None: it waits for none.
    """

    stream: str
    step_at: Instant
    done_at: Instant
    known: int = 0
    patient_at: Instant | None = None


def ahead(view: View, known: int, now: Instant) -> Ahead | None:
    """What lies ahead; None of a move that does not go on by itself.

    Args:
        known: mails of the present step whose fate is known.
    """
    stream, pace = decide.current(view), view.pace
    if view.state is not State.MOVING or stream is None:
        return None
    dwell, last = round(pace.dwell * SECOND), len(pace.shares) - 1
    step_at, patient_at = max(now, stream.held_until), None
    if stream.step >= 0:
        step_at = max(step_at, stream.since + dwell)
        if known < pace.least:
            patient_at = stream.since + round(pace.patience * SECOND)
    left = last - (stream.step + 1)
    left += sum(
        last - max(one.step, 0)
        for one in view.streams
        if one.stream != stream.stream and one.step < last
    )
    return Ahead(stream.stream, step_at, step_at + left * dwell, known, patient_at)


def told(view: View, found: Ahead, now: Instant, clock: Callable[[Instant], str]) -> list[str]:
    """What lies ahead, in sentences.

    Args:
        clock: writes an instant out.
    """
    out = []
    if found.step_at > now:
        out.append(
            f"The next step of {found.stream} comes at {clock(found.step_at)} at the soonest."
        )
    if found.patient_at is not None:
        out.append(
            f"The fate of {found.known:,} of {view.pace.least:,} mails over {view.target} is known;"
            f" with fewer the step is over at {clock(found.patient_at)}."
        )
    out.append(f"{view.target} carries everything at {clock(found.done_at)} at the soonest.")
    return out

"""What a suspect's mail did to one account (pure): how far somebody came, whether it was lost, and
what was done in it afterwards.

A recovery that was completed looks alike whether the owner did it or a thief. It counts as lost
where the owner denied it, or where it was finished from a browser that the account did not know:
an owner at a new device is among those, and a thief in the owner's own browser is not. So it is
whom to ask first, and no verdict.
"""

import enum
from collections.abc import Sequence

import msgspec

from mailkeep.accounts.histories import Altered, Stay
from mailkeep.base.clock import Instant
from mailkeep.recovery.stories import Story


class Reached(enum.StrEnum):
    """How far somebody came with an account, the worst first."""

    LOST = "lost"  #: completed, and denied or from a browser that the account did not know
    COMPLETED = "completed"  #: the password was replaced, or a verdict made
    STOPPED = "stopped_by_factor"  #: both proofs came, and the second factor did not
    HALF = "half_proven"  #: a proof that went through the suspects came back, or both, and it waits
    REQUESTED = "requested"  #: a proof went through the suspects, and no more


class By(enum.StrEnum):
    """Who was signed in when something was changed."""

    KNOWN = "known"  #: only browsers that the account knew before
    STRANGE = "strange"  #: only browsers that it did not
    EITHER = "either"  #: both sorts
    UNSEEN = "unseen"  #: nobody, as far as is kept


class Change(msgspec.Struct, frozen=True):
    """A change since the recovery."""

    what: str
    state: str
    at: Instant
    by: By


class Harm(msgspec.Struct, frozen=True):
    """What happened to an account. Pseudonymous ids only.

    Attributes:
        why: of a lost one: ``denied``, ``strange_browser``; in that order.
        denied_at: when an owner said that it was not them, whether or not it was completed.
        sessions, strange: sign-ins since it was completed; of which from browsers that it did not
            know.
        changes: since then.
    """

    account: str
    reached: Reached
    why: tuple[str, ...]
    asked_at: Instant
    completed_at: Instant | None
    denied_at: Instant | None
    sessions: int = 0
    strange: int = 0
    changes: tuple[Change, ...] = ()


def judge(
    account: str,
    stories: Sequence[Story],
    stays: Sequence[Stay],
    changes: Sequence[Altered],
    *,
    ours: bool,
) -> Harm:
    """Put together what is known of an account.

    Args:
        stories: its recoveries with a proof through the suspects; one at least.
        ours: it is signed in to here; of a user of an application we know no browsers.
    """
    done = [one for one in stories if one.completed_at is not None]
    denials = [one.denied_at for one in stories if one.denied_at is not None]
    asked, denied = min(one.asked_at for one in stories), min(denials, default=None)
    if not done:
        reached = Reached.REQUESTED
        if any(one.stopped for one in stories):
            reached = Reached.STOPPED
        elif any(one.half for one in stories):
            reached = Reached.HALF
        return Harm(account, reached, (), asked, None, denied)
    why = []
    if any(one.denied_at is not None for one in done):
        why.append("denied")
    if ours and any(one.browsers - _known(stays, one.asked_at) for one in done):
        why.append("strange_browser")
    completed = min(one.completed_at for one in done if one.completed_at is not None)
    known = _known(stays, min(one.asked_at for one in done))
    later = [one for one in stays if one.since >= completed]
    return Harm(
        account,
        Reached.LOST if why else Reached.COMPLETED,
        tuple(why),
        asked,
        completed,
        denied,
        len(later),
        sum(one.browser not in known for one in later),
        tuple(
            Change(one.what.value, one.state.value, one.at, _by(stays, known, one.at))
            for one in changes
            if one.at >= completed
        ),
    )


def _known(stays: Sequence[Stay], at: Instant) -> frozenset[str]:
    return frozenset(one.browser for one in stays if one.counts and one.since < at)


def _by(stays: Sequence[Stay], known: frozenset[str], at: Instant) -> By:
    """Who was signed in at an instant: which of them did it is not kept."""
    live = {
        one.browser in known
        for one in stays
        if one.since <= at and (one.until is None or one.until >= at)
    }
    if not live:
        return By.UNSEEN
    return By.EITHER if len(live) == 2 else By.KNOWN if True in live else By.STRANGE

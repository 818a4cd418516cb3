"""Records the outcomes of attempts: retry, fail over, finish or give up."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers.types import ClaimKind, Outcome, OutcomeKind
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated
from mailkeep.store.ways import Rows

from . import bodies, tables
from .believing import FULL
from .events import AttemptFinished, MessageGivenUp
from .outbox import shred_bodies
from .routing import backoff
from .splitting import Splitting, parted
from .types import LASTING, WITHHELD, GiveUpReason, Job, Status

TELL = 30 * SECOND  #: how long a provider whose answer was lost has to tell that it has the mail

_draw = secrets.SystemRandom().random

_m = tables.messages
_a = tables.attempts


_RESULT = Repeated(
    lambda _insert: (
        update(_a)
        .where(_a.c.id == bindparam("of"))
        .values(
            outcome=bindparam("as_"),
            detail=bindparam("said"),
            seconds=bindparam("took"),
            provider_message_id=bindparam("theirs"),
        )
    )
)
#: Whoever's lease lapsed holds its message no more.
_HELD = (
    (_m.c.id == bindparam("of"))
    & (_m.c.attempt_id == bindparam("attempt"))
    & (_m.c.status == Status.SENDING.value)
)
_ACCEPT = Repeated(
    lambda _insert: (
        update(_m).where(_HELD).values(status=bindparam("as_"), accepted_at=bindparam("when"))
    )
)
_AGAIN = Repeated(
    lambda _insert: (
        update(_m).where(_HELD).values(status=Status.QUEUED.value, next_at=bindparam("when"))
    )
)
_LOCK = Repeated(
    lambda _insert: select(_m.c.id).where(Among(_m.c.id, "ids")).order_by(_m.c.id).with_for_update()
)
_GIVE_UP = Repeated(lambda _insert: update(_m).where(_HELD).values(status=Status.GIVEN_UP.value))


class Finished(msgspec.Struct, frozen=True):
    """An attempt that is over.

    Attributes:
        outcome: None when nothing was sent: the provider was cut off between claim and send, or had
            no place.
        seconds: how long it took.
        reports: whether the provider reports deliveries. If it does, an ordinary body is kept until
            the report: a provider may answer 200 and drop the mail.
        keeps: its stream keeps an ordinary body, whatever its provider reports.
        turned: breakers that it opened or closed.
    """

    job: Job
    outcome: Outcome | None
    seconds: float
    reports: bool
    keeps: bool = False
    turned: tuple[Fact, ...] = ()


class _Written:
    """What is to be written, statement by statement."""

    def __init__(self) -> None:
        self.attempts: list[dict[str, Any]] = []
        self.accepted: list[Finished] = []
        self.again: list[dict[str, Any]] = []
        self.given_up: list[dict[str, Any]] = []
        self.shredded: list[str] = []
        self.facts: list[Fact] = []


async def finish(
    database: Database,
    tx: Tx,
    finished: Sequence[Finished],
    splitting: Splitting | None = None,
) -> list[None]:
    """Record the results of attempts, and decide what becomes of their messages.

    Args:
        splitting: handles copies that were refused; without it they are left.

    A worker whose lease lapsed still writes its attempt; the message then belongs to another.
    """
    ids = [one.job.message for one in finished]
    if tx.is_postgresql:
        # In everybody's locking order, and before the earlier claims are read: a claim under way is
        # then either seen, or comes after.
        await tx.fetch(_LOCK, ids=ids)
    parts = [part for one in finished if (part := parted(one.job, one.outcome)) is not None]
    if parts and splitting is not None:
        await splitting.write(tx, parts)
    todo = _Written()
    cut = await _cut(tx, finished)
    for one in finished:
        _sort(todo, tx, one, cut)
    tx.many(_RESULT, todo.attempts)
    if todo.accepted:
        await _accept(tx, todo)
    tx.many(_AGAIN, todo.again)
    tx.many(_GIVE_UP, todo.given_up)
    shred_bodies(tx, todo.shredded)
    await record(database, tx, *todo.facts)
    return [None] * len(finished)


async def _cut(tx: Tx, finished: Sequence[Finished]) -> dict[str, Instant]:
    """When providers were cut off, where that matters: whether one refused a mail for good."""
    kinds = {one.outcome.kind for one in finished if one.outcome is not None}
    if LASTING.isdisjoint(kinds):
        return {}
    return {row[0]: row[1] or 0 for row in await tx.fetch(bodies.STATES)}


def _sort(todo: _Written, tx: Tx, one: Finished, cut: Mapping[str, Instant]) -> None:
    """Add what an attempt asks to be written; ``cut``: as ``_cut`` tells."""
    job, outcome = one.job, one.outcome
    # Of a provider that was cut off meanwhile no report counts, nor does its refusal for good.
    unheard = not job.secret and cut.get(job.provider, 0) >= job.started_at
    which = {"of": job.message, "attempt": job.attempt}
    if outcome is None:
        todo.attempts.append(_result(job, WITHHELD, "held back before it was sent", 0.0, None))
        todo.again.append(which | {"when": tx.now})
        return
    theirs = outcome.provider_message_id
    todo.attempts.append(_result(job, outcome.kind.value, outcome.detail, one.seconds, theirs))
    todo.facts.append(
        AttemptFinished(
            message=job.message,
            attempt=job.attempt,
            provider=job.provider,
            stream=job.stream,
            address=job.address,
            outcome=outcome.kind.value,
            detail=outcome.detail,
            seconds=one.seconds,
            family=job.family,
            recipients=job.recipients,
        )
    )
    todo.facts.extend(one.turned)
    if outcome.kind is OutcomeKind.ACCEPTED:
        todo.accepted.append(one)
        if job.secret:
            todo.shredded.append(job.message)
    elif job.ends(outcome.kind) and not unheard:
        todo.given_up.append(which)
        todo.facts.append(
            MessageGivenUp(
                message=job.message,
                stream=job.stream,
                address=job.address,
                why=GiveUpReason.REJECTED,
            )
        )
        if job.secret:
            todo.shredded.append(job.message)
    else:
        # A deferral is about the message: another provider meets the same receiving server.
        elsewhere = outcome.kind is not OutcomeKind.DEFERRED
        quick = elsewhere and job.tries <= 3
        wait = 0 if quick else backoff(job.tries, _draw())
        if outcome.kind is OutcomeKind.AMBIGUOUS and one.reports and not job.secret:
            wait = max(wait, TELL)
        todo.again.append(which | {"when": tx.now + wait})


def _result(
    job: Job, outcome: str, detail: str, seconds: float, theirs: str | None
) -> dict[str, Any]:
    return {
        "of": job.attempt,
        "as_": outcome,
        "said": detail,
        "took": seconds,
        "theirs": theirs,
    }


async def _accept(tx: Tx, todo: _Written) -> None:
    """A provider took these: what it told of them before it answered counts now."""
    claims, states = await tx.fetch_each(
        (_TOLD, {"ids": [one.job.message for one in todo.accepted]}), (bodies.STATES, {})
    )
    told = _told_already(claims, todo.accepted)
    standing = {row[0]: (row[1] or 0, row[2] or 0) for row in states}
    words = bodies.words_of(states)
    rows = []
    for one in todo.accepted:
        job = one.job
        word = words.get(job.provider, FULL)
        status = told.get((job.message, job.provider), Status.ACCEPTED)
        status = status if word.moves else Status.ACCEPTED
        rows.append(
            {"of": job.message, "attempt": job.attempt, "as_": status.value, "when": tx.now}
        )
        believed = word.destroys and not one.keeps
        if believed and (status is not Status.ACCEPTED or not one.reports):
            todo.shredded.append(job.message)
    tx.many(_ACCEPT, rows)
    # Of a provider that is cut off no report counts; a rest does not discredit reports.
    for which, elsewhere in enumerate((_ELSEWHERE_OF_CUT, _ELSEWHERE_OF_RESTING)):
        # Cutting or resting it sent again what it had accepted by then; these were still on their
        # way.
        left = [
            {"of": job.message, "attempt": job.attempt, "but": job.provider, "when": tx.now}
            for job in (one.job for one in todo.accepted)
            if not job.secret and standing.get(job.provider, (0, 0))[which] >= job.started_at
        ]
        tx.many(elsewhere, left)


def _elsewhere(*statuses: Status) -> Any:
    which = (_m.c.id == bindparam("of")) & (_m.c.attempt_id == bindparam("attempt"))
    taken = or_(*(_m.c.status == status.value for status in statuses))
    values = {"status": Status.QUEUED.value, "next_at": bindparam("when")}
    return update(_m).where(which, _m.c.only != bindparam("but"), taken).values(values)


_ELSEWHERE_OF_CUT = Repeated(
    lambda _insert: _elsewhere(Status.ACCEPTED, Status.DELIVERED, Status.BOUNCED)
)
_ELSEWHERE_OF_RESTING = Repeated(lambda _insert: _elsewhere(Status.ACCEPTED))


_c = tables.claims.c
_TOLD = Repeated(
    lambda _insert: select(_c.message_id, _c.provider, _c.event, _c.address_id).where(
        Among(_c.message_id, "ids"),
        or_(_c.event == ClaimKind.DELIVERED.value, _c.event == ClaimKind.BOUNCED.value),
    )
)


def _told_already(claims: Rows, accepted: Sequence[Finished]) -> dict[tuple[str, str], Status]:
    """What providers said of messages before their own answers were written down."""
    own = {(one.job.message, one.job.address) for one in accepted}
    out: dict[tuple[str, str], Status] = {}
    for message, provider, event, address in claims:
        if (message, address) not in own:
            continue  # about somebody who got a copy
        if event == ClaimKind.DELIVERED.value:
            out[message, provider] = Status.DELIVERED
        else:
            out.setdefault((message, provider), Status.BOUNCED)
    return out

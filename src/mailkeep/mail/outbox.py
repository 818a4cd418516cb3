"""The outbox: what is due is claimed under a lease, and what came of it is written down.

The claim's own transaction writes the attempt as started and the exposure, so that no kill hides
that a provider may have had the message.
"""

import secrets
from collections.abc import Mapping

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers.types import Outcome, OutcomeKind
from mailkeep.store.database import Database, Tx

from . import recipients, tables
from .events import AttemptFinished, FailedOver, MessageGivenUp
from .health import Breaker, probing
from .routing import Go, Wanted, backoff, choose
from .types import Job, Status, StreamSettings

LEASE = 60 * SECOND  #: longer than any send may take; a lapsed one means that its worker died

#: Not guessable: which of two routes a secret takes must not be foreseen by either.
_draw = secrets.SystemRandom().random

_m = tables.messages
_a = tables.attempts


async def claim(
    database: Database,
    tx: Tx,
    stream: StreamSettings,
    breakers: dict[str, Breaker],
    limit: int,
) -> list[Job]:
    """Claim up to ``limit`` due messages of a stream and write their attempts as started.

    ``breakers`` (of this stream, by provider) are marked where a probe goes out.
    """
    due = await tx.all(
        select(_m)
        .where(
            _m.c.stream == stream.name,
            _m.c.next_at <= tx.now,
            or_(
                _m.c.status == Status.QUEUED.value,
                (_m.c.status == Status.SENDING.value) & (_m.c.lease_until < tx.now),
            ),
        )
        .order_by(_m.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if not due:
        return []
    cut, resting = await cut_providers(tx), await resting_providers(tx)
    tried = await _tried(tx, [row["id"] for row in due if row["tries"] > 0])
    jobs: list[Job] = []
    facts: list[Fact] = []
    for row in due:
        if row["expires_at"] <= tx.now:
            facts.append(await give_up(tx, row["id"], stream.name, row["address_id"], "expired"))
            continue
        body = await tx.one(
            select(tables.message_bodies).where(tables.message_bodies.c.message_id == row["id"])
        )
        if body is None:
            facts.append(await give_up(tx, row["id"], stream.name, row["address_id"], "no body"))
            continue
        before = tried.get(row["id"], [])
        wanted = Wanted(
            only=_names(row["only"]),
            avoid=_names(row["avoid"]),
            tried=tuple(provider for provider, _ in before),
            bound=row["secret"] and bool(before) and before[-1][1] in (None, "ambiguous"),
        )
        choice = choose(stream.routes, breakers, cut, wanted, _draw(), tx.now, resting)
        if not isinstance(choice, Go):
            await tx.run(
                update(_m)
                .where(_m.c.id == row["id"])
                .values(
                    status=Status.QUEUED.value,
                    next_at=min(max(choice.until, tx.now + SECOND // 4), row["expires_at"]),
                )
            )
            continue
        if choice.probe:
            breakers[choice.provider] = probing(breakers[choice.provider], tx.now)
        if before and before[-1][0] != choice.provider:
            left, outcome = before[-1]
            facts.append(
                FailedOver(row["id"], stream.name, left, choice.provider, outcome or "cut short")
            )
        attempt = new_id("att", tx.now)
        await _start(tx, row, attempt, choice.provider)
        jobs.append(
            Job(
                message=row["id"],
                attempt=attempt,
                provider=choice.provider,
                stream=stream.name,
                address=row["address_id"],
                secret=row["secret"],
                tries=row["tries"] + 1,
                created_at=row["created_at"],
                expires_at=row["expires_at"],
                hour=body["hour"],
                body=bytes(body["data"]),
            )
        )
    await record(database, tx, *facts)
    return jobs


async def _start(tx: Tx, message: RowMapping, attempt: str, provider: str) -> None:
    await tx.run(
        insert(_a).values(
            id=attempt, message_id=message["id"], provider=provider, started_at=tx.now
        )
    )
    await tx.run(
        update(_m)
        .where(_m.c.id == message["id"])
        .values(
            status=Status.SENDING.value,
            lease_until=tx.now + LEASE,
            tries=_m.c.tries + 1,
            provider=provider,
            attempt_id=attempt,
        )
    )
    if message["ours"]:
        return
    ledger = tables.exposures
    # Sorted: whoever writes several rows of the ledger locks them in one order.
    for address in sorted(recipients.exposed(message)):
        await tx.run(
            tx.upsert(ledger)
            .values(
                address_id=address,
                provider=provider,
                stream=message["stream"],
                day=tx.now // DAY,
                first_at=tx.now,
                last_at=tx.now,
                count=1,
            )
            .on_conflict_do_update(
                index_elements=["address_id", "provider", "stream", "day"],
                set_={"last_at": tx.now, "count": ledger.c.count + 1},
            )
        )


async def finish(
    database: Database, tx: Tx, job: Job, outcome: Outcome, seconds: float, *, reports: bool
) -> None:
    """Write down what came of an attempt and decide what becomes of the message.

    A worker whose lease lapsed still writes its attempt; the message then belongs to another.

    Args:
        seconds: how long the attempt took.
        reports: whether the provider tells of deliveries. Where it does, an ordinary body is kept
            until it has: a provider may answer 200 and drop the mail.
    """
    await tx.run(
        update(_a)
        .where(_a.c.id == job.attempt)
        .values(
            outcome=outcome.kind.value,
            detail=outcome.detail,
            seconds=seconds,
            provider_message_id=outcome.provider_message_id,
        )
    )
    facts: list[Fact] = [
        AttemptFinished(
            job.message,
            job.attempt,
            job.provider,
            job.stream,
            job.address,
            outcome.kind.value,
            outcome.detail,
            seconds,
        )
    ]
    ours = (
        (_m.c.id == job.message)
        & (_m.c.attempt_id == job.attempt)
        & (_m.c.status == Status.SENDING.value)
    )
    if outcome.kind is OutcomeKind.ACCEPTED:
        await tx.run(
            update(_m).where(ours).values(status=Status.ACCEPTED.value, accepted_at=tx.now)
        )
        if job.secret or not reports:
            await shred_body(tx, job.message)
        elif await _left_meanwhile(tx, job):
            # Whoever left the provider sent again what was accepted by then; this was on its way.
            await tx.run(
                update(_m)
                .where(
                    _m.c.id == job.message,
                    _m.c.attempt_id == job.attempt,
                    _m.c.status == Status.ACCEPTED.value,
                    _m.c.only != job.provider,
                )
                .values(status=Status.QUEUED.value, next_at=tx.now)
            )
    elif outcome.kind is OutcomeKind.REJECTED:
        facts.append(await give_up(tx, job.message, job.stream, job.address, "rejected"))
    else:
        # A deferral is about the message: another provider meets the same receiving server.
        elsewhere = outcome.kind.retry_elsewhere and outcome.kind is not OutcomeKind.DEFERRED
        quick = elsewhere and job.tries <= 3
        wait = 0 if quick else backoff(job.tries, _draw())
        await tx.run(
            update(_m).where(ours).values(status=Status.QUEUED.value, next_at=tx.now + wait)
        )
    await record(database, tx, *facts)


async def _left_meanwhile(tx: Tx, job: Job) -> bool:
    """Whether the provider was cut off, or went to rest, while this attempt was under way."""
    states = tables.provider_states
    started = select(_a.c.started_at).where(_a.c.id == job.attempt).scalar_subquery()
    left = (states.c.cut_at >= started) | (states.c.rested_at >= started)
    query = select(states.c.provider).where(states.c.provider == job.provider, left)
    return await tx.value(query) is not None


async def withhold(tx: Tx, job: Job) -> None:
    """The provider was cut between claim and send: nothing left the house; route it anew."""
    await tx.run(
        update(_a)
        .where(_a.c.id == job.attempt)
        .values(outcome="withheld", detail="cut off before it was sent", seconds=0.0)
    )
    await tx.run(
        update(_m)
        .where(_m.c.id == job.message, _m.c.attempt_id == job.attempt)
        .values(status=Status.QUEUED.value, next_at=tx.now)
    )


async def give_up(tx: Tx, message: str, stream: str, address: str, why: str) -> MessageGivenUp:
    """End a message that will not be sent; returns the fact for the caller to record."""
    await tx.run(update(_m).where(_m.c.id == message).values(status=Status.GIVEN_UP.value))
    await shred_body(tx, message)
    return MessageGivenUp(message, stream, address, why)


async def shred_body(tx: Tx, message: str) -> None:
    await tx.run(delete(tables.message_bodies).where(tables.message_bodies.c.message_id == message))


async def cut_providers(tx: Tx) -> frozenset[str]:
    """Providers to which no request may start."""
    states = tables.provider_states
    rows = await tx.all(select(states.c.provider).where(states.c.cut_at.is_not(None)))
    return frozenset(row["provider"] for row in rows)


async def resting_providers(tx: Tx) -> frozenset[str]:
    """Providers that carry ordinary mail only where no other may."""
    states = tables.provider_states
    rows = await tx.all(select(states.c.provider).where(states.c.rested_at.is_not(None)))
    return frozenset(row["provider"] for row in rows)


async def requeue_unconfirmed(tx: Tx, provider: str, since: Instant) -> int:
    """Send again, elsewhere, what ``provider`` took since an instant and nobody saw arrive.

    Only messages whose body we still have; secret ones are minted anew by those who sent them.
    What only this provider may carry (a canary, mail to a honey address) has no elsewhere.
    Returns how many.
    """
    have = select(tables.message_bodies.c.message_id)
    ours = (
        _m.c.provider == provider,
        _m.c.status == Status.ACCEPTED.value,
        _m.c.accepted_at >= since,
        _m.c.only != provider,
        _m.c.id.in_(have),
    )
    if tx.is_postgresql:
        # An UPDATE locks in the order of its plan; who locks by id never waits in a ring with it.
        await tx.run(select(_m.c.id).where(*ours).order_by(_m.c.id).with_for_update())
    return await tx.run(update(_m).where(*ours).values(status=Status.QUEUED.value, next_at=tx.now))


async def sweep(tx: Tx, keep: float) -> int:
    """Drop bodies that nobody confirmed within ``keep`` seconds; returns how many."""
    old = select(_m.c.id).where(
        _m.c.status.in_([Status.ACCEPTED.value, Status.DELIVERED.value, Status.BOUNCED.value]),
        _m.c.accepted_at < tx.now - round(keep * SECOND),
    )
    bodies = tables.message_bodies
    return await tx.run(delete(bodies).where(bodies.c.message_id.in_(old)))


async def release_leases(tx: Tx) -> int:
    """Take back what an earlier process had claimed; returns how many messages.

    Only for a process that knows it is alone with its database: the worker that held a lease is
    then dead, and nobody need wait for its clock to run out.
    """
    return await tx.run(update(_m).where(_m.c.status == Status.SENDING.value).values(lease_until=0))


async def _tried(tx: Tx, ids: list[str]) -> Mapping[str, list[tuple[str, str | None]]]:
    """Earlier attempts of each message in order: (provider, outcome or None for cut short)."""
    out: dict[str, list[tuple[str, str | None]]] = {}
    if ids:
        rows = await tx.all(select(_a).where(_a.c.message_id.in_(ids)).order_by(_a.c.id))
        for row in rows:
            if row["outcome"] != "withheld":
                out.setdefault(row["message_id"], []).append((row["provider"], row["outcome"]))
    return out


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)

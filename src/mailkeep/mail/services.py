"""The mail room's commands for other rooms: cut off, rest and restore a provider; read caught
mail."""

from collections.abc import Collection, Mapping

from sqlalchemy import and_, delete, exists, insert, select, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.ids import earliest, new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .bodies import requeue_unconfirmed
from .events import (
    MessageRequeued,
    ProviderCut,
    ProviderDistrusted,
    ProviderRested,
    ProviderRestored,
    ProviderTrusted,
    ProviderUnrested,
)
from .outbox import due, give_up
from .shifting import STANDING
from .types import GiveUpReason, Status, StreamSettings

CAUGHT_KEPT = 1000  #: mails in the development mailbox

_states = tables.provider_states


async def cut_off(
    database: Database,
    tx: Tx,
    provider: str,
    *,
    by: str,
    reason: str,
    since: Instant,
    distrust: bool = True,
    once: str = "",
    within: str = "",
) -> int:
    """Cut a provider off: no request to it starts once this has committed.

    Args:
        by: who did it, a pseudonymous id.
        since: mail that it accepted from then on, and that nobody saw arrive, is sent again
            elsewhere where we still have the body.
        distrust: mail that it reported as delivered or bounced is sent again as well, as nobody
            else confirmed that.
        once: the id of a cut by hand: what another one has sent again is not sent a third time.
        within: the incident in which it is done, and in which alone it is undone.

    Returns how many messages are sent again.
    """
    values = {"cut_at": tx.now, "reason": reason[:200], "cut_in": within or None}
    values["cut_unsure"] = None
    await tx.run(
        tx.upsert(_states)
        .values(provider=provider, **values)
        .on_conflict_do_update(index_elements=["provider"], set_=values)
    )
    again = await requeue_unconfirmed(tx, provider, since, distrust=distrust, once=once)
    await audit.write(
        tx, by, "cut_provider", {"provider": provider, "reason": reason, "sent_again": again}
    )
    await record(database, tx, ProviderCut(provider=provider, by=by, reason=reason))
    database.tell(tx, STANDING)
    return again


async def doubt_cut(tx: Tx, provider: str, *, unsure: bool) -> None:
    """Say whether a cut that stands is one person's word as yet (see ``queries.unsure``)."""
    cut_now = (_states.c.provider == provider, _states.c.cut_at.is_not(None))
    await tx.run(update(_states).where(*cut_now).values(cut_unsure=unsure or None))


async def restore(database: Database, tx: Tx, provider: str, *, by: str, reason: str) -> bool:
    """Let a provider carry mail again; False when it was not cut off."""
    changed = await tx.run(
        update(_states)
        .where(_states.c.provider == provider, _states.c.cut_at.is_not(None))
        .values(cut_at=None, reason=reason[:200], cut_in=None, cut_unsure=None)
    )
    if changed:
        await audit.write(tx, by, "restore_provider", {"provider": provider, "reason": reason})
        await record(database, tx, ProviderRestored(provider=provider, by=by, reason=reason))
        database.tell(tx, STANDING)
    return bool(changed)


async def rest_provider(
    database: Database,
    tx: Tx,
    provider: str,
    *,
    by: str,
    reason: str,
    since: Instant,
    within: str = "",
) -> int:
    """Avoid a provider that seems silent, without cutting it off.

    No ordinary mail goes to it while another route stands; canaries still do, and show when it is
    back. Nothing is distrusted: for a provider in an attacker's hands see ``cut_off``.

    Args:
        by: who did it, a pseudonymous id.
        since: mail that it accepted from then on, and that nobody saw arrive, is sent again
            elsewhere; shortly before the silence began.
        within: the incident, or the cutover, with which it ends; empty: a person ends it.

    Returns how many messages are sent again; 0 too when it rested already.
    """
    first = tx.upsert(_states).values(provider=provider, reason="").on_conflict_do_nothing()
    await tx.run(first)
    changed = await tx.run(
        update(_states)
        .where(_states.c.provider == provider, _states.c.rested_at.is_(None))
        .values(rested_at=tx.now, rest_reason=reason[:200], rest_in=within or None)
    )
    if not changed:
        return 0
    again = await requeue_unconfirmed(tx, provider, since)
    await audit.write(
        tx, by, "rest_provider", {"provider": provider, "reason": reason, "sent_again": again}
    )
    await record(database, tx, ProviderRested(provider=provider, by=by, reason=reason))
    database.tell(tx, STANDING)
    return again


async def rest_for(tx: Tx, provider: str, within: str) -> None:
    """Let a provider's rest end with another incident, or cutover, than it began with."""
    rests = (_states.c.provider == provider, _states.c.rested_at.is_not(None))
    await tx.run(update(_states).where(*rests).values(rest_in=within))


async def unrest_provider(
    database: Database, tx: Tx, provider: str, *, by: str, reason: str
) -> bool:
    """Let a provider that rested carry ordinary mail again; False when it did not rest."""
    changed = await tx.run(
        update(_states)
        .where(_states.c.provider == provider, _states.c.rested_at.is_not(None))
        .values(rested_at=None, rest_reason=reason[:200], rest_in=None)
    )
    if changed:
        await audit.write(tx, by, "unrest_provider", {"provider": provider, "reason": reason})
        await record(database, tx, ProviderUnrested(provider=provider, by=by, reason=reason))
        database.tell(tx, STANDING)
    return bool(changed)


async def distrust(database: Database, tx: Tx, provider: str, *, by: str, reason: str) -> bool:
    """Stop believing a provider's reports about our mail: they are recorded and change no message.
    Its own refusals still count, since what it does not take must go elsewhere. False when it was
    distrusted already."""
    first = tx.upsert(_states).values(provider=provider, reason="").on_conflict_do_nothing()
    await tx.run(first)
    changed = await tx.run(
        update(_states)
        .where(_states.c.provider == provider, _states.c.distrusted_at.is_(None))
        .values(distrusted_at=tx.now)
    )
    if changed:
        await audit.write(tx, by, "distrust_provider", {"provider": provider, "reason": reason})
        await record(database, tx, ProviderDistrusted(provider=provider, by=by, reason=reason))
    return bool(changed)


async def trust(database: Database, tx: Tx, provider: str, *, by: str, reason: str) -> bool:
    """Believe a provider's reports again, from now on; False when it was not distrusted."""
    changed = await tx.run(
        update(_states)
        .where(_states.c.provider == provider, _states.c.distrusted_at.is_not(None))
        .values(distrusted_at=None)
    )
    if changed:
        await audit.write(tx, by, "trust_provider", {"provider": provider, "reason": reason})
        await record(database, tx, ProviderTrusted(provider=provider, by=by, reason=reason))
    return bool(changed)


async def forget_ours(tx: Tx, before: Instant) -> int:
    """Forget mail to mailboxes of our own that was taken in before an instant; returns how many."""
    m, a, known = tables.messages, tables.attempts, tables.addresses
    done = m.c.status.not_in([Status.QUEUED.value, Status.SENDING.value])
    old = and_(m.c.ours, m.c.created_at < before, done)
    other = m.alias()
    shared = exists().where(other.c.address_id == known.c.id, ~other.c.ours)
    await tx.run(delete(a).where(a.c.message_id.in_(select(m.c.id).where(old))))
    copied = exists().where(tables.message_copies.c.address_id == known.c.id)
    ids = select(m.c.address_id).where(old)
    await tx.run(delete(known).where(known.c.id.in_(ids), ~shared, ~copied))
    return await tx.run(delete(m).where(old))


async def cancel(database: Database, tx: Tx, message: str, why: GiveUpReason) -> bool:
    """Give up a message that waits to be sent; False when it has left, or is leaving. What its
    sender asks for is ``taking_back``."""
    m = tables.messages
    row = await tx.one(
        select(m).where(m.c.id == message, m.c.status == Status.QUEUED.value).with_for_update()
    )
    if row is None:
        return False
    fact = await give_up(tx, row["id"], row["stream"], row["address_id"], why)
    await record(database, tx, fact)
    return True


async def given_up(
    tx: Tx, since: Instant, stream: str | None = None, limit: int = 10_000
) -> list[str]:
    """The ids of messages taken in since an instant that were given up and whose body is still
    there, the oldest first; none of a canary, which tells nothing when it comes late."""
    m, body = tables.messages, tables.message_bodies
    query = (
        select(m.c.id)
        .join(body, body.c.message_id == m.c.id)
        .where(m.c.id >= earliest("msg", since), m.c.status == Status.GIVEN_UP.value, ~m.c.ours)
    )
    if stream is not None:
        query = query.where(m.c.stream == stream)
    return [row[0] for row in await tx.tuples(query.order_by(m.c.id).limit(limit))]


async def requeue(
    database: Database, tx: Tx, message: str, streams: Mapping[str, StreamSettings], *, by: str
) -> bool:
    """Send a message that was given up; its expiry is counted anew.

    Returns False when it was not given up, its stream no longer exists, or its body is gone: that
    of a secret always is.
    """
    m, have = tables.messages, tables.message_bodies.c.message_id
    dead = m.c.status == Status.GIVEN_UP.value
    body = exists().where(have == m.c.id)
    row = await tx.one(select(m).where(m.c.id == message, dead, body).with_for_update(of=m))
    if row is None or row["stream"] not in streams:
        return False
    expires_at = tx.now + round(streams[row["stream"]].expires * SECOND)
    values = {"status": Status.QUEUED.value, "next_at": tx.now, "expires_at": expires_at}
    await tx.run(update(m).where(m.c.id == message).values(**values))
    await audit.write(tx, by, "requeue_message", {"message": message})
    await record(
        database,
        tx,
        MessageRequeued(message=message, stream=row["stream"], address=row["address_id"], by=by),
    )
    database.tell(tx, due(row["stream"]))
    return True


async def catch(tx: Tx, recipient: str, raw: bytes) -> str:
    """Keep a mail in the development mailbox, which holds the newest thousand."""
    caught = tables.caught_mail
    mail = new_id("cm", tx.now)
    await tx.run(insert(caught).values(id=mail, at=tx.now, recipient=recipient, raw=raw))
    oldest = select(caught.c.id).order_by(caught.c.id.desc()).offset(CAUGHT_KEPT).limit(1)
    await tx.run(delete(caught).where(caught.c.id <= oldest.scalar_subquery()))
    return mail


async def uncatch(tx: Tx, mails: Collection[str]) -> None:
    """Take mails out of the development mailbox."""
    caught = tables.caught_mail
    await tx.run(delete(caught).where(caught.c.id.in_(mails)))

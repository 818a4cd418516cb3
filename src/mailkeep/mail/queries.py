"""Reads of the mail room."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import func, select

from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotFound
from mailkeep.store.database import Tx

from . import tables


class AttemptView(msgspec.Struct, frozen=True):
    """One attempt; ``outcome`` None while it is under way."""

    id: str
    provider: str
    started_at: Instant
    outcome: str | None
    detail: str | None


class MessageView(msgspec.Struct, frozen=True):
    """A message without its body and without its address."""

    id: str
    stream: str
    status: str
    address: str
    created_at: Instant
    expires_at: Instant
    attempts: list[AttemptView]


class CaughtMail(msgspec.Struct, frozen=True):
    """A mail in the development mailbox."""

    id: str
    at: Instant
    recipient: str
    raw: bytes


async def message(tx: Tx, message_id: str) -> MessageView:
    """One message with its attempts in order. Raises ``NotFound``."""
    m, a = tables.messages, tables.attempts
    row = await tx.one(select(m).where(m.c.id == message_id))
    if row is None:
        raise NotFound("no such message")
    tries = await tx.all(select(a).where(a.c.message_id == message_id).order_by(a.c.id))
    return MessageView(
        row["id"],
        row["stream"],
        row["status"],
        row["address_id"],
        row["created_at"],
        row["expires_at"],
        [
            AttemptView(t["id"], t["provider"], t["started_at"], t["outcome"], t["detail"])
            for t in tries
        ],
    )


async def attempted(tx: Tx, message_id: str) -> frozenset[str]:
    """Every provider that a message was ever attempted through, ambiguous sends included."""
    a = tables.attempts
    rows = await tx.all(select(a.c.provider).where(a.c.message_id == message_id))
    return frozenset(row["provider"] for row in rows)


async def standing(tx: Tx, providers: Iterable[str]) -> frozenset[str]:
    """Those of ``providers`` that are neither cut off nor resting."""
    s = tables.provider_states
    down = await tx.all(
        select(s.c.provider).where(s.c.cut_at.is_not(None) | s.c.rested_at.is_not(None))
    )
    return frozenset(providers) - {row["provider"] for row in down}


async def counts(tx: Tx) -> dict[str, int]:
    """How many messages have each status."""
    m = tables.messages
    rows = await tx.all(select(m.c.status, func.count().label("n")).group_by(m.c.status))
    return {row["status"]: row["n"] for row in rows}


async def exposed(tx: Tx, provider: str, until: Instant) -> int:
    """How many addresses a provider had been given by ``until``."""
    e = tables.exposures
    found = await tx.value(
        select(func.count(e.c.address_id.distinct())).where(
            e.c.provider == provider, e.c.first_at <= until
        )
    )
    return int(found or 0)


async def caught(tx: Tx, limit: int = 100, search: str = "") -> list[CaughtMail]:
    """The development mailbox, newest first; ``search`` looks in recipients."""
    c = tables.caught_mail
    query = select(c).order_by(c.c.id.desc()).limit(limit)
    if search:
        query = query.where(c.c.recipient.contains(search, autoescape=True))
    return [CaughtMail(r["id"], r["at"], r["recipient"], r["raw"]) for r in await tx.all(query)]


async def caught_one(tx: Tx, mail: str) -> CaughtMail:
    """One mail of the development mailbox. Raises ``NotFound``."""
    c = tables.caught_mail
    row = await tx.one(select(c).where(c.c.id == mail))
    if row is None:
        raise NotFound("no such mail; the mailbox keeps the newest thousand")
    return CaughtMail(row["id"], row["at"], row["recipient"], row["raw"])

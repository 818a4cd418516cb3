"""Messages and providers as an operator lists them. No body, no address: pseudonyms only."""

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import tables
from .types import Status

_m = tables.messages


class Wanted(msgspec.Struct, frozen=True):
    """Which messages to list; what is None is not asked for.

    Attributes:
        address: pseudonym of the recipient.
        since: taken in then or later.
        before: id of the last message of the page before.
    """

    stream: str | None = None
    status: str | None = None
    address: str | None = None
    since: Instant | None = None
    before: str | None = None


class Listed(msgspec.Struct, frozen=True):
    """A message in a list."""

    id: str
    stream: str
    status: str
    address: str
    created_at: Instant
    provider: str | None
    tries: int


class Happened(msgspec.Struct, frozen=True):
    """Something that happened to one message.

    Attributes:
        said_at: by the provider's clock, for what it reports; it can lie.
    """

    at: Instant
    what: str
    provider: str | None = None
    detail: str = ""
    said_at: Instant | None = None


class ProviderState(msgspec.Struct, frozen=True):
    """What people and playbooks have said of a provider."""

    provider: str
    cut_at: Instant | None
    cut_reason: str
    rested_at: Instant | None
    rest_reason: str


async def messages(tx: Tx, wanted: Wanted, limit: int) -> list[Listed]:
    """Messages, the newest first."""
    query = select(_m).order_by(_m.c.id.desc()).limit(limit)
    for column, value in (
        (_m.c.stream, wanted.stream),
        (_m.c.status, wanted.status),
        (_m.c.address_id, wanted.address),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(_m.c.id >= earliest("msg", wanted.since))
    if wanted.before is not None:
        query = query.where(_m.c.id < wanted.before)
    return [
        Listed(
            row["id"],
            row["stream"],
            row["status"],
            row["address_id"],
            row["created_at"],
            row["provider"],
            row["tries"],
        )
        for row in await tx.all(query)
    ]


async def history(tx: Tx, message: str) -> list[Happened]:
    """What happened to a message, in the order in which we learned it.

    Raises:
        NotFound: no such message.
    """
    row = await tx.one(select(_m).where(_m.c.id == message))
    if row is None:
        raise NotFound("no such message")
    out = [Happened(row["created_at"], "taken in")]
    a, c = tables.attempts, tables.claims
    before = outcome = None
    for one in await tx.all(select(a).where(a.c.message_id == message).order_by(a.c.id)):
        provider, outcome, began = one["provider"], one["outcome"], one["started_at"]
        if before not in {None, provider}:
            out.append(Happened(began, "failed over", provider, f"{before} was left"))
        out.append(Happened(began, "attempt began", provider))
        if outcome is not None:
            ended = began + round((one["seconds"] or 0) * SECOND)
            out.append(Happened(ended, f"attempt {outcome}", provider, one["detail"] or ""))
        before = provider
    for one in await tx.all(select(c).where(c.c.message_id == message)):
        what = f"reported {one['event']}"
        out.append(Happened(one["received_at"], what, one["provider"], said_at=one["at_provider"]))
    out.sort(key=lambda happened: happened.at)
    if row["status"] == Status.GIVEN_UP.value:
        over = row["expires_at"] <= tx.now
        by_end = "its time was over" if over else ""
        detail = "refused for good" if outcome == "rejected" else by_end
        at = max(out[-1].at, row["expires_at"]) if over else out[-1].at
        out.append(Happened(at, "given up", detail=detail))
    return out


async def states(tx: Tx) -> dict[str, ProviderState]:
    """The providers that were ever cut off or rested, by name."""
    s = tables.provider_states
    return {
        row["provider"]: ProviderState(
            row["provider"],
            row["cut_at"],
            row["reason"],
            row["rested_at"],
            row["rest_reason"] or "",
        )
        for row in await tx.all(select(s))
    }

"""Read-only queries of the mail room."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set

import msgspec
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select

from mailkeep.base.clock import DAY, HOUR, Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import earliest
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Tx

from . import bodies, counting, recipients, tables
from .bodies import lost
from .types import TOLD, Status

#: Outcomes of an attempt after which somebody may have a message that is ours again.
_MAY_HAVE_LEFT = (OutcomeKind.AMBIGUOUS, OutcomeKind.ACCEPTED)
_DEALT_WITH = (OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.SUPPRESSED_THERE)


class ProviderState(msgspec.Struct, frozen=True):
    """What people and playbooks have said of a provider."""

    provider: str
    cut_at: Instant | None
    cut_reason: str
    rested_at: Instant | None
    rest_reason: str
    doubted_at: Instant | None = None
    distrusted_at: Instant | None = None
    cut_in: str = ""  #: the incident in which it was cut off


class CaughtMail(msgspec.Struct, frozen=True):
    """A mail in the development mailbox."""

    id: str
    at: Instant
    recipient: str
    raw: bytes


async def attempted(tx: Tx, message_id: str) -> frozenset[str]:
    """Every provider that a message was ever attempted through, ambiguous sends included."""
    a = tables.attempts
    rows = await tx.all(select(a.c.provider).where(a.c.message_id == message_id))
    return frozenset(row["provider"] for row in rows)


async def took(tx: Tx, messages: Collection[str]) -> frozenset[str]:
    """Every provider that accepted one of some messages, of which it has not said since that it
    did not arrive."""
    a, m = tables.attempts, tables.messages
    rows = await tx.all(
        select(a.c.provider)
        .join(m, m.c.id == a.c.message_id)
        .where(
            a.c.message_id.in_(messages),
            a.c.outcome == OutcomeKind.ACCEPTED.value,
            m.c.status.not_in([Status.BOUNCED.value, Status.GIVEN_UP.value]),
        )
        .distinct()
    )
    return frozenset(row["provider"] for row in rows)


async def answered(tx: Tx, messages: Collection[str]) -> frozenset[str]:
    """Every provider that has dealt with one of some messages: it took it, or refused it for good,
    as the mail of somebody whose mailbox is gone is refused."""
    a = tables.attempts
    over = a.c.outcome.in_([one.value for one in _DEALT_WITH])
    rows = await tx.all(select(a.c.provider).where(a.c.message_id.in_(messages), over).distinct())
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


async def statuses(tx: Tx, messages: Sequence[str]) -> dict[str, str]:
    """The status of each of a few messages, by id."""
    m = tables.messages
    rows = await tx.all(select(m.c.id, m.c.status).where(m.c.id.in_(messages)))
    return {row["id"]: row["status"] for row in rows}


def may_have_left() -> ColumnElement[bool]:
    """Whether somebody may have a message that waits, or was given up: an answer was lost, or it
    was to be sent once more. Of ``messages``, inside another query."""
    a = tables.attempts.c
    unsure = or_(a.outcome.is_(None), a.outcome.in_([one.value for one in _MAY_HAVE_LEFT]))
    return exists().where(a.message_id == tables.messages.c.id, unsure)


def having(status: Status) -> Select[tuple[str]]:
    """The ids of messages with that status, for use inside another query."""
    m = tables.messages
    return select(m.c.id).where(m.c.status == status.value)


async def carried(tx: Tx, providers: Set[str], since: Instant, *, canaries: bool = True) -> int:
    """How many attempts of ours ``providers`` accepted since an instant; what the journal tells of
    was none.

    Args:
        canaries: mail of our own to ourselves counts as well; no mailbox provider has seen it.
    """
    a, m = tables.attempts, tables.messages
    asked = select(func.count()).where(
        a.c.provider.in_(sorted(providers)),
        a.c.started_at >= since,
        a.c.outcome == OutcomeKind.ACCEPTED.value,
        a.c.detail.is_distinct_from(TOLD),
    )
    if not canaries:
        asked = asked.select_from(a.join(m, m.c.id == a.c.message_id)).where(~m.c.ours)
    return int(await tx.value(asked) or 0)


async def hourly(tx: Tx, streams: Set[str], since: Instant) -> list[int]:
    """How many messages of some streams were taken in, for each hour since an instant that had
    any. Reads every message since then."""
    m = tables.messages
    hour = m.c.created_at / HOUR if tx.is_postgresql else m.c.created_at // HOUR
    hour = func.floor(hour) if tx.is_postgresql else hour
    rows = await tx.tuples(
        select(func.count())
        .where(m.c.id >= earliest("msg", since), m.c.stream.in_(sorted(streams)), ~m.c.ours)
        .group_by(hour)
    )
    return [int(row[0]) for row in rows]


async def overdue(tx: Tx, before: Instant) -> int:
    """How many messages that were due before an instant still wait to be sent."""
    m = tables.messages
    found = await tx.value(
        select(func.count()).where(
            m.c.status.in_([Status.QUEUED.value, Status.SENDING.value]), m.c.next_at < before
        )
    )
    return int(found or 0)


async def unconfirmed(
    tx: Tx, provider: str, since: Instant, *, distrust: bool = False, once: bool = False
) -> int:
    """How many messages would be sent again if a provider were left (``services.rest_provider``)
    or, with ``distrust``, cut off (``services.cut_off``); ``once``: by hand."""
    which = lost(provider, since, tx.now, distrust=distrust, once=once)
    found = await tx.value(select(func.count()).select_from(tables.messages).where(which))
    return int(found or 0)


async def cut(tx: Tx) -> dict[str, Instant]:
    """The providers that are cut off, and since when."""
    s = tables.provider_states
    rows = await tx.all(select(s.c.provider, s.c.cut_at).where(s.c.cut_at.is_not(None)))
    return {row["provider"]: row["cut_at"] for row in rows}


async def unsure(tx: Tx) -> frozenset[str]:
    """The providers that one person cut off, and no second one has confirmed it: a thief of one
    session may have done it, so nothing that is weaker than waiting follows from it."""
    s = tables.provider_states
    doubtful = select(s.c.provider).where(s.c.cut_at.is_not(None), s.c.cut_unsure)
    return frozenset(row["provider"] for row in await tx.all(doubtful))


async def resting(tx: Tx) -> dict[str, Instant]:
    """The providers at rest, and since when."""
    s = tables.provider_states
    rows = await tx.all(select(s.c.provider, s.c.rested_at).where(s.c.rested_at.is_not(None)))
    return {row["provider"]: row["rested_at"] for row in rows}


async def rests_in(tx: Tx, provider: str) -> str | None:
    """The incident, or the cutover, for which a provider rests; empty where a person let it, None
    when it does not rest. Its reason is no answer: anybody writes into it what they like."""
    s = tables.provider_states
    resting = (s.c.provider == provider) & s.c.rested_at.is_not(None)
    row = await tx.one(select(s.c.rest_in).where(resting))
    return None if row is None else row["rest_in"] or ""


async def carries(tx: Tx, provider: str) -> str:
    """What a provider carries from now on, for whoever has just restored it or ended its rest."""
    if provider in await cut(tx):
        return f"{provider} rests no more, and stays cut off: no mail goes to it"
    if provider in await resting(tx):
        return (
            f"{provider} is cut off no more, and rests: it carries ordinary mail only where no"
            " other route stands"
        )
    return f"{provider} carries mail again"


async def distrusted(tx: Tx) -> frozenset[str]:
    """Providers whose word was said to count for nothing (``services.distrust``)."""
    s = tables.provider_states.c
    rows = await tx.all(select(s.provider).where(s.distrusted_at.is_not(None)))
    return frozenset(row["provider"] for row in rows)


async def unheard(tx: Tx) -> frozenset[str]:
    """The providers whose word about our mail changes nothing (``believing``)."""
    words = await bodies.words(tx)
    return frozenset(name for name, word in words.items() if not word.moves)


async def told_by(tx: Tx, provider: str, since: Instant) -> int:
    """How many messages that a provider took since an instant stand as delivered, or bounced, by
    its word."""
    m = tables.messages
    reported = m.c.status.in_([Status.DELIVERED.value, Status.BOUNCED.value])
    found = await tx.value(
        select(func.count()).where(m.c.provider == provider, reported, m.c.accepted_at >= since)
    )
    return int(found or 0)


def was_exposed(
    address: ColumnElement[str], providers: Set[str], until: Instant
) -> ColumnElement[bool]:
    """Whether an address, the pseudonym in a column, had been given to any of some providers by
    ``until``, for use inside another query: a look at its own rows, however long the ledger is."""
    e = tables.exposures
    of = (e.c.address_id == address, e.c.provider.in_(sorted(providers)), e.c.first_at <= until)
    return select(e.c.address_id).where(*of).exists()


async def carriers(tx: Tx, address: str, stream: str) -> frozenset[str]:
    """The providers that an address, by its pseudonym, was ever given to for a stream."""
    e = tables.exposures
    of = (e.c.address_id == address, e.c.stream == stream)
    rows = await tx.all(select(e.c.provider).where(*of).distinct())
    return frozenset(row["provider"] for row in rows)


async def states(tx: Tx) -> dict[str, ProviderState]:
    """The providers that were ever cut off, rested or under suspicion, by name."""
    s = tables.provider_states
    return {
        row["provider"]: ProviderState(
            row["provider"],
            row["cut_at"],
            row["reason"],
            row["rested_at"],
            row["rest_reason"] or "",
            row["doubted_at"],
            row["distrusted_at"],
            row["cut_in"] or "",
        )
        for row in await tx.all(select(s))
    }


async def exposed(tx: Tx, providers: str | Set[str], until: Instant) -> int:
    """How many addresses a provider, or any of several, had been given by ``until``. Exact."""
    return await counting.exposed(
        tx, {providers} if isinstance(providers, str) else providers, until
    )


async def written_to(
    tx: Tx, firsts: Mapping[str, int], last: int
) -> tuple[int, list[tuple[str, int, int]]]:
    """To whom mail went through some providers. Reads the whole ledger.

    Args:
        firsts: by provider, the first day (since the epoch) that counts; ``last``: the last one.

    Returns:
        How many addresses, each once; by stream, how many addresses, and mails to them.
    """
    x = tables.exposures
    within = or_(
        false(), *(and_(x.c.provider == name, x.c.day >= day) for name, day in firsts.items())
    )
    some = (within, x.c.day <= last)
    whole = await tx.value(select(func.count(x.c.address_id.distinct())).where(*some))
    counts = (x.c.stream, func.count(x.c.address_id.distinct()), func.sum(x.c["count"]))
    rows = await tx.tuples(select(*counts).where(*some).group_by(x.c.stream).order_by(x.c.stream))
    return int(whole or 0), [(row[0], int(row[1]), int(row[2])) for row in rows]


async def exposed_to_each(tx: Tx) -> dict[str, int]:
    """How many addresses each provider was ever given. Exact."""
    return await counting.exposed_to_each(tx)


async def given(tx: Tx) -> list[tuple[str, str, int]]:
    """What ``ledger.total`` needs to say of any set of providers how many addresses they were ever
    given, each counted once. Exact up to 60 providers, and never too few."""
    return await counting.given(tx)


async def key_names(tx: Tx) -> dict[str, str]:
    """What the API keys are called, by their ids."""
    k = tables.api_keys
    return {row["id"]: row["name"] for row in await tx.all(select(k.c.id, k.c.name))}


async def known(tx: Tx, messages: Collection[str]) -> dict[str, tuple[str, str]]:
    """Of those that are messages of ours: the provider that took each last ("": none yet), and its
    stream."""
    m = tables.messages
    rows = await tx.all(select(m.c.id, m.c.provider, m.c.stream).where(m.c.id.in_(messages)))
    return {row["id"]: (row["provider"] or "", row["stream"]) for row in rows}


async def to_ourselves(tx: Tx, messages: Collection[str]) -> frozenset[str]:
    """Those of some messages that go to mailboxes of our own, as canaries do."""
    m = tables.messages
    rows = await tx.all(select(m.c.id).where(m.c.id.in_(messages), m.c.ours))
    return frozenset(row["id"] for row in rows)


async def caught_ids(tx: Tx) -> list[str]:
    """The mails in the development mailbox, newest first."""
    c = tables.caught_mail
    return [row["id"] for row in await tx.all(select(c.c.id).order_by(c.c.id.desc()))]


async def caught(tx: Tx, mails: Collection[str]) -> list[CaughtMail]:
    """Mails of the development mailbox, in no order; those that are gone are left out."""
    c = tables.caught_mail
    rows = await tx.all(select(c).where(c.c.id.in_(mails)))
    return [CaughtMail(row["id"], row["at"], row["recipient"], row["raw"]) for row in rows]


async def caught_one(tx: Tx, mail: str) -> CaughtMail:
    """One mail of the development mailbox. Raises ``NotFound``."""
    found = await caught(tx, [mail])
    if not found:
        raise NotFound("no such mail; the mailbox keeps the newest thousand")
    return found[0]


async def is_for(tx: Tx, message: str, address: str) -> bool:
    """Whether a message of ours is for an address, by its pseudonym, as its recipient or a copy."""
    m = tables.messages.c
    row = await tx.one(select(m.address_id, m.copies).where(m.id == message))
    return row is not None and address in recipients.exposed(row["address_id"], row["copies"])


async def older_keys(tx: Tx, before: Instant) -> int:
    """How many API keys that were made before an instant are still good."""
    k = tables.api_keys
    good = (k.c.revoked_at.is_(None), or_(k.c.expires_at.is_(None), k.c.expires_at > tx.now))
    found = select(func.count()).select_from(k).where(k.c.created_at < before, *good)
    return int(await tx.value(found) or 0)


async def gave_none(tx: Tx, provider: str, names: Collection[str], *, since: int) -> bool:
    """Whether a provider that had mail of ours before was given none of these addresses.

    Args:
        names: pseudonyms.
        since: a day since 1970; what was before it does not count.
    """
    e, f = tables.exposures.c, tables.exposed_firsts.c
    given = select(e.day).where(
        e.address_id.in_(sorted(names)), e.provider == provider, e.day >= since
    )
    if await tx.value(given.limit(1)) is not None:
        return False
    # A ledger that does not go back so far says nothing.
    first = select(f.first_at).where(f.provider == provider).order_by(f.first_at).limit(1)
    begun = await tx.value(first)
    return begun is not None and int(begun) < since * DAY

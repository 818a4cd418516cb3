"""Copies of mail (BCC) as a journal: what a checked copy adds to the ledger, and how a provider's
word finds it.

A copy does not carry the provider's own name for the mail, so a word is matched by its recipient:
each copy takes the first mail that its provider names to that recipient, and no second one. A mail
that no copy came of is left over, as it would be with a line for each mail.

Security: whoever checked the copy (``watch/copies.py``) says that the house's own domain signed it;
no more is known of it. The provider sees the address that copies go to, and can sign: whoever holds
our account there can write a copy of their own mail, and have it taken for ours, or of mail that
they never sent. So a copy hides and invents as a line of the journal does, and clears nobody.
Addresses for copies are 128 bits of a keyed hash: a database dump or the settings alone do not tell
them.
"""

import base64
import hmac
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, exists, func, insert, select, update

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.keys import KeyRing, digest
from mailkeep.events.log import record
from mailkeep.providers.message import Quiet
from mailkeep.store.database import Database, Tx

from . import tables
from .journal_rows import STALE, Rows, in_time
from .types import CopySettings, StreamSettings

NEW, KNOWN, OLD, FULL = "new", "known", "stale", "too-many"
NONE_CAME = "none-came"

_j, _w, _d, _c = (
    tables.journal,
    tables.journal_waiting,
    tables.journal_days,
    tables.journal_copies,
)


class Place(Quiet, frozen=True):
    """What an address for copies stands for. Its words show which, and not the address."""

    _shown = ("provider", "stream", "edition")

    provider: str
    stream: str
    edition: int
    address: str


class Copied(Quiet, frozen=True):
    """A copy whose signature holds.

    Attributes:
        copy: a digest of the signature: the same mail brought twice is known.
        to: everybody whom it shows, in canonical form, each once.
        message: our own id, where it says that it is mail of ours.
    """

    _shown = ("provider", "stream", "at")

    provider: str
    stream: str
    copy: str
    to: tuple[str, ...]
    at: Instant
    message: str | None = None


def places(
    keys: KeyRing, settings: CopySettings, providers: Collection[str], streams: Collection[str]
) -> dict[str, Place]:
    """The addresses to which copies are sent, by the address; those of the newest edition last."""
    out = {}
    for edition in sorted(settings.editions):
        for provider in sorted(settings.providers or providers):
            key = keys.pepper("journal copies", provider)
            for stream in sorted(streams):
                data = f"{edition}\0{stream}\0{settings.domain}".encode()
                tag = base64.b32encode(hmac.digest(key, data, "sha256")[:16]).decode()
                address = f"copy-{tag.rstrip('=').lower()}@{settings.domain}"
                out[address] = Place(provider, stream, edition, address)
    return out


class Copies:
    """The part of the journal that is written by copies.

    Args:
        per_day: copies that are taken of one provider in a day.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        streams: Mapping[str, StreamSettings],
        per_day: int,
    ) -> None:
        self._database = database
        self._keys = keys
        self._streams = streams
        self._per_day = per_day

    async def note(self, tx: Tx, copies: Sequence[Copied]) -> list[str | Exception]:
        """Write checked copies down, each once; what became of each (``NEW``, …)."""
        seen = await self._seen(tx, copies)
        room = await self._room(tx, {one.provider for one in copies})
        waits = bool(await tx.value(select(_w.c.claim_id).where(_w.c.whom.is_not(None)).limit(1)))
        rows, out = Rows(self._keys), list[str | Exception]()
        slots: list[dict[str, object]] = []
        for one in copies:
            word = self._judge(one, seen, room, tx.now)
            out.append(word)
            if word != NEW:
                continue
            seen.add(one.copy)
            room[one.provider] -= 1
            for number, to in enumerate(one.to):
                # The provider was given the address for copies as well, and counts it.
                message = rows.add(
                    *(tx, one.provider, self._streams[one.stream], to, one.at, None),
                    given=1 if number else 2,
                )
                whom = self._keys.pseudonym("address", to)
                waited = await self._waited(tx, one.provider, whom) if waits else None
                if waited is not None:
                    rows.name(tx, one.provider, of_copy(waited, whom), message)
                slots.append(
                    {
                        "copy": one.copy,
                        "address_id": whom,
                        "provider": one.provider,
                        "message_id": message,
                        "received_at": tx.now,
                        "bound_at": None if waited is None else tx.now,
                    }
                )
        if slots:
            await self._count(
                tx, [one.provider for one, word in zip(copies, out, strict=True) if word == NEW]
            )
            await rows.write(tx)
            await tx.run(insert(_c), slots)
            await record(self._database, tx, *rows.facts)
        return out

    def _judge(
        self, one: Copied, seen: Collection[str], room: Mapping[str, int], now: Instant
    ) -> str:
        if one.copy in seen or one.message in seen:
            return KNOWN
        if not in_time(one.at, now):
            return OLD
        return NEW if room[one.provider] > 0 else FULL

    async def _seen(self, tx: Tx, copies: Sequence[Copied]) -> set[str]:
        """Which of them came before, and which of the messages that they name are our own."""
        asked = sorted({one.copy for one in copies})
        found = {row["copy"] for row in await tx.all(select(_c.c.copy).where(_c.c.copy.in_(asked)))}
        ids = sorted({one.message for one in copies if one.message is not None})
        if ids:
            m = tables.messages.c.id
            found |= {row["id"] for row in await tx.all(select(m).where(m.in_(ids)))}
        return found

    async def _room(self, tx: Tx, providers: Collection[str]) -> dict[str, int]:
        out = {}
        for name in providers:
            taken = await tx.value(
                select(_d.c.count).where(_d.c.key == counted(name), _d.c.day == tx.now // DAY)
            )
            out[name] = self._per_day - int(taken or 0)
        return out

    async def _count(self, tx: Tx, providers: Sequence[str]) -> None:
        for name in sorted(set(providers)):
            await add(tx, counted(name), providers.count(name))

    async def _waited(self, tx: Tx, provider: str, whom: str) -> str | None:
        """The mail of which a word waits for a copy to that recipient, the one that waits longest;
        every word of it is let go on."""
        mail = await tx.value(
            select(_w.c.mail)
            .where(_w.c.provider == provider, _w.c.whom == whom, _w.c.received_at > 0)
            .order_by(_w.c.received_at, _w.c.claim_id)
            .limit(1)
        )
        if mail is None:
            return None
        await tx.run(
            update(_w)
            .where(_w.c.provider == provider, _w.c.whom == whom, _w.c.mail == mail)
            .values(received_at=0)
        )
        return str(mail)


async def take(tx: Tx, provider: str, whom: str, mail: str) -> str | None:
    """The message of the oldest copy to a recipient of which no word was heard yet, which from now
    on is known under the name of this mail; None where there is none.

    Args:
        whom: the recipient's pseudonym.
        mail: a digest of the provider's name for the mail.
    """
    where = (
        _c.c.provider == provider,
        _c.c.address_id == whom,
        _c.c.bound_at.is_(None),
        _c.c.received_at > tx.now - STALE,
    )
    row = await tx.one(
        select(_c.c.copy, _c.c.message_id).where(*where).order_by(_c.c.received_at).limit(1)
    )
    if row is None:
        return None
    taken = update(_c).where(*where, _c.c.copy == row["copy"]).values(bound_at=tx.now)
    if not await tx.run(taken):
        return None  # another process was faster; the word waits, and is looked at once more
    first = tx.upsert(_j).values(
        provider=provider,
        mail=of_copy(mail, whom),
        message_id=row["message_id"],
        received_at=tx.now,
    )
    await tx.run(first.on_conflict_do_nothing())
    return str(row["message_id"])


def of_copy(mail: str, whom: str) -> str:
    """The name of a mail to one recipient: a provider may name a mail to several by one id."""
    return digest(f"{mail}\0{whom}".encode())


def counted(provider: str) -> str:
    """Under which name the copies of a provider are counted by the day."""
    return f"copies {provider}"[:40]


async def add(tx: Tx, key: str, count: int) -> None:
    """Count something of today."""
    first = tx.upsert(_d).values(key=key, day=tx.now // DAY, count=count)
    total = _d.c.count + first.excluded.count
    await tx.run(first.on_conflict_do_update(index_elements=["key", "day"], set_={"count": total}))


def came(
    provider: ColumnElement[str], after: ColumnElement[int], before: Instant
) -> ColumnElement[bool]:
    """Whether a copy of a provider's mail was taken between two instants."""
    return exists().where(
        _c.c.provider == provider, _c.c.received_at > after, _c.c.received_at <= before
    )


async def heard(tx: Tx) -> dict[str, Instant]:
    """When the last copy of each provider was taken, of those that are known."""
    rows = await tx.all(
        select(_c.c.provider, func.max(_c.c.received_at).label("at")).group_by(_c.c.provider)
    )
    return {row["provider"]: int(row["at"]) for row in rows}


async def refused(tx: Tx) -> dict[str, int]:
    """How many copies were refused today and yesterday, by reason."""
    rows = await tx.all(
        select(_d.c.key, func.sum(_d.c.count).label("count"))
        .where(_d.c.day >= tx.now // DAY - 1, _d.c.key.startswith(REFUSED))
        .group_by(_d.c.key)
        .order_by(_d.c.key)
    )
    return {row["key"].removeprefix(REFUSED): int(row["count"]) for row in rows}


REFUSED = "copy refused: "  #: before the reason, among what is counted by the day

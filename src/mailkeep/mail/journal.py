"""The journal: an application reports mail that it sent through a provider by itself.

So the exposure ledger knows who was exposed to which provider, and the provider's reports about
that mail are recognised as being about mail of ours.

An entry is a claim of whoever holds the key for it: it has no body, nothing is ever sent for it,
and its recipient is kept as a pseudonym. A provider's report about a mail that has no entry yet is
kept for a while: webhooks come within seconds, and a journal comes whenever the application sends
it.

Security: reads what an application says, bounded by request and by day. Whoever holds the key can
hide a stranger's mail by claiming it for ours, and invent mail that never arrives: the first is why
a key for this is for nothing else, the second opens an outage at most. No entry is evidence that a
provider takes mail: its event and its attempt are marked (``told``, ``TOLD``), and whatever judges
how a provider answers us leaves them out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, exists, func, insert, or_, select

from mailkeep.base import addresses as address_rules
from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant
from mailkeep.base.errors import Invalid, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing, Unsealable, digest
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers.message import Quiet
from mailkeep.providers.types import Claim, OutcomeKind
from mailkeep.store.database import Database, Tx

from . import families, tables
from .claimed import EXPOSE
from .events import AttemptFinished
from .types import TOLD, JournalSettings, Status, StreamSettings

MOST_LINES = 500  #: of one request
MAX_ID = 200  #: characters of a provider's name for a mail
STALE = 7 * DAY  #: an older line says nothing any more
AHEAD = 5 * MINUTE  #: that the clock of an application may be ahead of ours
LATE = 10 * MINUTE  #: an older line is for the ledger alone: it says nothing of what goes out now
PURPOSE = "journal"
RELEASED = 200  #: claims that one look lets go on

_j, _w, _d = tables.journal, tables.journal_waiting, tables.journal_days


class Sent(Quiet, frozen=True):
    """One mail that an application sent. ``id``: as its provider named it in the answer."""

    _shown = ("provider", "stream", "at")

    provider: str
    id: str
    to: str
    stream: str
    at: Instant


class Noted(msgspec.Struct, frozen=True):
    """What became of lines: new, known already; too old, or of a time to come."""

    new: int
    known: int
    stale: int


class Journal:
    """The door for it.

    Args:
        streams, providers: of the settings; lines about others are refused.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        settings: JournalSettings,
        streams: Mapping[str, StreamSettings],
        providers: frozenset[str],
    ) -> None:
        self._database = database
        self._keys = keys
        self._settings = settings
        self._streams = streams
        self._providers = providers
        self._over: set[tuple[str, str]] = set()

    def check(self, lines: Sequence[Sent]) -> list[Sent]:
        """The lines with their addresses in canonical form.

        Raises:
            Invalid: naming the field; nothing was stored.
        """
        if len(lines) > MOST_LINES:
            raise Invalid(f"bring at most {MOST_LINES} lines at a time", field="sent")
        out = []
        for number, one in enumerate(lines):
            where = f"sent[{number}]"
            if one.provider not in self._providers:
                raise Invalid("no provider of that name", field=f"{where}.provider")
            if one.stream not in self._streams:
                raise Invalid("no stream of that name", field=f"{where}.stream")
            if not 0 < len(one.id) <= MAX_ID:
                raise Invalid(f"it has 1 to {MAX_ID} characters", field=f"{where}.id")
            to = address_rules.key(address_rules.parse(one.to, field=f"{where}.to"))
            out.append(msgspec.structs.replace(one, to=to))
        return out

    async def note(self, tx: Tx, lines: Sequence[Sent], *, by: str) -> Noted:
        """Write checked lines down, each once.

        Args:
            by: the key that brings them.

        Raises:
            TooMany: of this key, today; nothing was stored.
        """
        fresh = {
            (one.provider, _mail(one.provider, one.id)): one
            for one in lines
            if tx.now - STALE <= one.at <= tx.now + AHEAD
        }
        known = await self._known(tx, [mail for _, mail in fresh])
        new = {key: one for key, one in fresh.items() if key not in known}
        await self._count(tx, by, len(new))
        rows = _Rows()
        for (_, mail), one in new.items():
            self._add(rows, tx, mail, one)
        await rows.write(tx)
        await record(self._database, tx, *rows.facts)
        in_time = sum(tx.now - STALE <= one.at <= tx.now + AHEAD for one in lines)
        return Noted(len(new), in_time - len(new), len(lines) - in_time)

    async def name(
        self, tx: Tx, parts: Sequence[Sequence[Claim]]
    ) -> tuple[list[list[Claim]], list[int]]:
        """Claims with the messages that the journal knows them to be about, and how many of each
        part wait now because no line tells of their mail yet."""
        asked = {
            _mail(one.provider, one.provider_message_id)
            for part in parts
            for one in part
            if one.message_id is None and one.provider_message_id
        }
        known = await self._known(tx, sorted(asked))
        named: list[list[Claim]] = []
        held: list[int] = []
        for part in parts:
            kept, waiting = [], 0
            for one in part:
                if one.message_id is not None or not one.provider_message_id:
                    kept.append(one)
                    continue
                mail = _mail(one.provider, one.provider_message_id)
                message = known.get((one.provider, mail))
                if message is not None:
                    kept.append(msgspec.structs.replace(one, message_id=message))
                elif (one.provider, one.claim_id) in self._over:
                    kept.append(one)
                else:
                    waiting += await self._wait(tx, one, mail)
            named.append(kept)
            held.append(waiting)
        return named, held

    async def due(self) -> dict[str, list[Claim]]:
        """Claims that wait no longer, by provider: a line told of their mail, or none will."""
        told = exists().where(_j.c.provider == _w.c.provider, _j.c.mail == _w.c.mail)
        async with self._database.read() as tx:
            over = tx.now - round(self._settings.patience * SECOND)
            rows = await tx.all(
                select(_w.c.provider, _w.c.claim_id, _w.c.sealed)
                .where(or_(told, _w.c.received_at <= over))
                .order_by(_w.c.received_at)
                .limit(RELEASED)
            )
        out: dict[str, list[Claim]] = {}
        lost: list[tuple[str, str]] = []
        for row in rows:
            try:
                sealed = self._keys.unseal(PURPOSE, row["sealed"])
                claim = msgspec.json.decode(sealed, type=Claim)
            except (Unsealable, msgspec.DecodeError):  # by other keys, or another version
                lost.append((row["provider"], row["claim_id"]))
                continue
            out.setdefault(claim.provider, []).append(claim)
            self._over.add((claim.provider, claim.claim_id))
        if lost:
            async with self._database.write() as tx:
                await _drop(tx, lost)
        return out

    async def drop(self, claims: Mapping[str, Sequence[Claim]]) -> None:
        """These were heard: they need not wait any more."""
        keys = [(name, one.claim_id) for name, some in claims.items() for one in some]
        async with self._database.write() as tx:
            await _drop(tx, keys)
        self._over.difference_update(keys)

    async def _known(self, tx: Tx, mails: Sequence[str]) -> dict[tuple[str, str], str]:
        if not mails:
            return {}
        rows = await tx.all(
            select(_j.c.provider, _j.c.mail, _j.c.message_id).where(_j.c.mail.in_(mails))
        )
        return {(row["provider"], row["mail"]): row["message_id"] for row in rows}

    async def _wait(self, tx: Tx, claim: Claim, mail: str) -> int:
        row = tx.upsert(_w).values(
            provider=claim.provider,
            claim_id=claim.claim_id,
            mail=mail,
            sealed=self._keys.seal(PURPOSE, msgspec.json.encode(claim)),
            received_at=tx.now,
        )
        # One that was heard before is known in ``claims``; here it only waits again.
        return await tx.run(row.on_conflict_do_nothing())

    async def _count(self, tx: Tx, by: str, new: int) -> None:
        if not new:
            return
        first = tx.upsert(_d).values(key=by, day=tx.now // DAY, count=new)
        total = _d.c.count + first.excluded.count
        counted = first.on_conflict_do_update(index_elements=["key", "day"], set_={"count": total})
        await tx.run(counted)
        count = await tx.value(select(_d.c.count).where(_d.c.key == by, _d.c.day == tx.now // DAY))
        if int(count or 0) > self._settings.per_day:
            raise TooMany("this key has told of enough mail for a day", retry_after=3600.0)

    def _add(self, rows: "_Rows", tx: Tx, mail: str, one: Sent) -> None:
        stream = self._streams[one.stream]
        message, attempt = new_id("msg", tx.now, tx.order.next()), new_id("att", tx.now)
        address = self._keys.pseudonym("address", one.to)
        at = min(one.at, tx.now)
        family = families.of(one.to)
        rows.messages.append(
            {
                "id": message,
                "stream": stream.name,
                "priority": stream.priority,
                "address_id": address,
                "status": Status.ACCEPTED.value,
                "secret": stream.secret,
                "only": one.provider,
                "avoid": "",
                "created_at": at,
                "next_at": at,
                "tries": 1,
                "expires_at": at + round(stream.expires * SECOND),
                "provider": one.provider,
                "attempt_id": attempt,
                "accepted_at": at,
                "family": family,
            }
        )
        rows.attempts.append(
            {
                "id": attempt,
                "message_id": message,
                "provider": one.provider,
                "started_at": at,
                "seconds": 0.0,
                "detail": TOLD,
                "outcome": OutcomeKind.ACCEPTED.value,
                "provider_message_id": one.id,
            }
        )
        rows.journal.append(
            {"provider": one.provider, "mail": mail, "message_id": message, "received_at": tx.now}
        )
        key = (address, one.provider, one.stream, at // DAY)
        before = rows.exposed.get(key, {"first_at": at, "last_at": at, "count": 0})
        rows.exposed[key] = {
            "address_id": address,
            "provider": one.provider,
            "stream": one.stream,
            "day": at // DAY,
            "count": before["count"] + 1,
            "first_at": min(before["first_at"], at),
            "last_at": max(before["last_at"], at),
        }
        if tx.now - at <= LATE:
            rows.facts.append(
                AttemptFinished(
                    *(message, attempt, one.provider, one.stream, address),
                    *(OutcomeKind.ACCEPTED.value, TOLD, 0.0, family),
                    told=True,
                )
            )


class _Rows:
    """What lines add, table by table."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self.journal: list[dict[str, Any]] = []
        self.exposed: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        self.facts: list[Fact] = []

    async def write(self, tx: Tx) -> None:
        if not self.journal:
            return
        await tx.run(insert(_j), self.journal)
        await tx.run(insert(tables.messages), self.messages)
        await tx.run(insert(tables.attempts), self.attempts)
        # Always in the same order, against deadlocks.
        tx.many(EXPOSE, [self.exposed[key] for key in sorted(self.exposed)])


async def forget(tx: Tx, *, before: Instant, limit: int) -> int:
    """Forget which mails were told of before an instant; how many."""
    old = select(_j.c.mail).where(_j.c.received_at < before).order_by(_j.c.received_at).limit(limit)
    await tx.run(delete(_d).where(_d.c.day < before // DAY))
    return await tx.run(delete(_j).where(_j.c.received_at < before, _j.c.mail.in_(old)))


async def waiting(tx: Tx) -> int:
    """How many words of providers wait for a line."""
    return int(await tx.value(select(func.count()).select_from(_w)) or 0)


async def _drop(tx: Tx, keys: Sequence[tuple[str, str]]) -> None:
    for provider, claim in keys:
        await tx.run(delete(_w).where(_w.c.provider == provider, _w.c.claim_id == claim))


def _mail(provider: str, name: str) -> str:
    return digest(f"{provider}\0{name}".encode())

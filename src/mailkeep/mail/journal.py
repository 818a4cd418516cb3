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

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select

from mailkeep.base import addresses as address_rules
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Invalid, TooMany
from mailkeep.base.keys import KeyRing, Unsealable, digest
from mailkeep.events.log import record
from mailkeep.providers.message import Quiet
from mailkeep.providers.types import Claim
from mailkeep.store.database import Database, Tx

from . import copies, tables
from .journal_rows import Rows, in_time
from .types import JournalSettings, StreamSettings

MOST_LINES = 500  #: of one request
MAX_ID = 200  #: characters of a provider's name for a mail
PURPOSE = "journal"
RELEASED = 200  #: claims that one look lets go on
MOST_PATIENCE = DAY  #: for which a word waits for a copy where none comes at all
#: Words of one provider that wait: who has what a webhook is proved with would else fill the disk.
MOST_WAITING = 100_000
COUNT_EVERY = 60 * SECOND

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
        copying: addresses that copies of mail are sent to (``copies.places``). What a provider of
            theirs says is matched by its recipient as well, and waits for a copy.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        settings: JournalSettings,
        streams: Mapping[str, StreamSettings],
        providers: frozenset[str],
        copying: Mapping[str, copies.Place] = {},
    ) -> None:
        self._database = database
        self._keys = keys
        self._settings = settings
        self._copying = frozenset(copying)
        self._copied_by = frozenset(one.provider for one in copying.values())
        self._full: frozenset[str] = frozenset()  # providers of which too many words wait
        self._counted_at = 0
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
            (
                one.provider,
                _mail(one.provider, one.id),
                self._keys.pseudonym("address", one.to),
            ): one
            for one in lines
            if in_time(one.at, tx.now)
        }
        new = await self._new(tx, fresh)
        await self._count(tx, by, len(new))
        rows = Rows(self._keys)
        for (_, mail), one in new.items():
            message = rows.add(tx, one.provider, self._streams[one.stream], one.to, one.at, one.id)
            rows.name(tx, one.provider, mail, message)
        await rows.write(tx)
        await record(self._database, tx, *rows.facts)
        good = sum(in_time(one.at, tx.now) for one in lines)
        return Noted(len(new), good - len(new), len(lines) - good)

    async def _new(
        self, tx: Tx, fresh: Mapping[tuple[str, str, str], Sent]
    ) -> dict[tuple[str, str], Sent]:
        """What is not known yet of lines by provider, mail and recipient; by the name under which
        it is to be known. The first recipient of a mail has the mail's own, each further one has
        the mail's to them: many providers name a mail to several by one id."""
        both = {name for _, mail, to in fresh for name in (mail, copies.of_copy(mail, to))}
        known = await self._known(tx, sorted(both))
        m = tables.messages.c
        held = await tx.all(select(m.id, m.address_id).where(m.id.in_(sorted({*known.values()}))))
        addresses = {row["id"]: row["address_id"] for row in held}
        taken = {key: addresses.get(message, "") for key, message in known.items()}
        new: dict[tuple[str, str], Sent] = {}
        for (provider, mail, to), one in fresh.items():
            own, theirs = (provider, mail), (provider, copies.of_copy(mail, to))
            if (taken.get(own, to) == to and own in taken) or theirs in taken:
                continue
            name = theirs if own in taken else own
            taken[name] = to
            new[name] = one
        return new

    async def name(
        self, tx: Tx, parts: Sequence[Sequence[Claim]]
    ) -> tuple[list[list[Claim]], list[int]]:
        """Claims with the messages that the journal knows them to be about, and how many of each
        part wait now because no line tells of their mail yet."""
        asked: dict[tuple[str, str], tuple[str, str | None]] = {}
        for one in (claim for part in parts for claim in part):
            if one.message_id is None and one.provider_message_id:
                whom = self._whom(one)
                mail = _mail(one.provider, one.provider_message_id)
                asked[one.provider, one.claim_id] = (mail, whom)
        names = {mail for mail, _ in asked.values()}
        names |= {copies.of_copy(mail, whom) for mail, whom in asked.values() if whom}
        known = await self._known(tx, sorted(names))
        named: list[list[Claim]] = []
        held: list[int] = []
        for part in parts:
            kept, waiting = [], 0
            for one in part:
                if self._is_copy(one):
                    waiting += 1  # of the copy itself: it says nothing of whom the mail is for
                    continue
                if (one.provider, one.claim_id) not in asked:
                    kept.append(one)
                    continue
                mail, whom = asked[one.provider, one.claim_id]
                message = whom and known.get((one.provider, copies.of_copy(mail, whom)))
                message = message or known.get((one.provider, mail))
                copied = one.provider in self._copied_by
                if message is None and whom is not None and copied:
                    message = await self._of_copy(tx, known, one.provider, mail, whom)
                if message is not None:
                    kept.append(msgspec.structs.replace(one, message_id=message))
                elif (one.provider, one.claim_id) in self._over or one.provider in self._full:
                    kept.append(one)
                else:
                    waiting += await self._wait(tx, one, mail, whom if copied else None)
            named.append(kept)
            held.append(waiting)
        return named, held

    def _whom(self, claim: Claim) -> str | None:
        """The pseudonym of whom a word is about, where it says so."""
        if claim.recipient is None:
            return None
        try:
            found = address_rules.key(address_rules.parse(claim.recipient))
        except Invalid:
            return None
        return self._keys.pseudonym("address", found)

    def _is_copy(self, claim: Claim) -> bool:
        """Whether a word is about what was sent to an address for copies."""
        to = (claim.recipient or "").strip()
        return bool(self._copying) and address_rules.key(to) in self._copying

    async def _of_copy(
        self, tx: Tx, known: dict[tuple[str, str], str], provider: str, mail: str, whom: str
    ) -> str | None:
        """The message of a copy that is of this mail to this recipient."""
        name = (provider, copies.of_copy(mail, whom))
        if name not in known:
            found = await copies.take(tx, provider, whom, mail)
            if found is None:
                return None
            known[name] = found
        return known[name]

    async def due(self) -> dict[str, list[Claim]]:
        """Claims that wait no longer, by provider: a line told of their mail, or none will.

        Where copies are the journal, none will once one that came later has been here as long:
        while none comes at all, it is copies that fail, and no mail is a stranger's for that.
        """
        told = exists().where(_j.c.provider == _w.c.provider, _j.c.mail == _w.c.mail)
        async with self._database.read() as tx:
            over = tx.now - round(self._settings.patience * SECOND)
            later = copies.came(_w.c.provider, _w.c.received_at, over)
            done = and_(_w.c.received_at <= over, or_(_w.c.whom.is_(None), later))
            rows = await tx.all(
                select(_w.c.provider, _w.c.claim_id, _w.c.sealed)
                .where(or_(told, _w.c.received_at == 0, done))
                .order_by(_w.c.received_at)
                .limit(RELEASED)
            )
            if tx.now - self._counted_at >= COUNT_EVERY:
                self._counted_at = tx.now
                self._full = await _full(tx)
            stuck = await tx.value(select(_w.c.claim_id).where(*_stuck(tx, over)).limit(1))
        if stuck is not None:
            await self._give_up()
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

    async def _give_up(self) -> None:
        """Forget words that waited for a day in which no copy came at all; the doctor says so."""
        async with self._database.write() as tx:
            over = tx.now - round(self._settings.patience * SECOND)
            count = await tx.run(delete(_w).where(*_stuck(tx, over)))
            if count:
                await copies.add(tx, copies.REFUSED + copies.NONE_CAME, count)

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

    async def _wait(self, tx: Tx, claim: Claim, mail: str, whom: str | None) -> int:
        row = tx.upsert(_w).values(
            provider=claim.provider,
            claim_id=claim.claim_id,
            mail=mail,
            whom=whom,
            sealed=self._keys.seal(PURPOSE, msgspec.json.encode(claim)),
            received_at=tx.now,
        )
        # One that was heard before is known in ``claims``; here it only waits again.
        return await tx.run(row.on_conflict_do_nothing())

    async def _count(self, tx: Tx, by: str, new: int) -> None:
        if not new:
            return
        await copies.add(tx, by, new)
        count = await tx.value(select(_d.c.count).where(_d.c.key == by, _d.c.day == tx.now // DAY))
        if int(count or 0) > self._settings.per_day:
            raise TooMany("this key has told of enough mail for a day", retry_after=3600.0)


async def forget(tx: Tx, *, before: Instant, limit: int) -> int:
    """Forget which mails were told of before an instant; how many, of the kind that had more."""
    old = select(_j.c.mail).where(_j.c.received_at < before).order_by(_j.c.received_at).limit(limit)
    await tx.run(delete(_d).where(_d.c.day < before // DAY))
    c = tables.journal_copies.c
    done = select(c.copy).where(c.received_at < before).order_by(c.received_at).limit(limit)
    of = tables.journal_copies
    copied = await tx.run(delete(of).where(c.received_at < before, c.copy.in_(done)))
    told = await tx.run(delete(_j).where(_j.c.received_at < before, _j.c.mail.in_(old)))
    return max(told, min(copied, limit))


async def waiting(tx: Tx) -> int:
    """How many words of providers wait for a line."""
    return int(await tx.value(select(func.count()).select_from(_w)) or 0)


def _stuck(tx: Tx, over: Instant) -> tuple[ColumnElement[bool], ...]:
    """Words that waited for a copy as long as they may."""
    later = copies.came(_w.c.provider, _w.c.received_at, over)
    since = _w.c.received_at.between(1, tx.now - MOST_PATIENCE)
    return (_w.c.whom.is_not(None), since, ~later)


async def _full(tx: Tx) -> frozenset[str]:
    """Providers of which no more words may wait: what is heard of others' mail is bounded."""
    count = func.count().label("count")
    rows = await tx.all(select(_w.c.provider).group_by(_w.c.provider).having(count >= MOST_WAITING))
    return frozenset(row["provider"] for row in rows)


async def _drop(tx: Tx, keys: Sequence[tuple[str, str]]) -> None:
    for provider, claim in keys:
        await tx.run(delete(_w).where(_w.c.provider == provider, _w.c.claim_id == claim))


def _mail(provider: str, name: str) -> str:
    return digest(f"{provider}\0{name}".encode())

"""Canaries: our own test mail through every provider to mailboxes of ours, and the honey seeds.

A provider that drops or alters our mail cannot vouch for itself: we see what arrives. What tells a
canary from other mail is said in ``letters``. A canary counts once, and only with the secret that
it alone carries, so nobody can forge an arrival; a later copy is still looked through. Decoys are
canaries like recovery mail: they reveal who drops only that, or tries it (``recovery.decoys``).

A provider that is cut off gets none: a cut means that no request to it starts, its key may have
been revoked, and one in an attacker's hands must not be told that we still look. To find out
whether a provider is back, restore it into a rest (``mail.services.rest_provider``): then canaries
go through it and ordinary mail does not.

Security: reads hostile input. A mail is parsed only when it came to the address of a canary under
way. What a stranger wrote into a canary leaves here as host names only.
"""

import asyncio
import hmac
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from sqlalchemy import delete, func, insert, select, update

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.loops import Keeper
from mailkeep.base.tokens import link_secret
from mailkeep.base.workers import STRANGERS
from mailkeep.events import turns
from mailkeep.events.log import record
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail import outbox, services
from mailkeep.mail.events import AttemptFinished
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage
from mailkeep.providers.types import OutcomeKind, ProviderConfig
from mailkeep.store.database import Database, Tx

from . import authentication, letters, reading
from .decoys import Decoys
from .events import CanaryArrived, CanaryRefused, CanarySent
from .mailbox_types import CanaryMailbox
from .marks import Marks, covered
from .signatures import Arrival, Signatures, Vouched
from .tables import canaries
from .types import DECOY_MAILBOX, OURS, OWN_MAILBOX, CanarySettings, HoneyAddress

log = structlog.get_logger(__name__)

WORTH = 60 * SECOND  #: a canary not taken by then is not sent any more: it would tell of the past
KEPT = DAY  #: how long one may take to arrive
MAIL_KEPT = HOUR  #: how long the mail room remembers one
MOST_STRANGERS = 16
#: Outcomes that are about a message: of a canary, whose addresses are ours, they tell of more.
REFUSED = frozenset(
    {OutcomeKind.REJECTED, OutcomeKind.SUPPRESSED_THERE, OutcomeKind.SENDER_REFUSED}
)
SEED_CHECK_SECONDS = 600.0
SEED_AGAIN = (7 * DAY, 21 * DAY)  #: a honey address hears from us again after a time between these

_c = canaries


class Canaries:
    """Sends canaries, and recognises them when they arrive.

    Args:
        settings: of the canaries.
        honey: addresses to seed, each through its own provider.
        public_url: our own pages, to which the canaries link.
        providers: those through which the stream's mail may go, by name.
        decoys: where people recover their accounts by mail.
        signatures: verifies who signed one; None: nobody looks.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        intake: Intake,
        settings: CanarySettings,
        *,
        honey: tuple[HoneyAddress, ...] = (),
        public_url: str,
        providers: Mapping[str, ProviderConfig],
        decoys: Decoys | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._intake = intake
        self._settings = settings
        self._honey = honey
        self._decoys = decoys if settings.decoys > 0 else None
        decoying = () if self._decoys is None else (self._decoys.stream,)
        self._streams = frozenset({settings.stream, *decoying})
        self._url = public_url.rstrip("/")
        self._chance = random.SystemRandom()
        self._reading = asyncio.Lock()
        self._since = database.clock.now()
        self._providers = frozenset(providers)
        hosts = () if self._decoys is None else self._decoys.hosts
        self._marks = Marks(settings, self._url, providers, hosts)
        self._signatures = signatures

    async def run(self, keep: Keeper) -> None:
        """Send for ever, each provider at its own pace."""
        async with asyncio.TaskGroup() as group:
            group.create_task(keep(self._tend, SEED_CHECK_SECONDS, of="seeds"))
            for provider in sorted(self._providers):
                for mailbox in (None, *self._settings.mailbox):
                    interval = self._settings.interval if mailbox is None else mailbox.interval
                    send = partial(self.send, provider, mailbox, every=interval)
                    group.create_task(self._loop(keep, provider, interval, send))
            for provider in () if self._decoys is None else self._decoys.providers:
                if provider not in self._providers:
                    continue  # what it adds to a mail is not known here
                every = self._settings.decoys
                send = partial(self.plant, provider, every=every)
                # Not at each start: a process that restarts often would send as often.
                group.create_task(self._loop(keep, provider, every, send, soonest=every / 2))

    async def send(
        self, provider: str, mailbox: CanaryMailbox | None = None, *, every: float = 0.0
    ) -> str | None:
        """Send one through ``provider``; returns the message's id, or None while it is cut off.

        Args:
            mailbox: one that others keep; None: a fresh name at our own listener.
            every: seconds in which all processes together send one; None too where one was sent.
        """
        local = letters.local_part(self._chance)
        to = f"{local}@{self._settings.domain}" if mailbox is None else mailbox.address
        kept = OWN_MAILBOX if mailbox is None else mailbox.name
        async with self._database.write() as tx:
            if provider in await outbox.cut_providers(tx):
                return None
            if not await turns.ours(tx, f"canary {provider} {kept}", every):
                return None
            return await self._hand_in(tx, provider, to, honey=False, mailbox=mailbox)

    async def plant(self, provider: str, *, every: float = 0.0) -> str | None:
        """Send a decoy through ``provider``, to our own listener (see ``decoys``); as ``send``."""
        decoys = self._decoys
        to = f"{letters.local_part(self._chance)}@{self._settings.domain}"
        async with self._database.write() as tx:
            if decoys is None or provider in await outbox.cut_providers(tx):
                return None
            if not await turns.ours(tx, f"canary {provider} {DECOY_MAILBOX}", every):
                return None
            content, secret = await decoys.write(tx, provider, to)
            return await self._accept(
                tx, provider, decoys.stream, content, secret, to, mailbox=DECOY_MAILBOX
            )

    async def seed(self) -> int:
        """Write to each honey address that never heard from us, or not for long; returns how
        many."""
        count = 0
        for one in self._honey:
            async with self._database.write() as tx:
                # In its transaction: of two processes that look at once, one finds that it is done.
                name = f"seed {one.provider} {self._hash(one.address)[:32]}"
                if await turns.take(tx, name, 0.0) is None:
                    continue
                last = await tx.value(
                    select(func.max(_c.c.created_at)).where(
                        _c.c.honey,
                        _c.c.address_hash == self._hash(one.address),
                        _c.c.provider == one.provider,
                    )
                )
                again = self._chance.uniform(*SEED_AGAIN)
                if (last is not None and tx.now < last + again) or (
                    one.provider in await outbox.cut_providers(tx)
                ):
                    continue
                await self._hand_in(tx, one.provider, one.address, honey=True)
            count += 1
        return count

    async def receive(self, recipients: list[str], raw: bytes) -> int:
        """Read a received mail; returns how many canaries arrived with it. Anything else is
        dropped."""
        return await self._take({self._hash(one) for one in recipients if self.ours(one)}, raw)

    async def read_at(self, mailbox: CanaryMailbox, raw: bytes, at: Instant | None) -> int:
        """Take in a mail that was read in a mailbox of others; as ``receive``.

        Args:
            at: when it came there, as its host says; it cannot make a canary come later than it is
                read, nor before it was sent.
        """
        trust = "" if mailbox.imap is None else mailbox.imap.trust
        failed = authentication.failed(raw, trust) if trust else ()
        return await self._take({self._hash(mailbox.comes_in)}, raw, at, failed, read=True)

    async def _take(
        self,
        wanted: set[str],
        raw: bytes,
        at: Instant | None = None,
        failed: tuple[str, ...] = (),
        *,
        read: bool = False,
    ) -> int:
        if not wanted:
            return 0
        came = self._database.clock.now()
        async with self._database.read() as tx:
            sent = await tx.all(
                select(_c.c.id, _c.c.provider, _c.c.mailbox, _c.c.marker_hash).where(
                    _c.c.address_hash.in_(wanted), ~_c.c.honey
                )
            )
        if not sent:
            return 0

        def known_by(markers: tuple[str, ...]) -> set[str]:
            hashes = [self._keys.lookup_hash("canary marker", one) for one in markers]
            return {
                row["id"]
                for row in sent
                if any(hmac.compare_digest(row["marker_hash"], one) for one in hashes)
            }

        async with self._reading:  # one at a time: whatever comes, one thread is busy with it
            found = await STRANGERS.run(reading.read, raw, lambda them: bool(known_by(them)))
        known = known_by(found.markers)
        if not known:
            log.warning("canary.unknown_mail")
            return 0
        signed: dict[str, tuple[Vouched, ...]] = {}
        for row in sent:
            looked = read or row["mailbox"] in OURS
            if self._signatures is not None and row["id"] in known and looked:
                held = await self._signatures.of(row["provider"], raw, came)
                its = (one for one in held if row["id"] in known_by(one.part.markers))
                signed[row["id"]] = tuple(its)
        arrival = Arrival(found, came if at is None else at, failed, signed, read)
        async with self._database.write() as tx:
            return sum([await self._arrived(tx, one, arrival) for one in sorted(known)])

    def ours(self, address: str) -> bool:
        """Whether an address is at the canaries' domain."""
        return addresses.domain(addresses.key(address)) == self._settings.domain

    def hears(self, fact: Fact) -> bool:
        """Whether an attempt can be a canary's: most are other mail's."""
        return isinstance(fact, AttemptFinished) and not fact.told and fact.stream in self._streams

    async def on_attempt(self, tx: Tx, recorded: Recorded) -> None:
        """Subscriber: a provider accepted or refused a canary."""
        fact = recorded.fact
        if not isinstance(fact, AttemptFinished):
            return
        if fact.outcome == "accepted":
            await self._taken(tx, fact.message)
        elif fact.outcome in REFUSED and await tx.value(
            select(_c.c.id).where(_c.c.message_id == fact.message, ~_c.c.honey)
        ):
            said = CanaryRefused(provider=fact.provider, message=fact.message, outcome=fact.outcome)
            await record(self._database, tx, said)

    async def sweep(self) -> None:
        """Delete canaries that can no longer arrive, and the mail room's rows about them."""
        async with self._database.write() as tx:
            await services.forget_ours(tx, tx.now - MAIL_KEPT)
            await tx.run(delete(_c).where(_c.c.created_at < tx.now - KEPT, ~_c.c.honey))

    async def _loop(
        self,
        keep: Keeper,
        provider: str,
        interval: float,
        send: Callable[[], Awaitable[object]],
        *,
        soonest: float = 0.0,
    ) -> None:
        async def step() -> None:
            await send()

        await asyncio.sleep(self._chance.uniform(soonest, interval))
        await keep(step, lambda: interval * self._chance.uniform(0.8, 1.2), of=provider)

    async def _tend(self) -> None:
        await self.seed()
        await self.sweep()

    async def _hand_in(
        self, tx: Tx, provider: str, to: str, *, honey: bool, mailbox: CanaryMailbox | None = None
    ) -> str:
        settings, secret = self._settings, link_secret()
        content = letters.compose(
            settings.sender, to, self._url, secret, self._chance, settings.letter
        )
        arrives = to if mailbox is None else mailbox.comes_in
        name = OWN_MAILBOX if mailbox is None else mailbox.name
        return await self._accept(
            tx, provider, settings.stream, content, secret, arrives, mailbox=name, honey=honey
        )

    async def _accept(
        self,
        tx: Tx,
        provider: str,
        stream: str,
        content: Content,
        secret: str,
        arrives: str,
        *,
        mailbox: str,
        honey: bool = False,
    ) -> str:
        new = NewMessage(
            stream=stream,
            content=content,
            only=(provider,),
            expires_at=None if honey else tx.now + WORTH,
            ours=True,
        )
        message = await self._intake.accept(tx, self._intake.check(new))
        await tx.run(
            insert(_c).values(
                id=new_id("can", tx.now),
                provider=provider,
                message_id=message,
                address_hash=self._hash(arrives),
                mailbox=mailbox,
                marker_hash=self._keys.lookup_hash("canary marker", secret),
                honey=honey,
                created_at=tx.now,
            )
        )
        return message

    async def _taken(self, tx: Tx, message: str) -> None:
        """Record once that a canary was accepted, in any case before its arrival."""
        changed = await tx.run(
            update(_c)
            .where(_c.c.message_id == message, _c.c.sent_at.is_(None), ~_c.c.honey)
            .values(sent_at=tx.now)
        )
        if not changed:
            return
        row = await tx.one(select(_c.c.provider, _c.c.mailbox).where(_c.c.message_id == message))
        if row is not None:
            sent = CanarySent(provider=row["provider"], message=message, mailbox=row["mailbox"])
            await record(self._database, tx, sent)

    async def _arrived(self, tx: Tx, canary: str, arrival: Arrival) -> bool:
        """Record the first arrival; of later copies one that has strangers in it: whoever sends an
        unaltered one ahead could else alter all mail unseen."""
        row = await tx.one(select(_c).where(_c.c.id == canary).with_for_update())
        if row is None:
            return False
        message, provider, mailbox = row["message_id"], row["provider"], row["mailbox"]
        strangers, planted = self._marks.judged(arrival.found, provider, mailbox)
        first = row["arrived_at"] is None
        if not first and not strangers:
            return False
        await tx.run(update(_c).where(_c.c.id == canary).values(arrived_at=tx.now))
        await self._taken(tx, message)
        if strangers:  # that is said once
            await tx.run(delete(_c).where(_c.c.id == canary))
        # It may be of other settings; or others forward it, past whoever is in our listener's way.
        if row["created_at"] < self._since or not (arrival.read or mailbox in OURS):
            planted = ()
        taken = max(0, min(arrival.at, tx.now) - (row["sent_at"] or row["created_at"])) / SECOND
        signed = tuple(
            one.key
            for one in arrival.signed.get(canary, ())
            if covered(strangers, planted, *self._marks.judged(one.part, provider, mailbox))
        )
        fact = CanaryArrived(
            provider=provider,
            message=message,
            seconds=taken,
            strangers=strangers[:MOST_STRANGERS],
            mailbox=mailbox,
            failed=arrival.failed,
            planted=planted[:MOST_STRANGERS],
            signed=signed,
        )
        await record(self._database, tx, fact)
        return first

    def _hash(self, address: str) -> str:
        return self._keys.lookup_hash("canary address", addresses.key(address))

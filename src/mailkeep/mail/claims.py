"""Ingests providers' delivery reports: verified, deduplicated, normalised, and still only claims.

Security: a provider in an attacker's hands says what it likes. Its report changes a message only
while it is the provider that has it: of mail that it refused, and that waits for or is with another
provider, it can neither end the delivery nor delete our copy. What its word may
do, by how it stands, says ``believing``: that of one that was cut off, or is distrusted, changes
nothing. Reports of mail that it never had from us, and all that such a one says, are rate-limited,
and reports of each mail that it had are counted: otherwise a thief of the webhook secret could fill
the disk, and so stop all mail.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import structlog

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.base.errors import NotFound
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers import registry
from mailkeep.providers.errors import ForgedWebhook, MalformedWebhook
from mailkeep.providers.types import Claim, ClaimKind, ProviderConfig, WebhookRequest
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from . import bodies, foreign, lateness, moving, recipients
from .believing import FULL, Word
from .events import ClaimRefused, DeliveryReported
from .journal import RELEASED, Journal
from .splitting import Left, Splitting

log = structlog.get_logger(__name__)

#: Words by which a provider says that it did not send a mail, and nothing of the address.
_NOT_SENT = frozenset({ClaimKind.REJECTED, ClaimKind.SUPPRESSED})

CHUNK = 50  #: claims in one piece of work
LANE = 90  #: behind every stream
OTHERS_A_MINUTE = 1000  #: claims of one provider that are kept about mail that it never had from us
ABOUT_ONE = 200  #: claims that are kept about one mail, for each who gets it: bulk is opened often
FLOOD = "flood"  #: why those beyond are not


class Claims:
    """The door for what providers say: webhooks, and bounces of relays that have none.

    Args:
        database, shared: where claims go.
        providers: by name.
        keeping: streams in which no provider's word destroys a body.
        splitting: takes copies on that a provider says later it did not send; without it they stay.
        journal: of mail that applications sent by themselves; without it such mail is foreign.
    """

    def __init__(
        self,
        database: Database,
        shared: SharedCommit,
        providers: dict[str, ProviderConfig],
        keeping: Collection[str] = (),
        splitting: Splitting | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._database = database
        self._shared = shared
        self._providers = providers
        self._keeping = frozenset(keeping)
        self._splitting = splitting
        self._journal = journal
        self._usual: dict[str, float] = {}  # seconds from event to webhook, by provider
        self._refused_at: dict[str, int] = {}
        self._others: dict[str, tuple[Instant, int]] = {}  # a minute's beginning, claims since
        self._foreign = foreign.Foreign()
        #: Since the start, by provider: claims made before, and refusals by reason, each of them.
        self.duplicates: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()

    async def receive(self, provider: str, request: WebhookRequest) -> int:
        """Take a webhook in; returns how many claims were new.

        Raises:
            NotFound: no such provider.
            ForgedWebhook, MalformedWebhook: nothing of it was believed.
        """
        config = self._providers.get(provider)
        if config is None:
            raise NotFound("no such provider")
        module = registry.get(config.kind)
        try:
            found = module.parse(config, module.verify(config, request))
        except (ForgedWebhook, MalformedWebhook) as error:
            await self.refuse(provider, error.slug, request.received_at)
            raise
        return await self.take(provider, found)

    async def take(self, provider: str, found: Sequence[Claim]) -> int:
        """Take in what a provider said and was held to; returns how much of it was new."""
        # In small parts and at the lowest priority: a thousand events of a provider must not delay
        # a recovery.
        new = 0
        for start in range(0, len(found), CHUNK):
            part = found[start : start + CHUNK]
            new += await self._shared.each(self._take, part, lane=LANE, weight=len(part))
        self.duplicates[provider] += len(found) - new
        return new

    async def release(self) -> bool:
        """Hear what waited for a line of the journal; whether there was much of it."""
        if self._journal is None:
            return False
        found = await self._journal.due()
        for provider, claims in found.items():
            await self.take(provider, claims)
        if found:
            await self._journal.drop(found)
        return sum(map(len, found.values())) >= RELEASED

    async def _take(self, tx: Tx, parts: Sequence[Sequence[Claim]]) -> list[int]:
        """Believe what is new of many webhooks, a few statements for all; how many of each."""
        held = [0] * len(parts)
        if self._journal is not None:
            parts, held = await self._journal.name(tx, parts)
        given = {(one.provider, one.claim_id): one for part in parts for one in part}
        about = await moving.ours(tx, given.values())
        words = await bodies.words(tx)
        given, flood = self._bounded(given, about, words, tx.now)
        weights = {key: self._weigh(claim, tx.now) for key, claim in given.items()}
        # A claim that is not stored with its message cannot change it later either.
        kept = {key: known for key, known in about.items() if words.get(key[0], FULL).moves}
        new = await moving.remember(tx, given, kept, weights)
        facts: list[Fact] = [
            ClaimRefused(provider=name, why=FLOOD)
            for name in sorted(flood)
            if self._may_tell(name, FLOOD, tx.now)
        ]
        moved = moving.Moved(self._keeping)
        left: list[Left] = []
        for key, claim in given.items():
            if key not in new:
                continue
            known = moving.of(about, claim)
            own, whom = recipients.told_of(claim.recipient, known and known.people)
            facts.append(
                DeliveryReported(
                    provider=claim.provider,
                    claim=claim.claim_id,
                    event=claim.kind.value,
                    message=None if known is None else known.message,
                    stream=None if known is None else known.stream,
                    address=whom,
                    at_provider=claim.at,
                    copy=not own,
                    late=lateness.late(claim.at, tx.now),
                    weight=weights[key],
                )
            )
            word = words.get(claim.provider, FULL)
            holds = known is not None and known.holds and word.moves
            if known is not None and holds and own:
                if word.ends or not known.waits:
                    moved.add(claim, known, word)
            elif known is not None and holds and whom and claim.kind in _NOT_SENT:
                left.append(Left(known.message, claim.provider, whom))
            elif known is None:
                elsewhere = any(message == claim.message_id for _, message in about)
                facts += self._foreign.told(claim, tx.now, ours_elsewhere=elsewhere)
        await record(self._database, tx, *facts)
        if left and self._splitting is not None:
            await self._splitting.later(tx, left)  # before a body goes
        await moved.write(tx)
        counted: set[tuple[str, str]] = set()
        out = []
        for part, waiting in zip(parts, held, strict=True):
            mine = {(one.provider, one.claim_id) for one in part} & new - counted
            counted |= mine
            out.append(len(mine) + waiting)
        return out

    def _bounded(
        self,
        given: Mapping[tuple[str, str], Claim],
        about: Mapping[tuple[str, str | None], moving.Ours],
        words: Mapping[str, Word],
        now: Instant,
    ) -> tuple[dict[tuple[str, str], Claim], set[str]]:
        """(what is kept of some claims, who tells too much)."""
        kept: dict[tuple[str, str], Claim] = {}
        flood: set[str] = set()
        told: Counter[tuple[str, str | None]] = Counter()
        for key, claim in given.items():
            which = claim.provider, claim.message_id
            known = moving.of(about, claim) if words.get(claim.provider, FULL).moves else None
            if known is None:
                fits = self._in_a_minute(claim.provider, now) <= OTHERS_A_MINUTE
            else:
                told[which] += 1
                fits = known.told + told[which] <= ABOUT_ONE * len(known.people)
            if fits:
                kept[key] = claim
            else:
                flood.add(claim.provider)
        return kept, flood

    def _in_a_minute(self, provider: str, now: Instant) -> int:
        """Count one more claim that no mail bounds; how many there were in its minute."""
        begun, count = self._others.get(provider, (now, 0))
        begun, count = (now, 0) if now - begun >= MINUTE else (begun, count)
        self._others[provider] = (begun, count + 1)
        return count + 1

    def _weigh(self, claim: Claim, now: Instant) -> float:
        usual = self._usual.get(claim.provider, 0.0)
        seconds = lateness.late(claim.at, now)
        counts = lateness.weight(seconds, usual)
        self._usual[claim.provider] = lateness.learn(usual, seconds, counts)
        return counts

    async def refuse(self, provider: str, why: str, now: Instant) -> None:
        """Count a refusal, and record one a second at most: a flood of forgeries must not fill the
        log."""
        if not self._may_tell(provider, why, now):
            return
        async with self._database.write() as tx:
            await record(self._database, tx, ClaimRefused(provider=provider, why=why))

    def _may_tell(self, provider: str, why: str, now: Instant) -> bool:
        """Count a refusal; whether it is recorded."""
        self.refused[provider, why] += 1
        if now - self._refused_at.get(provider, 0) < SECOND:
            return False
        self._refused_at[provider] = now
        return True

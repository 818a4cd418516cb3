"""What providers say about messages: verified, deduplicated, normalised, and still only claims.

Security: a provider in an attacker's hands says what it likes. Its word moves a message only while
it is the one that holds it: of mail that it refused, and that waits for another provider or is with
one, it can neither end the way nor destroy our copy.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import func, or_, select, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import NotFound
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers import registry
from mailkeep.providers.errors import ForgedWebhook, MalformedWebhook
from mailkeep.providers.types import Claim, ClaimKind, OutcomeKind, ProviderConfig, WebhookRequest
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from . import bodies, foreign, lateness, recipients, tables
from .events import ClaimRefused, DeliveryReported
from .outbox import shred_bodies
from .types import Status

log = structlog.get_logger(__name__)

_STATUS = {ClaimKind.DELIVERED: Status.DELIVERED, ClaimKind.BOUNCED: Status.BOUNCED}

#: From where a claim may take a message. Delivered is final: a late bounce of another copy, or a
#: forged one, must not turn a mail that arrived into one that did not.
_FROM = {
    Status.DELIVERED: (Status.QUEUED, Status.SENDING, Status.ACCEPTED, Status.BOUNCED),
    Status.BOUNCED: (Status.ACCEPTED,),
}


CHUNK = 50  #: claims in one piece of work
LANE = 90  #: behind every stream


class Claims:
    """The door for what providers say: webhooks, and bounces of relays that have none.

    Args:
        database, shared: where claims go.
        providers: by name.
        keeping: streams in which no provider's word destroys a body.
    """

    def __init__(
        self,
        database: Database,
        shared: SharedCommit,
        providers: dict[str, ProviderConfig],
        keeping: Collection[str] = (),
    ) -> None:
        self._database = database
        self._shared = shared
        self._providers = providers
        self._keeping = frozenset(keeping)
        self._usual: dict[str, float] = {}  # seconds from event to webhook, by provider
        self._refused_at: dict[str, int] = {}
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
        # A part at a time and behind everything else: a provider's thousand events must not keep a
        # recovery waiting.
        new = 0
        for start in range(0, len(found), CHUNK):
            part = found[start : start + CHUNK]
            new += await self._shared.each(self._take, part, lane=LANE, weight=len(part))
        self.duplicates[provider] += len(found) - new
        return new

    async def _take(self, tx: Tx, parts: Sequence[Sequence[Claim]]) -> list[int]:
        """Believe what is new of many webhooks, a few statements for all; how many of each."""
        given = {(one.provider, one.claim_id): one for part in parts for one in part}
        about = await _ours(tx, given.values())
        weights = {key: self._weigh(claim, tx.now) for key, claim in given.items()}
        new = await _new(tx, given, about, weights)
        facts: list[Fact] = []
        moved = _Moved(self._keeping)
        for key, claim in given.items():
            if key not in new:
                continue
            known = about.get((claim.provider, claim.message_id))
            own, whom = recipients.told_of(claim.recipient, known and known.people)
            facts.append(
                DeliveryReported(
                    claim.provider,
                    claim.claim_id,
                    claim.kind.value,
                    None if known is None else known.message,
                    None if known is None else known.stream,
                    whom,
                    claim.at,
                    not own,
                    lateness.late(claim.at, tx.now),
                    weights[key],
                )
            )
            if known is not None and known.holds and own:
                moved.add(claim, known)
            elif known is None:
                elsewhere = any(message == claim.message_id for _, message in about)
                facts += self._foreign.told(claim, tx.now, ours_elsewhere=elsewhere)
        await record(self._database, tx, *facts)
        await moved.write(tx)
        counted: set[tuple[str, str]] = set()
        out = []
        for part in parts:
            mine = {(one.provider, one.claim_id) for one in part} & new - counted
            counted |= mine
            out.append(len(mine))
        return out

    def _weigh(self, claim: Claim, now: Instant) -> float:
        usual = self._usual.get(claim.provider, 0.0)
        seconds = lateness.late(claim.at, now)
        counts = lateness.weight(seconds, usual)
        self._usual[claim.provider] = lateness.learn(usual, seconds, counts)
        return counts

    async def refuse(self, provider: str, why: str, now: Instant) -> None:
        """Count a refusal, and record one a second at most: a flood of forgeries must not fill the
        log."""
        self.refused[provider, why] += 1
        if now - self._refused_at.get(provider, 0) < SECOND:
            return
        self._refused_at[provider] = now
        async with self._database.write() as tx:
            await record(self._database, tx, ClaimRefused(provider, why))


class _Ours(NamedTuple):
    """A message that a provider had from us.

    ``people``: the pseudonyms of all in it, its recipient's first, with the address of each where
    there are several to tell apart. ``holds``: the provider's word may move it.
    """

    message: str
    stream: str
    people: Mapping[str, str]
    holds: bool


class _Moved:
    """Messages that claims move, by where to."""

    def __init__(self, keeping: Collection[str]) -> None:
        self._keeping = keeping
        self._to: dict[Status, set[str]] = {}
        self._by: dict[str, str] = {}  # who says so, of those whose body may go

    def add(self, claim: Claim, known: _Ours) -> None:
        status = _STATUS.get(claim.kind)
        if status is not None:
            self._to.setdefault(status, set()).add(known.message)
            if known.stream not in self._keeping:
                self._by[known.message] = claim.provider

    async def write(self, tx: Tx) -> None:
        m = tables.messages
        moved: list[str] = []
        # Delivered comes last: it stands whatever else the same webhook says.
        for status in (Status.BOUNCED, Status.DELIVERED):
            wanted = sorted(self._to.get(status, ()))
            if not wanted:
                continue
            movable = (m.c.id.in_(wanted), m.c.status.in_([one.value for one in _FROM[status]]))
            # One whose answer we never had was taken by now.
            taken = func.coalesce(m.c.accepted_at, tx.now)
            rows = await tx.tuples(
                update(m)
                .where(*movable)
                .values(status=status.value, accepted_at=taken)
                .returning(m.c.id)
            )
            moved += [row[0] for row in rows]
        believed = [one for one in moved if one in self._by]
        if believed:
            doubted = await bodies.doubted(tx)
            shred_bodies(tx, [one for one in believed if self._by[one] not in doubted])


async def _ours(tx: Tx, claims: Collection[Claim]) -> dict[tuple[str, str | None], _Ours]:
    """What is known of the messages that these claims name, by provider and message, where that
    provider did have that message from us.

    A provider's word about a message that it was never given is no word about that message.
    """
    named = sorted({one.message_id for one in claims if one.message_id is not None})
    if not named:
        return {}
    m, a = tables.messages.c, tables.attempts.c
    query = (
        select(m.id, m.stream, m.address_id, m.copies, m.status, m.provider, a.provider, a.outcome)
        .join(tables.attempts, a.message_id == m.id)
        .where(m.id.in_(named), or_(a.outcome.is_(None), a.outcome != "withheld"))  # never left
        .order_by(m.id, a.id)
        .with_for_update(of=tables.messages)  # what is decided by their state stays so
    )
    out: dict[tuple[str, str | None], _Ours] = {}
    found = await tx.tuples(query)
    known = await _addresses(tx, {one for row in found if row[3] for one in _names(row[2], row[3])})
    for message, stream, address, copies, status, newest, provider, outcome in found:
        # The provider of the newest attempt; the last row of a pair is its newest attempt.
        holds = provider == newest
        if status == Status.QUEUED.value:
            # It refused the mail, or may have had it: only then is there anything to tell of.
            holds = holds and outcome in (None, OutcomeKind.AMBIGUOUS.value)
        people = {one: known.get(one, "") for one in _names(address, copies)}
        out[provider, message] = _Ours(message, stream, people, holds)
    return out


def _names(address: str, copies: str) -> list[str]:
    return recipients.exposed(address, copies)


async def _addresses(tx: Tx, names: Collection[str]) -> dict[str, str]:
    """The addresses behind pseudonyms."""
    if not names:
        return {}
    c = tables.addresses.c
    rows = await tx.tuples(select(c.id, c.address).where(c.id.in_(sorted(names))))
    return {row[0]: row[1] for row in rows}


async def _new(
    tx: Tx,
    given: Mapping[tuple[str, str], Claim],
    about: Mapping[tuple[str, str | None], _Ours],
    weights: Mapping[tuple[str, str], float],
) -> set[tuple[str, str]]:
    """Remember these claims; which of them were never made before."""
    rows = []
    for provider, name in sorted(given):  # in one order for everybody
        claim = given[provider, name]
        known = about.get((provider, claim.message_id))
        rows.append(
            {
                "provider": provider,
                "claim_id": name,
                "received_at": tx.now,
                "message_id": None if known is None else known.message,
                "event": claim.kind.value,
                "at_provider": claim.at,
                "address_id": recipients.told_of(claim.recipient, known and known.people)[1],
                "weight": weights[provider, name],
            }
        )
    if not rows:
        return set()
    c = tables.claims
    first = tx.upsert(c).on_conflict_do_nothing().returning(c.c.provider, c.c.claim_id)
    return {(provider, name) for provider, name in await tx.tuples(first, rows)}

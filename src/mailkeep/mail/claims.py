"""What providers say about messages: verified, deduplicated, normalised, and still only claims.

Security: a provider in an attacker's hands says what it likes. Its word moves a message only while
it is the one that holds it: of mail that it refused, and that waits for another provider or is with
one, it can neither end the way nor destroy our copy.
"""

import structlog
from sqlalchemy import or_, select, update

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import NotFound
from mailkeep.events.log import record
from mailkeep.providers import registry
from mailkeep.providers.errors import ForgedWebhook, MalformedWebhook
from mailkeep.providers.types import Claim, ClaimKind, ProviderConfig, WebhookRequest
from mailkeep.store.database import Database, SharedCommit, Tx

from . import recipients, tables
from .events import ClaimRefused, DeliveryReported
from .outbox import shred_body
from .types import Status

log = structlog.get_logger(__name__)

_STATUS = {ClaimKind.DELIVERED: Status.DELIVERED, ClaimKind.BOUNCED: Status.BOUNCED}

#: From where a claim may take a message. Delivered is final: a late bounce of another copy, or a
#: forged one, must not turn a mail that arrived into one that did not.
_FROM = {
    Status.DELIVERED: (Status.SENDING, Status.ACCEPTED, Status.BOUNCED),
    Status.BOUNCED: (Status.ACCEPTED,),
}


CHUNK = 50  #: claims in one piece of work
LANE = 90  #: behind every stream


class Claims:
    """The door for webhooks.

    Args:
        database, shared: where claims go.
        providers: by name.
    """

    def __init__(
        self, database: Database, shared: SharedCommit, providers: dict[str, ProviderConfig]
    ) -> None:
        self._database = database
        self._shared = shared
        self._providers = providers
        self._refused_at: dict[str, int] = {}

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
            await self._refuse(provider, error.slug, request.received_at)
            raise
        # In the order in which others lock messages, a part at a time and behind everything else:
        # a provider's thousand events must not keep a recovery waiting.
        found.sort(key=lambda claim: claim.message_id or "")
        new = 0
        for start in range(0, len(found), CHUNK):
            part = found[start : start + CHUNK]

            async def take(tx: Tx, part: list[Claim] = part) -> int:
                return sum([await self._take(tx, claim) for claim in part])

            new += await self._shared.run(take, lane=LANE, weight=len(part))
        return new

    async def _take(self, tx: Tx, claim: Claim) -> bool:
        new = await tx.run(
            tx.upsert(tables.claims)
            .values(provider=claim.provider, claim_id=claim.claim_id, received_at=tx.now)
            .on_conflict_do_nothing()
        )
        if not new:
            return False
        message, primary = await self._ours(tx, claim), True
        if message is not None and message[3]:
            primary, address = await _whose(tx, claim, message)
            message = (message[0], message[1], address, message[3])
        await record(
            self._database,
            tx,
            DeliveryReported(
                claim.provider,
                claim.claim_id,
                claim.kind.value,
                None if message is None else message[0],
                None if message is None else message[1],
                None if message is None else message[2],
                claim.at,
                not primary,
            ),
        )
        status = _STATUS.get(claim.kind)
        if message is not None and status is not None and primary:
            m = tables.messages
            moved = await tx.run(
                update(m)
                .where(
                    m.c.id == message[0],
                    # The provider of the newest attempt: set where a claim on the outbox is.
                    m.c.provider == claim.provider,
                    m.c.status.in_([one.value for one in _FROM[status]]),
                )
                .values(status=status.value)
            )
            if moved:
                await shred_body(tx, message[0])
        return True

    async def _ours(self, tx: Tx, claim: Claim) -> tuple[str, str, str | None, str] | None:
        """(message, stream, address, copies) when this provider did have that message from us.

        A provider's word about a message that it was never given is no word about that message.
        """
        if claim.message_id is None:
            return None
        m, a = tables.messages, tables.attempts
        row = await tx.one(
            select(m.c.id, m.c.stream, m.c.address_id, m.c.copies)
            .join(a, a.c.message_id == m.c.id)
            .where(
                m.c.id == claim.message_id,
                a.c.provider == claim.provider,
                or_(a.c.outcome.is_(None), a.c.outcome != "withheld"),  # cut before it left
            )
        )
        if row is None:
            return None
        return row["id"], row["stream"], row["address_id"], row["copies"]

    async def _refuse(self, provider: str, why: str, now: int) -> None:
        """Record a refusal, one a second at most: a flood of forgeries must not fill the log."""
        if now - self._refused_at.get(provider, 0) < SECOND:
            return
        self._refused_at[provider] = now
        async with self._database.write() as tx:
            await record(self._database, tx, ClaimRefused(provider, why))


async def _whose(
    tx: Tx, claim: Claim, message: tuple[str, str, str | None, str]
) -> tuple[bool, str | None]:
    """(whether a claim about a message with copies is about its own recipient, about whom)."""
    known = tables.addresses
    names = [message[2], *message[3].split(",")]
    rows = await tx.all(select(known).where(known.c.id.in_(names)))
    people = {row["id"]: row["address"] for row in rows}
    primary = people.get(message[2] or "", "")
    own = recipients.concerns_primary(claim.recipient, primary, has_copies=True)
    return own, recipients.about(claim.recipient, people)

"""Detects mail in our account at a provider that we never sent, reported once for each, and
bounded.

Whoever sends through our account, with a stolen key or from inside the provider, shows up in the
provider's webhooks about that mail. So does another system of ours that uses the same account;
which of the two it is, a detector has to learn.

Security: reads what a provider says, authenticated by signature or shared secret; a bounce by mail
(``none``) is no statement of a provider about its own sending. Names are kept as digests only, in a
memory of bounded size: a repetition after a restart does no harm.
"""

import hashlib
from collections import OrderedDict

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.base.ids import is_id, made_at
from mailkeep.providers.types import Claim, ClaimKind

from .events import ForeignMailReported

REMEMBERED = 4096  #: mails that are not told again
PROVIDERS = 64
PER_MINUTE = 30  #: facts of one provider
FORGOTTEN = HOUR  #: mail of our own (canaries) is forgotten after that, and reports of it come late

#: What says that a mail was sent, or was to be. Openings come for years, of mail long forgotten.
_SENDING = frozenset(
    {
        ClaimKind.SENT,
        ClaimKind.DELIVERED,
        ClaimKind.DEFERRED,
        ClaimKind.BOUNCED,
        ClaimKind.SOFT_BOUNCED,
        ClaimKind.REJECTED,
    }
)


class Foreign:
    """Remembers what was told, for one process."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, str] = OrderedDict()  # mails, and the claim that told of each
        self._minute: dict[str, tuple[Instant, int]] = {}  # its beginning, facts since
        self._untold: dict[str, int] = {}

    def told(
        self, claim: Claim, now: Instant, *, ours_elsewhere: bool
    ) -> list[ForeignMailReported]:
        """What to record of a claim about no message that its provider had from us.

        Args:
            ours_elsewhere: the message is ours, and another provider had it.
        """
        name = claim.provider_message_id
        if claim.kind not in _SENDING or claim.authenticated == "none" or not name:
            return []
        if not ours_elsewhere and _forgotten(claim, now):
            return []
        mail = hashlib.sha256(f"{claim.provider} {name}".encode()).hexdigest()[:32]
        # The same claim comes again as a new one only if its transaction was lost.
        if self._seen.get(mail, claim.claim_id) != claim.claim_id:
            self._seen.move_to_end(mail)
            return []
        self._seen[mail] = claim.claim_id
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if not self._may_tell(claim.provider, now):
            self._untold[claim.provider] = self._untold.get(claim.provider, 0) + 1
            return []
        if ours_elsewhere:
            sort = "not_given"
        else:
            sort = "unmarked" if claim.message_id is None else "unknown"
        untold = self._untold.pop(claim.provider, 0)
        return [ForeignMailReported(provider=claim.provider, mail=mail, why=sort, untold=untold)]

    def _may_tell(self, provider: str, now: Instant) -> bool:
        begun, count = self._minute.get(provider, (now, 0))
        if now - begun >= 60 * SECOND:
            begun, count = now, 0
        if provider not in self._minute and len(self._minute) >= PROVIDERS:
            return False
        self._minute[provider] = (begun, min(count + 1, PER_MINUTE + 1))
        return count < PER_MINUTE


def _forgotten(claim: Claim, now: Instant) -> bool:
    """Whether it may be mail of our own that we forgot since: a late report of an old id."""
    name = claim.message_id
    if name is None or not is_id("msg", name):
        return False
    made, at = made_at(name), now if claim.at is None else claim.at
    if made is None or now - made < FORGOTTEN:
        return False
    return at - made < FORGOTTEN or now - at >= FORGOTTEN

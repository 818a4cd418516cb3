"""Whether a mail that a provider signed as us is one that we never gave it.

Whom a mail is to and when it was sent is read from what the signature covers, so whoever reports
it, or passed it on, can change neither; and is looked up in the ledger of what that provider was
given. A mail that is none of ours on the way, and one of ours that is sent again to others, is to
the one to whom we sent it.

What is unclear is not unsent: a field that is not signed or stands there twice, nobody named, a
mailbox of our own (the ledger leaves those out), a mail of more than two weeks ago (its recipient
may have been erased since), a provider of which the ledger does not go back so far, a key of which
nobody said whose it is.

Security: reads hostile input; of a mail nothing is kept.
"""

from collections.abc import Callable, Mapping

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries
from mailkeep.store.database import Tx

from . import copied, dkim

SIGNED = ("from", "to", "date")  #: what the signature has to cover
OLDEST = 14 * DAY  #: since a mail that is looked for
BEFORE = 2  #: days before its date in which the provider may have been given it, and since


class Asked(msgspec.Struct, frozen=True):
    """What to look up. ``people``: whom the mail is to, in canonical form; none: it is unclear."""

    signer: str
    people: tuple[str, ...] = ()
    at: Instant = 0


class Unsent:
    """Looks reported mail up.

    Args:
        keys: give the pseudonyms under which the ledger has addresses.
        signers: the provider that signs with a selector; of each one alone.
        ours: whether an address is a mailbox of our own, and nobody's.
    """

    def __init__(
        self, keys: KeyRing, signers: Mapping[str, str], ours: Callable[[str], bool]
    ) -> None:
        self._keys = keys
        self._signers = signers
        self._ours = ours

    def about(self, mail: dkim.Mail, signature: dkim.Signature, now: Instant) -> Asked:
        """What to look up of a mail whose signature holds."""
        signer = self._signers.get(signature.selector, "")
        at = copied.sent_at(mail, signature)
        people = copied.shown(mail, signature, lambda _one: False)
        if not (
            signer
            and set(SIGNED) <= set(dkim.signed_fields(signature.tags))
            and at is not None
            and now - OLDEST <= at <= now + DAY
            and not any(map(self._ours, people))
        ):
            return Asked(signer)
        return Asked(signer, people, at)

    async def of(self, tx: Tx, asked: Asked) -> bool:
        """Whether the provider was given nothing to any of them then, or since: a mail that waits
        for a provider keeps the date at which it was taken in."""
        if not asked.people:
            return False
        names = [self._keys.pseudonym("address", one) for one in asked.people]
        since = asked.at // DAY - BEFORE
        return await queries.gave_none(tx, asked.signer, names, since=since)

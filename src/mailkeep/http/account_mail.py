"""What of the mail tells who has an account, and who sees it.

A mail with a code, or a notice to an owner, that left for an address says that the address has an
account: whoever may look that up has looked the account up.

Security: who sees mail and no accounts does not see such mail in lists, nor its events, and finds
none by an address: with it, anybody's recovery could be begun, and the list be looked at. Who may
see accounts sees it without whose it is, and that of one address when it was said why and written
down, as when an account is opened. Its pseudonym alone opens nothing: it comes with each mail of an
order as well.
"""

from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec

from mailkeep.accounts import opening, queries
from mailkeep.base.errors import NotAllowed
from mailkeep.mail.grants import Grant
from mailkeep.mail.told import Listed
from mailkeep.operators.permissions import Permission, scope_of
from mailkeep.store.database import Tx

from .port import Services

T = TypeVar("T", bound=Listed)


class Sight(msgspec.Struct, frozen=True):
    """What of the mail somebody sees.

    Attributes:
        streams: in which; None: in all, also in those that are in the settings no more.
        left_out: the streams of the settings that they do not see because of accounts.
        plain: streams of which a recipient is shown; None: of all.
    """

    streams: frozenset[str] | None
    left_out: tuple[str, ...] = ()
    plain: frozenset[str] | None = None

    def of(self, stream: str) -> frozenset[str]:
        """What is seen where one stream is asked for. Raises ``NotAllowed``."""
        if self.streams is not None and stream not in self.streams:
            raise NotAllowed(
                "mail of this stream tells who has an account: it is for who may open accounts, "
                "and that of one address for who has said why",
                field="stream",
            )
        return frozenset({stream})

    def hides(self, stream: str) -> bool:
        """Whether a recipient of that stream is not shown."""
        return self.plain is not None and stream not in self.plain

    def one(self, found: T) -> T:
        """A message as it is shown."""
        return msgspec.structs.replace(found, recipient=None) if self.hides(found.stream) else found

    def shown(self, found: Iterable[T]) -> list[T]:
        """Messages as they are shown."""
        return [self.one(each) for each in found]


def telling(running: Services) -> frozenset[str]:
    """The streams whose mail tells who has an account: secret ones, and those that mails of this
    house's own accounts go over."""
    found = {name for name, one in running.streams.items() if one.secret}
    if running.recovery is not None:
        settings = running.recovery.settings
        found |= {settings.stream, settings.notices, settings.confirmations}
    return frozenset(found & running.streams.keys())


def sight(
    streams: Collection[str],
    telling: Collection[str],
    bound: Collection[str],
    *,
    accounts: bool,
    to_one: bool,
    opened: bool,
) -> Sight:
    """What somebody sees (pure).

    Args:
        streams: of the settings.
        telling: those whose mail tells who has an account.
        bound: those that an API key is bound to: whoever made it has said that it sees these.
        accounts: accounts may be looked up.
        to_one: the mail to one recipient is asked for.
        opened: it was said why, and written down.
    """
    if bound:
        return Sight(frozenset(bound))
    plain = frozenset(streams) - frozenset(telling)
    if not accounts or (to_one and not opened):
        return Sight(plain, tuple(sorted(telling)), plain)
    return Sight(None, plain=None if opened else plain)


def of_key(running: Services, grant: Grant, *, to_one: bool = False, opened: bool = False) -> Sight:
    """What the holder of an API key sees; ``to_one``, ``opened``: as for ``sight``."""
    names, bound = running.streams.keys(), grant.streams
    accounts = grant.may(scope_of(Permission.ACCOUNTS_SEE))
    return sight(names, telling(running), bound, accounts=accounts, to_one=to_one, opened=opened)


async def open_(tx: Tx, recipient: str, *, by: str, reason: str) -> None:
    """Write down that somebody looks for the mail that tells whether an address has an account.
    The chain is told which account of ours it is, if any: no name of an address stands there, since
    nothing is ever taken out of it.

    Args:
        recipient: pseudonym of the address.

    Raises:
        Invalid, TooMany: see ``opening.open_``.
    """
    point = await queries.by_address(tx, recipient)
    account = "" if point is None else point.account
    await opening.open_(tx, opening.MAIL, account, by=by, reason=reason)

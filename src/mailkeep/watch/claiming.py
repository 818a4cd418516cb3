"""Records support desk claims: a customer says that something about their account was not them.

It is a claim without proof: recorded in the account's name and given to the detectors, and without
any other effect. The desk learns nothing by it: the answer is the same whether or not the account
exists. Whoever talks a desk into a claim gains a weak sign at most; to stop a recovery the owner
has the button in every mail.

Security: takes an address from a desk; keeps none. An account counts once in a day for each thing
that is said, and a key only as often as a desk can hear people.
"""

import enum

from sqlalchemy import func, select

from mailkeep.accounts import queries
from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import TooMany
from mailkeep.base.keys import KeyRing, digest
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from .events import SupportClaimed
from .received import once
from .tables import reports

PER_DAY = 500  #: claims that one key may bring in a day
_r = reports


class What(enum.StrEnum):
    """What the customer says was not them."""

    RESET = "reset"  #: a reset was made, or mailed
    SIGN_IN = "sign_in"  #: somebody signed in
    CHANGE = "change"  #: something of the account was changed
    MAIL = "mail"  #: a mail in our name that cannot be ours


async def claim(
    database: Database,
    tx: Tx,
    keys: KeyRing,
    address: str,
    what: What,
    *,
    by: str,
    application: str = "",
) -> None:
    """Put a claim on record, where an account has that address.

    Args:
        by: who brings it: the id of a key, or who is at the keyboard.
        application: whose user it is about; "": an account of ours.

    Raises:
        Invalid: it is no mail address.
        TooMany: of this key, today.
    """
    key = keys.pseudonym("address", addresses.key(addresses.parse(address)))
    point = await queries.by_address(tx, key, application)
    # A claim for an address without an account is counted too: otherwise the limit would reveal it.
    about = f"{key}\0{application}"
    await _note(database, tx, "" if point is None else point.account, about, what, by)


async def claim_of(database: Database, tx: Tx, account: str, what: What, *, by: str) -> None:
    """The same of an account that whoever brings it has opened already.

    Raises:
        NotFound: no such account.
        TooMany: of this person, today.
    """
    await _note(database, tx, (await queries.account(tx, account)).id, account, what, by)


async def _note(database: Database, tx: Tx, account: str, about: str, what: What, by: str) -> None:
    today = tx.now // DAY * DAY
    brought = await tx.value(
        select(func.count()).where(
            _r.c.kind == "claim", _r.c.reporter == by, _r.c.received_at >= today
        )
    )
    if int(brought or 0) >= PER_DAY:
        raise TooMany("that is enough claims from you for a day", retry_after=3600.0)
    name = digest(f"claim\0{by}\0{what}\0{about}\0{today}".encode())
    now = tx.now // SECOND
    new = await once(
        tx,
        id=name,
        kind="claim",
        reporter=by,
        believed=False,
        domain=what.value,
        begins=now,
        ends=now,
    )
    if new and account:
        await record(database, tx, SupportClaimed(account=account, what=what.value, by=by))

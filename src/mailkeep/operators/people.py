"""Which keys and sessions belong to one person: for actions that need two people.

Attacks met here: somebody who is two by two names (two owners of keys, two users of the machine,
the console and the shell).
"""

from sqlalchemy import select

from mailkeep.base.clock import DAY
from mailkeep.base.errors import NotAllowed
from mailkeep.mail import api_keys
from mailkeep.store.database import Tx

from .tables import operator_passkeys, operators

LINKED = 30 * DAY  #: for which a passkey that was shown beside keys makes their owners one person
SHELL = "the shell"  #: whoever sits there, as whichever user of the machine
_AT_SHELL = "uid:"

_l, _o = operator_passkeys, operators


async def person(tx: Tx, actor: str) -> str:
    """The person behind an actor of the audit chain.

    An operator whom an OpenID provider named is one; all keys that name one owner are that one; and
    owners beside whose keys the same passkey was shown are one as well. Where people come by such a
    provider, a key's owner has to be one of them: else somebody would be two by a key in another
    name. All users of the machine are one: who may be one of them by `sudo` is not two for it.

    Raises:
        NotAllowed: a key of which it is not known whose it is. It may be anybody's, the other
            person's too.
    """
    if actor.startswith(_AT_SHELL):
        return SHELL
    owner = await api_keys.owner_of(tx, actor)
    if owner is None:
        return await _one(tx, actor)
    if not owner:
        raise NotAllowed(
            "nobody is named as the owner of this key, so it counts for no person: make one with"
            " `mailkeep keys create --owner`"
        )
    if await tx.value(select(_o.c.id).where(_o.c.id == owner)) is not None:
        return await _one(tx, owner)
    if await tx.value(select(_o.c.id).limit(1)) is not None:
        raise NotAllowed(
            "the owner of this key is no operator whom the OpenID provider named: make one with"
            " `mailkeep keys create --owner opr_…`, as `mailkeep operators list` names them"
        )
    return f"owner {await _one(tx, owner)}"


async def named(tx: Tx, actor: str) -> str:
    """The same of somebody who asks for, or agrees to, what wants two people.

    Raises:
        NotAllowed: as ``person``; or who sits at the shell, who may be either of the two.
    """
    found = await person(tx, actor)
    if found == SHELL:
        raise NotAllowed(
            "nobody at the shell is known by name, so nobody there is one of two people: set"
            " MAILKEEP_OPERATOR_KEY to a key of yours (`mailkeep keys create --scope operate"
            " --owner`), do it at the console, or say why it cannot wait with --alone, where that"
            " is to be had"
        )
    return found


async def show(tx: Tx, key: str, account: str) -> None:
    """The passkey of an account was shown beside a key: whose keys it was shown beside is one."""
    owner = await api_keys.owner_of(tx, key)
    if not owner:
        return
    first = tx.upsert(_l).values(owner=owner, account_id=account, at=tx.now)
    await tx.run(
        first.on_conflict_do_update(index_elements=["owner", "account_id"], set_={"at": tx.now})
    )


async def _one(tx: Tx, owner: str) -> str:
    """One name for all owners whom passkeys make one with this one."""
    live = _l.c.at > tx.now - LINKED
    found, new = {owner}, {owner}
    while new:
        theirs = select(_l.c.account_id).where(_l.c.owner.in_(sorted(new)), live)
        rows = await tx.all(select(_l.c.owner).where(_l.c.account_id.in_(theirs), live))
        new = {row["owner"] for row in rows} - found
        found |= new
    return min(found)

"""Which keys and sessions belong to one person: for actions that need two people."""

from sqlalchemy import select

from mailkeep.base.errors import NotAllowed
from mailkeep.mail import api_keys
from mailkeep.store.database import Tx

from .tables import operators


async def person(tx: Tx, actor: str) -> str:
    """The person behind an actor of the audit chain.

    An operator whom an OpenID provider named is one; all keys that name one owner are that one.
    Where people come by such a provider, a key's owner has to be one of them: else somebody would
    be two by a key in another name.

    Raises:
        NotAllowed: a key of which it is not known whose it is. It may be anybody's, the other
            person's too.
    """
    owner = await api_keys.owner_of(tx, actor)
    if owner is None:
        return actor  # an operator, or who sits at the shell
    if not owner:
        raise NotAllowed(
            "nobody is named as the owner of this key, so it counts for no person: make one with"
            " `mailkeep keys create --owner`"
        )
    o = operators
    if await tx.value(select(o.c.id).where(o.c.id == owner)) is not None:
        return owner
    if await tx.value(select(o.c.id).limit(1)) is not None:
        raise NotAllowed(
            "the owner of this key is no operator whom the OpenID provider named: make one with"
            " `mailkeep keys create --owner opr_…`, as `mailkeep operators list` names them"
        )
    return f"owner {owner}"

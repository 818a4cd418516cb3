"""Receivers of security events: registered by an operator, identified by a token that is shown
once.

Security: a token is kept as a keyed hash and opens one receiver's stream and nothing else. Where
events may be pushed to is said by the operator: a stolen token cannot send them elsewhere.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import signing_in
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, Invalid, NotFound, NotSignedIn
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import reachable, tables
from .types import Receiver

_r = tables.receivers
_LONGEST = 200  #: characters of what is presented that are looked at
_MOST = 20  #: origins


async def add(
    tx: Tx,
    keys: KeyRing,
    name: str,
    audience: str,
    origins: Sequence[str],
    *,
    application: str = "",
    loopback: bool,
    by: str,
) -> tuple[Receiver, str]:
    """A new receiver and its token, which is shown once.

    Args:
        audience: the ``aud`` of what it is told; the receiver compares it.
        origins: ``https://host[:port]`` to which events may be pushed; none: it polls.
        application: id of the one whose users it hears of; "": accounts of ours.
        loopback: development: an origin may be a loopback address, and http.

    Raises:
        Invalid: a name, an audience or an origin cannot be used.
        Conflict: there is one of that name.
    """
    name = name.strip()
    if not 0 < len(name) <= 80 or not name.isprintable():
        raise Invalid("a name has 1 to 80 characters", field="name")
    if not 0 < len(audience) <= 500 or not audience.isprintable() or audience != audience.strip():
        raise Invalid("an audience has 1 to 500 characters", field="audience")
    kept = tuple(dict.fromkeys(reachable.origin(one, loopback=loopback) for one in origins))
    if len(kept) > _MOST:
        raise Invalid(f"there are {_MOST} origins at most", field="push_to")
    taken = select(_r.c.id).where(or_(_r.c.name == name, _r.c.audience == audience))
    if await tx.value(taken) is not None:
        raise Conflict("there is a receiver of that name or audience")
    receiver, token = new_id("rcv", tx.now), _token()
    await tx.run(
        insert(_r).values(
            id=receiver,
            name=name,
            audience=audience,
            origins="\n".join(kept),
            application=application,
            hash=_hash(keys, token),
            created_at=tx.now,
        )
    )
    entry = {
        "receiver": receiver,
        "audience": audience,
        "origins": kept,
        "application": application,
    }
    await audit.write(tx, by, "add_receiver", entry)
    return await named(tx, receiver), token


async def rotate(tx: Tx, keys: KeyRing, name: str, overlap: Instant, *, by: str) -> str:
    """A new token, returned once; the old one is good for ``overlap`` more.

    Raises:
        NotFound: no such receiver.
    """
    found, token = await named(tx, name), _token()
    await tx.run(
        update(_r)
        .where(_r.c.id == found.id)
        .values(old_hash=_r.c.hash, old_until=tx.now + overlap, hash=_hash(keys, token))
    )
    await audit.write(tx, by, "rotate_receiver", {"receiver": found.id, "until": tx.now + overlap})
    return token


async def remove(tx: Tx, name: str, *, by: str) -> Receiver:
    """Remove a receiver, and delete what was sent to it.

    Raises:
        NotFound: no such receiver.
    """
    found = await named(tx, name)
    await tx.run(delete(_r).where(_r.c.id == found.id))
    await audit.write(tx, by, "remove_receiver", {"receiver": found.id, "name": found.name})
    return found


async def named(tx: Tx, name: str) -> Receiver:
    """The receiver of a name or id. Raises ``NotFound``."""
    row = await tx.one(select(_r).where(or_(_r.c.name == name, _r.c.id == name)))
    if row is None:
        raise NotFound("no such receiver")
    return view(row)


async def listing(tx: Tx) -> list[Receiver]:
    """All of them, the oldest first."""
    return [view(row) for row in await tx.all(select(_r).order_by(_r.c.id))]


async def authorise(tx: Tx, keys: KeyRing, presented: str) -> Receiver:
    """The receiver whose token was presented. Raises ``NotSignedIn``."""
    hashed = _hash(keys, presented[:_LONGEST])
    old = (_r.c.old_hash == hashed) & (_r.c.old_until > tx.now)
    row = await tx.one(select(_r).where(or_(_r.c.hash == hashed, old)))
    if row is None:
        raise NotSignedIn("the receiver's token is not known")
    return view(row)


async def subject(tx: Tx, keys: KeyRing, receiver: Receiver, account: str) -> str | None:
    """A receiver's name for an account; None when it is not to hear of it.

    An application knows its users by its own names. One whose users are kept here hears of those
    who came to it, by the name that it was told. Accounts of ours have a name for each other
    receiver (pairwise, OpenID Connect Core section 8.1): two of them cannot find out by it that
    they know the same person.
    """
    whose = await accounts.whose(tx, account)
    if whose is None or whose.application not in {"", receiver.application}:
        return None
    if receiver.application and not whose.application:
        came = await signing_in.knows(tx, receiver.application, account)
        return account if came else None
    if receiver.application:
        return whose.subject
    return keys.pseudonym("sub", f"{receiver.id}\0{account}")


def view(row: RowMapping) -> Receiver:
    """A receiver out of its row."""
    return Receiver(
        row["id"],
        row["name"],
        row["audience"],
        tuple(row["origins"].split()),
        row["created_at"],
        row["application"],
    )


def _token() -> str:
    return f"mkr_{secrets.token_urlsafe(24)}"


def _hash(keys: KeyRing, token: str) -> str:
    return keys.lookup_hash("receiver token", token)

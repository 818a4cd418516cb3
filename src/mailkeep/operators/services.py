"""Console sessions: by an API key (with or without a passkey), or through an OpenID provider.

Security: a session is a row, so signing out ends it here, and a copied cookie with it. Permissions
are looked up from its key or its operator at each request: a role that was lowered is lower
everywhere, at once.
"""

from sqlalchemy import delete, func, insert, select, update

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.base.errors import NotAllowed, NotFound
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.mail.grants import Scope
from mailkeep.store.database import Tx

from . import people, tables
from .openid import LEEWAY, Left, Who
from .permissions import Role, role_of
from .types import OperatorSettings, OperatorView, Present, Way

IDLE = HOUR  #: a session at which nothing is done for so long is over (63B 2.2.3)
SCOPE = Scope.OPERATE  #: of the API keys that sign in here

_o, _s = tables.operators, tables.operator_sessions


async def enter_by_key(tx: Tx, key: str, until: Instant, account: str = "") -> str:
    """Start a session for an API key, until an instant.

    Args:
        account: of the passkey that was shown beside it.
    """
    words = {"account": account} if account else {}
    await audit.write(tx, key, "console.sign_in", {"by": "passkey" if account else "key", **words})
    if account:
        await people.show(tx, key, account)
    return await _enter(tx, until, key_id=key, account_id=account or None)


async def enter_by_word(
    tx: Tx, keys: KeyRing, settings: OperatorSettings, who: Who, until: Instant
) -> str:
    """Start a session for a person whom the OpenID provider named.

    What their groups say now holds for every session of theirs.

    Raises:
        NotAllowed: no group of theirs has a role. Their other sessions have ended: call
            ``shut_out`` in a transaction of its own, since this one is undone.
    """
    role = role_of(who.groups, settings.roles.groups())
    if role is None:
        raise NotAllowed("none of your groups may come to this console")
    of = _hash(keys, settings.issuer, who.subject)
    row = await tx.one(select(_o.c.id, _o.c.role).where(_o.c.who == of).with_for_update())
    said = {"name": who.name, "role": role.value, "last_at": tx.now}
    if row is None:
        operator = new_id("opr", tx.now)
        await tx.run(insert(_o).values(id=operator, who=of, first_at=tx.now, **said))
    else:
        operator = row["id"]
        await tx.run(update(_o).where(_o.c.id == operator).values(**said))
    before = None if row is None else row["role"]
    data = {"by": "openid", "role": role.value, "role_before": before}
    await audit.write(tx, operator, "console.sign_in", data)
    sid = _hash(keys, settings.issuer, f"sid {who.sid}") if who.sid else None
    return await _enter(tx, until, operator_id=operator, sid=sid)


async def shut_out(tx: Tx, keys: KeyRing, settings: OperatorSettings, subject: str) -> int:
    """End the sessions of somebody who has no role any more; returns how many ended."""
    of = _hash(keys, settings.issuer, subject)
    row = await tx.one(select(_o.c.id).where(_o.c.who == of).with_for_update())
    return 0 if row is None else await _end(tx, row["id"], by=row["id"], why="no role")


async def end(tx: Tx, operator: str, *, by: str) -> int:
    """Sign an operator out everywhere; returns how many sessions ended. They can sign in again as
    long as the OpenID provider lets them: to prevent that, first remove them from its groups.

    Raises:
        NotFound: there is no such operator.
    """
    row = await tx.one(select(_o.c.id).where(_o.c.id == operator).with_for_update())
    if row is None:
        raise NotFound("no such operator")
    return await _end(tx, operator, by=by, why="operator")


async def left(tx: Tx, keys: KeyRing, settings: OperatorSettings, told: Left) -> int:
    """The OpenID provider says that somebody signed out; returns how many sessions ended. Sessions
    that began after that stay, so a replayed token ends nothing."""
    begun = _s.c.began_at <= (told.at + LEEWAY) * SECOND
    which = [begun]
    if told.sid:
        which.append(_s.c.sid == _hash(keys, settings.issuer, f"sid {told.sid}"))
    if told.subject:
        of = _hash(keys, settings.issuer, told.subject)
        which.append(_s.c.operator_id.in_(select(_o.c.id).where(_o.c.who == of)))
    rows = await tx.all(select(_s.c.id, _s.c.operator_id).where(*which))
    if rows:
        await tx.run(delete(_s).where(_s.c.id.in_([row["id"] for row in rows])))
        by = rows[0]["operator_id"]
        await audit.write(tx, by, "console.ended", {"operator": by, "why": "provider"})
    return len(rows)


async def leave(tx: Tx, session: str) -> None:
    """End a session, wherever its cookie is."""
    await tx.run(delete(_s).where(_s.c.id == session))


async def seen(tx: Tx, session: str) -> None:
    """Note activity of a session, so that it does not count as idle."""
    await tx.run(update(_s).where(_s.c.id == session).values(seen_at=tx.now))


async def still(tx: Tx, session: str, network: str) -> Present | None:
    """Who signed in, while they may act from ``network`` (an address) and did something within
    ``IDLE``; else None."""
    last = func.coalesce(_s.c.seen_at, _s.c.began_at)
    row = await tx.one(
        select(_s.c.key_id, _s.c.account_id, last.label("seen_at"), _o.c.id, _o.c.name, _o.c.role)
        .select_from(_s.outerjoin(_o, _o.c.id == _s.c.operator_id))
        .where(_s.c.id == session, _s.c.until > tx.now, last > tx.now - IDLE)
    )
    if row is None:
        return None
    if row["key_id"] is not None:
        name = await api_keys.still_may(tx, row["key_id"], SCOPE, network)
        account = row["account_id"] or ""
        if name is None:
            return None
        return Present(row["key_id"], name, Role.ADMIN, Way.KEY, account, row["seen_at"])
    if row["role"] is None:
        return None
    role = Role(row["role"])
    return Present(row["id"], row["name"], role, Way.OPENID, seen_at=row["seen_at"])


async def listing(tx: Tx) -> list[OperatorView]:
    """Everybody whom a provider ever named, those who came last first."""
    live = (
        select(_s.c.operator_id, func.count().label("n"))
        .where(_s.c.until > tx.now, _s.c.operator_id.is_not(None))
        .group_by(_s.c.operator_id)
        .subquery()
    )
    query = select(_o, live.c.n).outerjoin(live, live.c.operator_id == _o.c.id)
    return [
        OperatorView(
            row["id"],
            row["name"],
            None if row["role"] is None else Role(row["role"]),
            row["first_at"],
            row["last_at"],
            row["n"] or 0,
        )
        for row in await tx.all(query.order_by(_o.c.last_at.desc(), _o.c.id))
    ]


async def older_sessions(tx: Tx, before: Instant) -> int:
    """How many sessions that began before an instant are still open."""
    older = (_s.c.began_at < before, _s.c.until > tx.now)
    return int(await tx.value(select(func.count()).select_from(_s).where(*older)) or 0)


async def names(tx: Tx) -> dict[str, str]:
    """What operators and API keys are called, by their ids: whoever acts."""
    found = await tx.all(select(_o.c.id, _o.c.name))
    return await mail.key_names(tx) | {row["id"]: row["name"] for row in found}


async def _end(tx: Tx, operator: str, *, by: str, why: str) -> int:
    if why == "no role":
        await tx.run(update(_o).where(_o.c.id == operator).values(role=None))
    ended = await tx.run(delete(_s).where(_s.c.operator_id == operator))
    data = {"operator": operator, "why": why, "ended": ended}
    await audit.write(tx, by, "console.ended", data)
    return ended


async def _enter(tx: Tx, until: Instant, **of: str | None) -> str:
    """A new session; those that are over are forgotten."""
    await tx.run(delete(_s).where(_s.c.until <= tx.now))
    session = new_id("ops", tx.now)
    await tx.run(insert(_s).values(id=session, began_at=tx.now, until=until, **of))
    return session


def _hash(keys: KeyRing, issuer: str, text: str) -> str:
    return keys.lookup_hash("operator", f"{issuer}\n{text}")

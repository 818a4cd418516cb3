"""Exports the whole installation in open formats, for those who leave Mailkeep.

JSON Lines, a file for each table, and some that combine what another system reads: accounts with
their password hashes, factors, suppressions, exposures, mail that waits. Hashes of secrets and data
sealed for this installation, bodies of secret mail among it, stay out: they are useless elsewhere.

Security: it is all the personal data of the installation in clear, for the server's own shell only,
and is recorded in the audit chain. Keys are no part of it.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, case, func, or_, select, tuple_
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import importing
from mailkeep.accounts import tables as accounts
from mailkeep.accounts.factors import totp
from mailkeep.base.clock import iso
from mailkeep.base.keys import KeyRing
from mailkeep.mail import bodies
from mailkeep.mail import tables as mail
from mailkeep.mail.types import Content, Status
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Database, Tx
from mailkeep.store.personal import Form
from mailkeep.store.schema import metadata

from .catalogue import CATALOGUE
from .export import is_instant

FORMAT = "mailkeep-house/1"
BATCH = 1000
_HIDDEN = frozenset({Form.SEALED, Form.HASHED})
#: Hashes of secrets that are about nobody, and so no form of personal data.
_OF_SECRETS: Mapping[str, frozenset[str]] = {
    "api_keys": frozenset({"hash"}),
    "applications": frozenset({"secret"}),
    "canaries": frozenset({"address_hash", "marker_hash"}),
    "confirmations": frozenset({"handle"}),
    "recovery_decoys": frozenset({"lookup"}),
    "signal_receivers": frozenset({"hash", "old_hash"}),
}

Row = dict[str, Any]
Rows = AsyncIterator[Row]
Source = Callable[[Database], Rows]


def files(keys: KeyRing, *, secrets: bool) -> dict[str, Source]:
    """What is written, by the name of its file.

    Args:
        keys: open the secrets of authenticator apps, where ``secrets``.
    """
    out: dict[str, Source] = {
        "accounts.jsonl": _accounts,
        "factors.jsonl": lambda database: _factors(database, keys, secrets=secrets),
        "suppressions.jsonl": _suppressions,
        "exposures.jsonl": _exposures,
        "waiting.jsonl": _waiting,
    }
    for name in CATALOGUE:
        out[f"tables/{name}.jsonl"] = _table(name)
    return out


def _table(name: str) -> Source:
    table = metadata.tables[name]
    hidden = _OF_SECRETS.get(name, frozenset()) | {
        column for column, form in CATALOGUE[name].columns().items() if form in _HIDDEN
    }

    async def rows(database: Database) -> Rows:
        async for row in _all(database, table):
            if name == "message_bodies" and row["hour"] is not None:
                continue  # a secret one, sealed for this house
            out = {
                column: _plain(column, value)
                for column, value in row.items()
                if column not in hidden
            }
            if name == "events":
                out["data"] = json.loads(row["data"])
            yield out

    return rows


async def _all(database: Database, table: Table) -> AsyncIterator[RowMapping]:
    """Every row, in the order of its key."""
    async for piece in _pieces(database, table):
        for row in piece:
            yield row


async def _pieces(database: Database, table: Table) -> AsyncIterator[list[RowMapping]]:
    """The same, as many rows at a time as are read together: no reader holds the database long."""
    key = list(table.primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        query = select(table).order_by(*key).limit(BATCH)
        if last is not None:
            given = [bindparam(None, one, c.type) for one, c in zip(last, key, strict=True)]
            query = query.where(tuple_(*key) > tuple_(*given))
        async with database.read() as tx:
            found = await tx.all(query)
        yield found
        if len(found) < BATCH:
            return
        last = tuple(found[-1][column.name] for column in key)


async def _accounts(database: Database) -> Rows:
    after = ""
    while True:
        async with database.read() as tx:
            found = await importing.exported(tx, after, BATCH)
        for one in found:
            yield one
        if len(found) < BATCH:
            return
        after = str(found[-1]["id"])


async def _factors(database: Database, keys: KeyRing, *, secrets: bool) -> Rows:
    """Passkeys are of the domain that they were made for: who keeps it takes them along whole."""
    p, t = accounts.passkeys, accounts.totp_factors
    async for piece in _pieces(database, accounts.factors):
        found = {row["id"]: row for row in piece if row["revoked_at"] is None}
        async with database.read() as tx:
            made = await tx.all(select(p).where(p.c.factor_id.in_(found)))
            confirmed = (t.c.id.in_(found), t.c.confirmed_at.is_not(None))
            apps = {row["id"]: row for row in await tx.all(select(t).where(*confirmed))}
        passkeys = {row["factor_id"]: row for row in made}
        for factor, row in found.items():
            out: Row = {
                "id": factor,
                "account": row["account_id"],
                "kind": row["kind"],
                "name": row["name"],
                "bound_at": iso(row["bound_at"]),
            }
            if (passkey := passkeys.get(factor)) is not None:
                out |= {
                    "credential": _base64url(passkey["credential"]),
                    "public_key": _base64url(passkey["public_key"]),
                    "sign_count": passkey["sign_count"],
                    "transports": passkey["transports"],
                    "synced": bool(passkey["synced"]),
                }
            if (app := apps.get(factor)) is not None and secrets:
                secret = totp.taken_along(keys, factor, bytes(app["sealed"]))
                out |= {"secret": secret, "period": 30, "digits": 6, "algorithm": "SHA1"}
            yield out


async def _suppressions(database: Database) -> Rows:
    """Addresses of which a provider reported bounces or complaints; the newest report each.
    ``believed``: False where the provider fell, and all that it said may have been a thief's."""
    c, known = mail.claims.c, mail.addresses.c
    against = c.event.in_(["bounced", "complained", "suppressed"])
    async with database.read() as tx:
        rows = await tx.tuples(
            select(
                *(c.address_id, known.address, c.provider, c.event, func.max(c.received_at)),
                func.max(case((bodies.believed(), 1), else_=0)),
            )
            .join(mail.addresses, known.id == c.address_id)
            .where(against)
            .group_by(c.address_id, known.address, c.provider, c.event)
            .order_by(known.address, c.provider, c.event)
        )
    for address_id, address, provider, event, at, believed in rows:
        yield {
            "address": address,
            "address_id": address_id,
            "provider": provider,
            "event": event,
            "at": iso(at),
            "believed": bool(believed),
        }


async def _exposures(database: Database) -> Rows:
    """Who was ever given which address, with the address where it is still known."""
    known = mail.addresses.c
    async for piece in _pieces(database, mail.exposures):
        ids = {row["address_id"] for row in piece}
        async with database.read() as tx:
            rows = await tx.all(select(known.id, known.address).where(known.id.in_(ids)))
        addresses = {row["id"]: row["address"] for row in rows}
        for row in piece:
            yield {
                "address": addresses.get(row["address_id"]),
                "address_id": row["address_id"],
                "provider": row["provider"],
                "stream": row["stream"],
                "first_at": iso(row["first_at"]),
                "last_at": iso(row["last_at"]),
                "count": row["count"],
            }


async def _waiting(database: Database) -> Rows:
    """Mail that has not left, whole, so that it can be sent another way; without secrets: whoever
    asked for one asks again."""
    m, b, a = mail.messages, mail.message_bodies, mail.attempts

    async def unsure(tx: Tx, ids: list[str]) -> dict[str, str]:
        """Who may have a mail, as their answer was lost, or is not there yet."""
        lost = or_(a.c.outcome.is_(None), a.c.outcome == OutcomeKind.AMBIGUOUS.value)
        rows = await tx.all(
            select(a.c.message_id, a.c.provider)
            .where(a.c.message_id.in_(ids), lost)
            .order_by(a.c.started_at)
        )
        return {row["message_id"]: row["provider"] for row in rows}

    async def whole_bodies(tx: Tx, ids: list[str]) -> dict[str, bytes]:
        rows = await tx.all(select(b).where(b.c.message_id.in_(ids), b.c.hour.is_(None)))
        return {row["message_id"]: bytes(row["data"]) for row in rows}

    after = ""
    while True:
        async with database.read() as tx:
            found = await tx.all(
                select(m)
                .where(
                    m.c.id > after,
                    m.c.status.in_([Status.QUEUED.value, Status.SENDING.value]),
                    ~m.c.secret,
                    ~m.c.ours,
                )
                .order_by(m.c.id)
                .limit(BATCH)
            )
            ids = [row["id"] for row in found]
            kept, may_have = await whole_bodies(tx, ids), await unsure(tx, ids)
        for row in found:
            if row["id"] not in kept:
                continue
            yield {
                "id": row["id"],
                "stream": row["stream"],
                "status": row["status"],
                "not_before": iso(row["next_at"]),
                "expires_at": iso(row["expires_at"]),
                "may_have": row["provider"]
                if row["status"] == Status.SENDING.value
                else may_have.get(row["id"]),
                "content": msgspec.to_builtins(msgspec.json.decode(kept[row["id"]], type=Content)),
            }
        if len(found) < BATCH:
            return
        after = found[-1]["id"]


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _plain(column: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return _base64url(value)
    if isinstance(value, int) and not isinstance(value, bool) and is_instant(column, value):
        return iso(value)
    return value

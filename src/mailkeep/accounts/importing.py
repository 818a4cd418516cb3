"""Imports accounts from another system, and exports ours.

A line is an account: imported whole, or not at all. A line whose address exists already is skipped,
so an import that was stopped can simply be run again. Nobody becomes an operator by a file.

Security: reads a file of addresses and password hashes; neither is repeated in an error, which
names the line by its number.
"""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

import msgspec
from sqlalchemy import insert, select

from mailkeep.base import addresses
from mailkeep.base.clock import SECOND, Instant, iso
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import foreign, queries, tables
from .classes import CUSTOMER, OPERATOR, Classes
from .events import AccountImported
from .foreign import Foreign
from .hashing import SlowHash
from .passwords import NO_HASH
from .types import MOST_ADDRESSES, ContactKind

_a, _c, _p = tables.accounts, tables.contact_points, tables.passwords

_FIELDS = frozenset({"address", "confirmed", "addresses", "password", "class", "created_at"})
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no", ""})


class Line(msgspec.Struct, frozen=True):
    """An account of a file.

    Attributes:
        addresses: the confirmed ones.
        password: None: the owner sets one by a reset.
        created_at: when the other system made it.
    """

    number: int
    addresses: tuple[str, ...]
    password: Foreign | None
    account_class: str = CUSTOMER
    created_at: Instant | None = None

    def __repr__(self) -> str:
        return f"Line({self.number})"


class Bad(msgspec.Struct, frozen=True):
    """A line that cannot be taken, and why."""

    number: int
    why: str


def rows(file: TextIO, *, is_csv: bool) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """The lines of a file as (number, fields); None for one that is not to be read (pure)."""
    if is_csv:
        reader = csv.DictReader(file)
        for row in reader:
            whole = None not in row and None not in row.values()
            yield reader.line_num, dict(row) if whole else None
        return
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        yield number, found if isinstance(found, dict) else None


def read(number: int, fields: dict[str, Any] | None, classes: Classes) -> Line | Bad:
    """An account of one line (pure).

    Fields: ``address`` and ``confirmed``, or ``addresses``, a list of such; ``password``, a hash;
    ``class``; ``created_at``, ISO 8601. Only an address of which the line says that it was
    confirmed is taken over: what nobody has shown to hold proves nothing here either.
    """
    if fields is None:
        return Bad(number, "not a line of this form")
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:  # not named: of a file without a header it is somebody's address
        return Bad(number, f"a field that is not known{nearest(unknown[0], _FIELDS)}")
    try:
        name = str(fields.get("class") or CUSTOMER)
        if name not in classes:
            return Bad(number, f"a class that is not known{nearest(name, classes.names)}")
        if name == OPERATOR:
            return Bad(number, "operators are made with `mailkeep operators add`")
        confirmed = _addresses(fields)
        text = fields.get("password")
        if text is not None and not isinstance(text, str):
            return Bad(number, "password: not a password hash")
        password = foreign.read(text) if text else None
        return Line(number, confirmed, password, name, _instant(fields.get("created_at")))
    except Invalid as error:
        return Bad(number, f"{error.field}: {error}" if error.field else str(error))


def _addresses(fields: dict[str, Any]) -> tuple[str, ...]:
    listed = fields.get("addresses")
    if listed is None:
        listed = [{"address": fields.get("address"), "confirmed": fields.get("confirmed")}]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_ADDRESSES:
        raise Invalid(f"1 to {MOST_ADDRESSES} of them", field="addresses")
    out: dict[str, str] = {}
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("address"), str):
            raise Invalid("not a mail address", field="address")
        address = addresses.parse(one["address"])
        if _true(one.get("confirmed")):
            out[addresses.key(address)] = address
    if not out:
        raise Invalid("none is confirmed: its owner signs up anew", field="confirmed")
    return tuple(out.values())


def _true(value: object) -> bool:
    word = str(value if value is not None else "").strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid("say true or false", field="confirmed")


def _instant(text: object) -> Instant | None:
    if text in {None, ""}:
        return None
    try:
        at = datetime.fromisoformat(str(text))
        if at.tzinfo is None:
            raise ValueError
        return round(at.timestamp() * SECOND)
    except (ValueError, OverflowError) as error:
        raise Invalid("say it as 2026-08-08T12:00:00Z", field="created_at") from error


class Importing:
    """Takes accounts over.

    Args:
        database: where they go.
        keys: name their addresses.
        slow: puts their hashes under ours.
    """

    def __init__(self, database: Database, keys: KeyRing, slow: SlowHash) -> None:
        self._database = database
        self._keys = keys
        self._slow = slow

    async def take(self, line: Line) -> str | Bad | None:
        """Take one account over; returns it. None: it is there already. One whose addresses belong
        to several accounts, or to another one in part, is bad."""
        keyed = {self._key(one): one for one in line.addresses}
        async with self._database.read() as tx:
            there = await self._there(tx, line, keyed)
        if there is not None:
            return there if isinstance(there, Bad) else None
        kept = NO_HASH if line.password is None else await self._slow.wrap(line.password)
        return await self._database.retrying(lambda tx: self._write(tx, line, keyed, kept))

    async def _there(self, tx: Tx, line: Line, keyed: dict[str, str]) -> str | Bad | None:
        """The account that has these addresses; None when nobody has any."""
        found = [await queries.by_address(tx, key) for key in keyed]
        owners = {one.account for one in found if one is not None}
        if not owners:
            return None
        if len(owners) > 1 or None in found:
            return Bad(line.number, "some of its addresses belong to another account")
        return owners.pop()

    async def _write(
        self, tx: Tx, line: Line, keyed: dict[str, str], kept: str
    ) -> str | Bad | None:
        there = await self._there(tx, line, keyed)
        if there is not None:
            return there if isinstance(there, Bad) else None
        account = new_id("acc", tx.now)
        await tx.run(
            insert(_a).values(
                {
                    "id": account,
                    "class": line.account_class,
                    "class_since": tx.now,
                    "created_at": min(line.created_at or tx.now, tx.now),
                }
            )
        )
        for key, address in keyed.items():
            await tx.run(
                insert(_c).values(
                    id=new_id("cpt", tx.now),
                    account_id=account,
                    address_key=key,
                    address=address,
                    created_at=tx.now,
                    confirmed_at=tx.now,
                )
            )
        imported = None if line.password is None else tx.now
        await tx.run(
            insert(_p).values(account_id=account, hash=kept, set_at=tx.now, imported_at=imported)
        )
        fact = AccountImported(
            account=account, addresses=tuple(keyed), account_class=line.account_class
        )
        await record(self._database, tx, fact)
        return account

    def _key(self, address: str) -> str:
        return self._keys.pseudonym("address", addresses.key(address))


async def exported(tx: Tx, after: str, limit: int) -> list[dict[str, object]]:
    """Accounts with a confirmed address, in the order of their ids, after one of them."""
    wanted = select(_a).where(_a.c.id > after, _a.c.erased_at.is_(None))
    found = await tx.all(wanted.order_by(_a.c.id).limit(limit))
    ids = [row["id"] for row in found]
    hashes = {
        row["account_id"]: row["hash"]
        for row in await tx.all(select(_p).where(_p.c.account_id.in_(ids)))
    }
    points: dict[str, list[dict[str, object]]] = {}
    of = select(_c).where(_c.c.account_id.in_(ids), _c.c.kind == ContactKind.MAIL.value)
    for row in await tx.all(of.order_by(_c.c.id)):
        confirmed = row["confirmed_at"] is not None
        one = {"address": row["address"], "confirmed": confirmed}
        points.setdefault(row["account_id"], []).append(one)
    return [
        {
            "id": row["id"],
            "class": row["class"],
            "created_at": iso(row["created_at"]),
            "addresses": points.get(row["id"], []),
            "password": hash_document(hashes.get(row["id"])),
        }
        for row in found
    ]


def hash_document(kept: str | None) -> dict[str, str] | None:
    """How a password is kept, for who checks it elsewhere (pure); None where none opens the
    account. The key that it takes, ``pepper.key``, is not part of it."""
    if kept is None or kept == NO_HASH:
        return None
    if foreign.is_foreign(kept):
        how, ours = foreign.split(kept)
        return {"argon2id": ours, "over": "imported password", "of": how}
    return {"argon2id": kept, "over": "password"}

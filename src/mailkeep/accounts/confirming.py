"""Confirms e-mail addresses by a mailed code that works only in the browser that asked for it.

With the code alone a stranger could sign up in somebody's name, choose the password, and have the
owner confirm the account for them. So the handle that the asking browser keeps is needed as well. A
handle and a code are made whether or not the address is taken, so that the time of the answer does
not tell.

Strangers who come from many networks can have somebody mailed as often as an address may be, and
who is not mailed confirms nothing. So beyond that an hour has one code for the address, mailed
once, and good in every browser that types the address within that hour: the owner's as well.
"""

import enum

import msgspec
from sqlalchemy import insert, select, update

from mailkeep.base import tokens
from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.store.database import Database, Tx

from . import language, queries, tables, throttle
from .hashing import SlowHash
from .types import SignUp

_c, _p = tables.confirmations, tables.contact_points

CODE_LIFE = 10 * MINUTE
CODE_TRIES = 5  #: guesses at one code
OF_NETWORK = 30  #: mails in a window that one network asks for
TO_ADDRESS = 5  #: mails to one address in a day, asked for from one network
TO_ADDRESS_IN_ALL = 50  #: the same from everywhere; beyond them one an hour for each use


class Use(enum.StrEnum):
    """What a code is for; that of an hour is good for one of them only."""

    SIGN_UP = "sign_up"  #: to open an account
    ADD = "add"  #: to add an address to an account


class Share(enum.Enum):
    """What is left of the mails to an address for who asks."""

    MAIL = "mail"  #: one is sent
    OUT = "out"  #: none: the code of this hour was mailed already, and is good here too
    NONE = "none"  #: none, and nothing is opened: this network has had its own


class Minted(msgspec.Struct, frozen=True):
    """A handle and a code, made before the transaction: a slow hash must not hold up writers.

    Attributes:
        kept: the slow hash of the code.
        hour: of which it is the code, where an address has had its mails; else None.
    """

    handle: str
    code: str
    kept: str
    hour: Instant | None = None

    def __repr__(self) -> str:
        return "Minted(…)"


class Confirming:
    """The confirmations of all addresses.

    Args:
        database: where they are kept.
        keys: hash the handles.
        slow: hashes the codes.
    """

    def __init__(self, database: Database, keys: KeyRing, slow: SlowHash) -> None:
        self._database = database
        self._keys = keys
        self._slow = slow

    async def mint(self, address_key: str, network: str, use: Use) -> Minted:
        """A fresh pair for an address, for who asks from a network. Raises ``Unavailable``."""
        async with self._database.read() as tx:
            limit = TO_ADDRESS_IN_ALL
            over = await throttle.spent(tx, address_key, "sign_up", limit=limit, window=DAY)
            hour = tx.now // HOUR if over else None
        code = tokens.code() if hour is None else self._of_hour(address_key, use, hour)
        kept = await self._slow.make("confirmation", code, of=network)
        return Minted(tokens.link_secret(), code, kept, hour)

    async def share(
        self, tx: Tx, minted: Minted, address_key: str, network: str, use: Use
    ) -> Share:
        """Take one mail to an address, asked for from a network, from what is left for both. A
        network that uses up its own share takes nothing from what all have together, and so keeps
        nobody elsewhere from confirming theirs."""
        mine = (
            (network, "sign_up", OF_NETWORK, throttle.WINDOW),
            (address_key, f"sign_up {network}", TO_ADDRESS, DAY),
        )
        for of, lane, limit, window in mine:
            if not await throttle.take(tx, of, lane, limit=limit, window=window):
                return Share.NONE
        if await throttle.take(tx, address_key, "sign_up", limit=TO_ADDRESS_IN_ALL, window=DAY):
            return Share.MAIL
        if minted.hour is None:  # others were quicker: who asks once more gets that of the hour
            return Share.NONE
        lane = f"{use} {minted.hour}"
        first = await throttle.take(tx, address_key, lane, limit=1, window=DAY)
        return Share.MAIL if first else Share.OUT

    async def open(self, tx: Tx, minted: Minted, point: str | None, share: Share) -> None:
        """Have a pair confirm a contact point; None when its address is taken. Where nothing was
        left for who asks, it is over at once: else only that of an address which is taken could
        have its mail sent again, and would tell."""
        await tx.run(
            insert(_c).values(
                id=new_id("cnf", tx.now),
                handle=self._hash(minted.handle),
                contact_point_id=point,
                code=minted.kept,
                expires_at=tx.now + CODE_LIFE,
                tries=0,
                used_at=tx.now if share is Share.NONE else None,
            )
        )

    async def again(self, handle: str, address: str, address_key: str, network: str) -> SignUp:
        """Have the mail of a sign-up sent once more, with a fresh code, when there is a share left
        for it; the code before is good no more then, and what was guessed at it is forgotten. The
        answer, and the work, are the same for every address.

        Args:
            handle: that the browser holds.
            address: that this browser typed for this handle, checked, and ``address_key`` its
                pseudonym. Of an address that is taken only the caller can know that: see that the
                two belong together, or who mixes them learns who has an account.
        """
        minted = await self.mint(address_key, network, Use.SIGN_UP)
        hashed = self._hash(handle)
        async with self._database.write() as tx:
            row = await tx.one(
                select(_c.c.id, _c.c.contact_point_id, _p.c.address_key, _p.c.account_id)
                .outerjoin(_p, _p.c.id == _c.c.contact_point_id)
                .where(_c.c.handle == hashed, _c.c.used_at.is_(None))
            )
            owner = await queries.by_address(tx, address_key)
            taken = owner is not None
            asked = "" if row is None else row["account_id"] or ""
            reads = await language.locale(tx, asked if owner is None else owner.account)
            # A handle and an address of two different visits are nobody's sign-up.
            mine = row is not None and (taken or row["address_key"] == address_key)
            share = Share.NONE
            if mine:  # else a handle of nobody's would use up a mail that is never sent
                share = await self.share(tx, minted, address_key, network, Use.SIGN_UP)
            if row is None or share is Share.NONE:
                return SignUp(handle, address, None, taken, mail=False)
            await tx.run(update(_c).where(_c.c.id == row["id"]).values(used_at=tx.now))
            await self.open(tx, minted, None if taken else row["contact_point_id"], share)
        mail = share is Share.MAIL
        code = Secret(minted.code) if mail and not taken else None
        return SignUp(minted.handle, address, code, taken, mail, locale=reads)

    async def check(self, handle: str, code: str, network: str) -> tuple[str, str] | None:
        """(confirmation, contact point) when the pair is right, for who types it from a network;
        takes a try, uses nothing up. Handles are anybody's, without end. Raises ``Unavailable``."""
        hashed = self._hash(handle)
        async with self._database.write() as tx:
            open_still = (
                _c.c.handle == hashed,
                _c.c.used_at.is_(None),
                _c.c.expires_at > tx.now,
                _c.c.tries < CODE_TRIES,
            )
            taken = await tx.run(update(_c).where(*open_still).values(tries=_c.c.tries + 1))
            row = await tx.one(select(_c).where(_c.c.handle == hashed)) if taken else None
        if row is None:  # a handle that is good no more says nothing of any address: nothing slow
            return None
        typed = tokens.fold(code)
        right = await self._slow.check("confirmation", typed, row["code"], of=network)
        if not right or row["contact_point_id"] is None:
            return None
        return row["id"], row["contact_point_id"]

    async def settle(self, tx: Tx, confirmation: str, point: str) -> str | None:
        """Confirm a contact point, once; returns its new id.

        None when the pair was used, expired, or another account was quicker: two browsers may
        confirm one address at once, and the index lets one of them win.
        """
        used = await tx.run(
            update(_c)
            .where(_c.c.id == confirmation, _c.c.used_at.is_(None), _c.c.expires_at > tx.now)
            .values(used_at=tx.now)
        )
        row = await tx.one(select(_p).where(_p.c.id == point))
        if not used or row is None:
            return None
        confirmed = new_id("cpt", tx.now)
        winner = (
            tx.upsert(_p)
            .values({**row, "id": confirmed, "confirmed_at": tx.now})
            .on_conflict_do_nothing()
        )
        if await tx.run(winner) != 1:
            return None
        await tx.run(_p.delete().where(_p.c.id == point))
        return confirmed

    def _of_hour(self, address_key: str, use: Use, hour: Instant) -> str:
        return tokens.code_of(self._keys.pepper("code of an hour", f"{use} {hour} {address_key}"))

    def _hash(self, handle: str) -> str:
        return self._keys.lookup_hash("confirmation", tokens.fold(handle))

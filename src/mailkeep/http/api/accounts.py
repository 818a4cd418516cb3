"""``/v1/accounts``: operators look up accounts and act on them; nothing personal is shown.

An account is opened first, with a reason, audited and rate-limited, as at the console
(``accounts.opening``); that is good for a quarter of an hour.

Security: every call needs a key with the scope ``operate``, and changes are in the audit chain. No
answer has an address; to look one up, it is sent in a body, never in a path. A thief of such a key
neither tries a list of addresses for who is a customer, nor signs everybody out, unseen.
"""

from typing import Annotated

import msgspec
from litestar import Controller, get, post, put

from mailkeep.accounts import administration, opening, queries
from mailkeep.accounts.administration import Described
from mailkeep.accounts.types import SessionView
from mailkeep.base import addresses
from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotFound
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Tx

from . import strict_json


class AccountOut(msgspec.Struct):
    """An account. ``addresses``: how many are confirmed. ``factor``: a second factor is bound."""

    id: str
    account_class: str = msgspec.field(name="class")
    created_at: str
    frozen_until: str | None
    addresses: int
    factor: bool
    password_set_at: str | None


class AccountSessionOut(msgspec.Struct):
    """A session. ``browser``, ``network``: pseudonyms, the same for the same one."""

    id: str
    created_at: str
    last_used_at: str
    browser: str
    network: str


class AccountSessionsOut(msgspec.Struct):
    sessions: list[AccountSessionOut]


Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class AccountSearchIn(msgspec.Struct, forbid_unknown_fields=True):
    """A confirmed address of the account, and why it is opened."""

    address: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    reason: Reason


class AccountOpenIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is opened."""

    reason: Reason


class ClassIn(msgspec.Struct, forbid_unknown_fields=True):
    """One of ``[accounts.class.<name>]``, or one that comes with Mailkeep."""

    account_class: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] = msgspec.field(
        name="class"
    )


class EndIn(msgspec.Struct, forbid_unknown_fields=True):
    """The session to end; null: all of them."""

    session: str | None


class EndedOut(msgspec.Struct):
    ended: int


class AccountsApi(Controller):
    """All of it needs a key with the scope ``operate``, and an account that this key has opened."""

    path = "/v1/accounts"
    tags = ("accounts",)

    @post("/search", status_code=200, summary="Open the account that has an address, and say why")
    async def search(self, request: Incoming, running: Running) -> AccountOut:
        """Audited before it is shown, found or not. 429 beyond the limit for an hour."""
        await admit(request, running, Permission.ACCOUNTS_SEE)
        wanted = strict_json.decode(await strict_json.body(request), AccountSearchIn)
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id
        key = running.accounts.address_key(addresses.parse(wanted.address))

        async def work(tx: Tx) -> AccountOut | None:
            try:
                found = await administration.find(tx, key)
            except NotFound:
                await opening.open_(tx, opening.ACCOUNT, "", by=by, reason=wanted.reason)
                return None
            return await _opened(tx, found, by, wanted.reason)

        shown_now = await running.database.retrying(work)
        if shown_now is None:  # what was looked for is in the chain all the same
            raise NotFound("no account has that address")
        return shown_now

    @post("/{account:str}/open", status_code=200, summary="Open an account, and say why")
    async def open(self, request: Incoming, running: Running, account: str) -> AccountOut:
        """Audited before it is shown. 429 beyond the limit for an hour."""
        await admit(request, running, Permission.ACCOUNTS_SEE)
        wanted = strict_json.decode(await strict_json.body(request), AccountOpenIn)
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id

        async def work(tx: Tx) -> AccountOut:
            found = await administration.describe(tx, account)
            return await _opened(tx, found, by, wanted.reason)

        return await running.database.retrying(work)

    @get("/{account:str}", summary="One account")
    async def show(self, request: Incoming, running: Running, account: str) -> AccountOut:
        """403 where this key has not opened it a short while ago."""
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id
        async with running.database.read() as tx:
            found = await administration.describe(tx, account)
            await opening.require(tx, opening.ACCOUNT, account, by=by)
        return shown(found)

    @put("/{account:str}/class", summary="Give an account another class")
    async def set_class(self, request: Incoming, running: Running, account: str) -> AccountOut:
        """Its sessions end. 403 for the class of operators, and for their accounts: who is an
        operator is decided at the command line only; and where this key has not opened it."""
        await admit(request, running, Permission.ACCOUNTS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), ClassIn).account_class
        by = (await authorise(request, running, Permission.ACCOUNTS_CHANGE)).id
        rooms = running.accounts.administration

        async def work(tx: Tx) -> AccountOut:
            await queries.account(tx, account)
            await opening.require(tx, opening.ACCOUNT, account, by=by)
            await rooms.set_class(tx, account, wanted, by=by)
            return shown(await administration.describe(tx, account))

        return await running.database.retrying(work)

    @get("/{account:str}/sessions", summary="Who is signed in to an account")
    async def sessions(
        self, request: Incoming, running: Running, account: str
    ) -> AccountSessionsOut:
        """403 where this key has not opened it a short while ago."""
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id
        async with running.database.read() as tx:
            await queries.account(tx, account)
            await opening.require(tx, opening.ACCOUNT, account, by=by)
            found = await running.accounts.sessions.of(tx, account)
        return AccountSessionsOut([session(one) for one in found])

    @post("/{account:str}/sessions/end", status_code=200, summary="End sessions of an account")
    async def end(self, request: Incoming, running: Running, account: str) -> EndedOut:
        """403 where this key has not opened it a short while ago."""
        await admit(request, running, Permission.ACCOUNTS_END)
        wanted = strict_json.decode(await strict_json.body(request), EndIn).session
        by = (await authorise(request, running, Permission.ACCOUNTS_END)).id
        rooms = running.accounts.administration

        async def work(tx: Tx) -> int:
            await queries.account(tx, account)
            await opening.require(tx, opening.ACCOUNT, account, by=by)
            return await rooms.end_sessions(tx, account, wanted, by=by)

        return EndedOut(await running.database.retrying(work))


async def _opened(tx: Tx, found: Described, by: str, reason: str) -> AccountOut:
    """An account, once it is written down who opens it and why."""
    await opening.open_(tx, opening.ACCOUNT, found.account.id, by=by, reason=reason)
    return shown(found)


def shown(one: Described) -> AccountOut:
    """An account as the API and the command line write it."""
    return AccountOut(
        one.account.id,
        one.account.account_class,
        iso(one.account.created_at),
        when(one.account.frozen_until),
        one.addresses,
        one.factor,
        when(one.password_set_at or None),
    )


def session(one: SessionView) -> AccountSessionOut:
    """A session as the API and the command line write it."""
    return AccountSessionOut(
        one.id, iso(one.created_at), iso(one.seen_at), one.browser, one.network
    )

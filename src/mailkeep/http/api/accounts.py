"""``/v1/accounts``: operators look up accounts and act on them; nothing personal is shown.

Security: every call needs a key with the scope ``operate``, and changes are in the audit chain. No
answer has an address; to look one up, it is sent in a body, never in a path.
"""

from typing import Annotated

import msgspec
from litestar import Controller, get, post, put

from mailkeep.accounts import administration, queries
from mailkeep.accounts.administration import Described
from mailkeep.accounts.types import SessionView
from mailkeep.base import addresses
from mailkeep.base.clock import iso, when
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission

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


class AccountSearchIn(msgspec.Struct, forbid_unknown_fields=True):
    """A confirmed address of the account."""

    address: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]


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
    """All of it needs a key with the scope ``operate``."""

    path = "/v1/accounts"
    tags = ("accounts",)

    @post("/search", status_code=200, summary="Find the account that has an address")
    async def search(self, request: Incoming, running: Running) -> AccountOut:
        await admit(request, running, Permission.ACCOUNTS_SEE)
        wanted = strict_json.decode(await strict_json.body(request), AccountSearchIn)
        await authorise(request, running, Permission.ACCOUNTS_SEE)
        key = running.accounts.address_key(addresses.parse(wanted.address))
        async with running.database.read() as tx:
            return shown(await administration.find(tx, key))

    @get("/{account:str}", summary="One account")
    async def show(self, request: Incoming, running: Running, account: str) -> AccountOut:
        await authorise(request, running, Permission.ACCOUNTS_SEE)
        async with running.database.read() as tx:
            return shown(await administration.describe(tx, account))

    @put("/{account:str}/class", summary="Give an account another class")
    async def set_class(self, request: Incoming, running: Running, account: str) -> AccountOut:
        """Its sessions end. 403 for the class of operators, and for their accounts: who is an
        operator is decided at the command line only."""
        await admit(request, running, Permission.ACCOUNTS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), ClassIn).account_class
        by = (await authorise(request, running, Permission.ACCOUNTS_CHANGE)).id
        rooms = running.accounts.administration
        await running.database.retrying(lambda tx: rooms.set_class(tx, account, wanted, by=by))
        async with running.database.read() as tx:
            return shown(await administration.describe(tx, account))

    @get("/{account:str}/sessions", summary="Who is signed in to an account")
    async def sessions(
        self, request: Incoming, running: Running, account: str
    ) -> AccountSessionsOut:
        await authorise(request, running, Permission.ACCOUNTS_SEE)
        async with running.database.read() as tx:
            await queries.account(tx, account)
            found = await running.accounts.sessions.of(tx, account)
        return AccountSessionsOut([session(one) for one in found])

    @post("/{account:str}/sessions/end", status_code=200, summary="End sessions of an account")
    async def end(self, request: Incoming, running: Running, account: str) -> EndedOut:
        await admit(request, running, Permission.ACCOUNTS_END)
        wanted = strict_json.decode(await strict_json.body(request), EndIn).session
        by = (await authorise(request, running, Permission.ACCOUNTS_END)).id
        rooms = running.accounts.administration
        ended = await running.database.retrying(
            lambda tx: rooms.end_sessions(tx, account, wanted, by=by)
        )
        return EndedOut(ended)


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

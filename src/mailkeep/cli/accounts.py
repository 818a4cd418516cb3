"""``mailkeep accounts`` and ``mailkeep operators``: look accounts up, set their class, end
sessions.

Security: prints no address. One that an operator types is turned into its pseudonym.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from mailkeep.accounts import administration
from mailkeep.accounts.administration import Administration, Described, describe
from mailkeep.accounts.classes import CUSTOMER, OPERATOR, Classes
from mailkeep.accounts.sessions import Sessions, live
from mailkeep.base import addresses
from mailkeep.base.clock import SystemClock, iso, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.ids import is_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.store.database import Database, Tx

from . import house, moving
from .house import DEFAULT_HOME, Home
from .output import Json, group, plain, result, table

T = TypeVar("T")

app = group("Accounts: looked at, given a class, signed out.")
app.command("import")(moving.take)
app.command("export")(moving.give)
operators_app = group("Operators: the accounts of those who run this Mailkeep.")

Account = Annotated[str, typer.Argument(help="Its id, or an address that it has confirmed.")]


@app.command()
def show(account: Account, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say what is known of an account: nothing personal."""
    found = house.read(home, lambda tx: account_of(tx, home, account))
    result(_document(found), _line(found), as_json=as_json)


@app.command("class")
def set_class(
    account: Account,
    name: Annotated[str, typer.Argument(help="The class, as customer, staff or high-value.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Give an account another class; its sessions end."""
    classes = _classes(home)
    if name not in classes:
        raise BadSettings(f"no class {name!r}{nearest(name, set(classes.names))}")

    async def work(rooms: Administration, tx: Tx) -> Described:
        found = (await account_of(tx, home, account)).account.id
        await rooms.set_class(tx, found, name, by=house.operator())
        return await describe(tx, found)

    found = _write(home, work)
    result(_document(found), _line(found), as_json=as_json)


@app.command()
def sessions(account: Account, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List who is signed in to an account."""

    classes = _classes(home)

    async def work(tx: Tx) -> list[dict[str, object]]:
        view = (await account_of(tx, home, account)).account
        return [
            {
                "id": one.id,
                "created_at": iso(one.created_at),
                "last_used_at": iso(one.seen_at),
                "browser": one.browser,
                "network": one.network,
            }
            for one in await live(tx, view, classes)
        ]

    found = house.read(home, work)
    rows = [
        [
            str(one["id"]),
            f"since {one['created_at']}",
            f"last used {one['last_used_at']}",
            str(one["browser"]),
            str(one["network"]),
        ]
        for one in found
    ]
    result({"sessions": found}, table(rows, "Nobody is signed in."), as_json=as_json)


@app.command("end")
def end(
    account: Account,
    session: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Sign an account out: one session of it, or all."""

    async def work(rooms: Administration, tx: Tx) -> int:
        found = (await account_of(tx, home, account)).account.id
        return await rooms.end_sessions(tx, found, session, by=house.operator())

    ended = _write(home, work)
    result({"ended": ended}, f"{ended} ended.", as_json=as_json)


@operators_app.command("list")
def operators_list(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the operators, and which of them have no second factor."""
    found = house.read(home, administration.operators)
    lines = [_line(one) for one in found]
    documents = [_document(one) for one in found]
    text = "\n".join(lines) or "No account is an operator's."
    result({"operators": documents}, text, as_json=as_json)


@operators_app.command()
def add(account: Account, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Make an account an operator's: it never recovers by mail, and needs a second factor."""
    _set_operator(home, account, OPERATOR, as_json=as_json)


@operators_app.command()
def remove(
    account: Account,
    name: Annotated[
        str, typer.Option("--class", help="The class that the account has then.")
    ] = CUSTOMER,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make an operator's account an ordinary one."""
    _set_operator(home, account, name, as_json=as_json)


def _set_operator(home: Home, account: str, name: str, *, as_json: bool) -> None:
    async def work(rooms: Administration, tx: Tx) -> Described:
        found = await account_of(tx, home, account)
        if OPERATOR not in {name, found.account.account_class}:
            raise BadSettings("this account is no operator's")
        await rooms.set_class(tx, found.account.id, name, by=house.operator(), at_house=True)
        return await describe(tx, found.account.id)

    found = _write(home, work)
    result(_document(found), _line(found), as_json=as_json)


async def account_of(tx: Tx, home: Home, account: str) -> Described:
    """The account of an id, or of an address that it has confirmed. Raises ``NotFound``."""
    if is_id("acc", account):
        return await describe(tx, account)
    key = KeyRing(home).pseudonym("address", addresses.key(addresses.parse(account)))
    return await administration.find(tx, key)


def _classes(home: Home) -> Classes:
    return Classes(house.settings(home).accounts.classes)


def _write(home: Home, work: Callable[[Administration, Tx], Awaitable[T]]) -> T:
    classes, keys = _classes(home), KeyRing(home)

    async def run(database: Database, tx: Tx) -> T:
        sessions = Sessions(database, keys, classes=classes)
        return await work(Administration(database, sessions, classes), tx)

    return house.write(home, run)


def _document(one: Described) -> dict[str, object]:
    return {
        "id": one.account.id,
        "class": one.account.account_class,
        "created_at": iso(one.account.created_at),
        "frozen_until": when(one.account.frozen_until),
        "addresses": one.addresses,
        "factor": one.factor,
        "password_set_at": when(one.password_set_at or None),
    }


def _line(one: Described) -> str:
    parts = [
        one.account.id,
        one.account.account_class,
        f"made {readable(one.account.created_at)}",
        f"{one.addresses} confirmed",
        "second factor" if one.factor else "NO second factor",
    ]
    if one.account.frozen_until is not None and one.account.frozen(SystemClock().now()):
        parts.append(f"frozen until {readable(one.account.frozen_until)}")
    return plain("  ".join(parts))

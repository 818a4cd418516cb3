"""``mailkeep operators present`` and ``end``: console sessions of operators who came by an OpenID
provider."""

from typing import Annotated

import typer

from mailkeep.base.clock import iso, readable
from mailkeep.operators import services
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, read, write
from .output import Json, plain, result, table


def present(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List who came to the console by the OpenID provider: role, last time, live sessions."""
    found = read(home, services.listing)
    documents = [
        {
            "id": one.id,
            "name": one.name,
            "role": None if one.role is None else one.role.value,
            "first_at": iso(one.first_at),
            "last_at": iso(one.last_at),
            "sessions": one.sessions,
        }
        for one in found
    ]
    rows = [("id", "name", "role", "last in", "signed in")] if found else []
    rows += [
        (
            one.id,
            plain(one.name),
            "none" if one.role is None else one.role.value,
            readable(one.last_at),
            str(one.sessions),
        )
        for one in found
    ]
    text = table(rows, "Nobody came by an OpenID provider.")
    result({"operators": documents}, text, as_json=as_json)


def end(
    who: Annotated[str, typer.Argument(metavar="OPERATOR", help="Their id, as `present` has it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Sign an operator out everywhere; take them out of the provider's groups first."""

    async def work(database: Database, tx: Tx) -> int:
        del database
        return await services.end(tx, who, by=operator())

    ended = write(home, work)
    result({"ended": ended}, f"{ended} ended.", as_json=as_json)

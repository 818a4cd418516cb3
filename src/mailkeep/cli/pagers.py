"""``mailkeep pagers``: the on-call pagers, tried out; and taking an incident."""

import asyncio
from typing import Annotated

import typer

from mailkeep.app import wiring_pagers, wiring_trust
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings, Unavailable
from mailkeep.base.wording import nearest
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.response.paging.desk import ring
from mailkeep.response.paging.whom import independent_of
from mailkeep.response.services import Response
from mailkeep.store.database import Tx

from .acting import write
from .house import DEFAULT_HOME, Home, settings
from .output import Json, group, result, table

app = group("Pagers: who is woken when an incident opens.")


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the pagers, and at which providers a thief could not read or drop what they carry."""
    told = settings(home)
    house = ProviderParties(
        {one.name: one.party for one in told.provider}, wiring_trust.graph(told, SystemClock())
    )
    rows = [
        {
            "name": one.name,
            "party": one.party,
            "independent_of": list(independent_of(one.party, house)),
        }
        for one in told.pager
    ]
    lines = [
        [one.name, one.party or "unknown", ", ".join(independent_of(one.party, house)) or "nobody"]
        for one in told.pager
    ]
    text = table([["name", "party", "independent of"], *lines] if lines else [], "No pager.")
    result(rows, text, as_json=as_json)


@app.command("test")
def try_them(
    name: Annotated[str | None, typer.Argument(help="Of one pager; all of them without.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Ring the pagers, and say which of them took it."""
    pagers = wiring_pagers.pagers(settings(home).pager)
    known = [one.name for one in pagers]
    if name is not None and name not in known:
        raise BadSettings(f"no pager {name!r}{nearest(name, known)}")
    if not pagers:
        raise BadSettings("there is no [[pager]]: nobody is woken")
    told = asyncio.run(ring([one for one in pagers if name in {None, one.name}]))
    words = [f"{one}: {'took it' if well else 'did not take it'}" for one, well in told.items()]
    if not all(told.values()):
        raise Unavailable("; ".join(words))
    result(told, "\n".join(words), as_json=as_json)


def take(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that you see to an incident: nobody else is woken for it."""

    async def work(room: Response, tx: Tx, by: str) -> str:
        await room.means.incidents.take(tx, incident, by=by)
        return by

    by = write(home, work)
    result({"incident": incident, "taken_by": by}, "It is yours.", as_json=as_json)


def merge(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    into: Annotated[str, typer.Argument(help="The incident that leads.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make an incident a part of another: what people do, they do once."""

    async def work(room: Response, tx: Tx, by: str) -> None:
        await room.means.incidents.merge(tx, incident, into, by=by)

    write(home, work)
    result({"incident": incident, "part_of": into}, f"It is part of {into}.", as_json=as_json)


def split(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a part of another incident a matter of its own again."""

    async def work(room: Response, tx: Tx, by: str) -> None:
        await room.means.incidents.split(tx, incident, by=by)

    write(home, work)
    result({"incident": incident, "part_of": None}, "It stands by itself.", as_json=as_json)

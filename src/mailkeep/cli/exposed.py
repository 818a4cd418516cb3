"""``mailkeep incidents exposed``: how many addresses an incident exposed, and which."""

import asyncio
import sys
from typing import Annotated

import typer

from mailkeep.app.environment import NoSecrets
from mailkeep.base.clock import readable
from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import counted
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Answer
from mailkeep.response import listing
from mailkeep.response.listing import Numbers
from mailkeep.response.services import Response
from mailkeep.store.migrate import upgrade

from .acting import who
from .house import DEFAULT_HOME, Home, settings
from .output import Json, result


def exposed(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    ask: Annotated[bool, typer.Option("--ask", help="Ask a second person for the list.")] = False,
    take: Annotated[
        bool, typer.Option("--list", help="Take the list that was agreed to, as lines of JSON.")
    ] = False,
    alone: Annotated[
        str, typer.Option(help="With --list: why it cannot wait for them; pages everybody.")
    ] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say how many were exposed and what was answered before; or who, under pseudonyms."""
    if (ask and take) or (alone and not take):
        raise BadSettings("say --ask, or --list and why --alone")
    asyncio.run(_run(home, incident, ask=ask, take=take, alone=alone, as_json=as_json))


async def _run(
    home: Home, incident: str, *, ask: bool, take: bool, alone: str, as_json: bool
) -> None:
    from mailkeep.app.application import Application

    running = Application(settings(home), home, environ=NoSecrets())
    room = running.response
    try:
        await upgrade(running.database)
        by = await who(running)
        if take:
            await _list(room, incident, alone, by)
            return
        if ask:
            await room.means.database.retrying(lambda tx: room.lists.ask(tx, incident, by=by))
        async with running.database.read() as tx:
            numbers = await room.lists.numbers(tx, incident)
            answers = await incidents.answers(tx, incident)
        result(_document(numbers, answers), _text(numbers, answers), as_json=as_json)
    finally:
        await running.database.close()


async def _list(room: Response, incident: str, alone: str, by: str) -> None:
    async def still() -> bool:
        return True

    listed = await room.lists.begin(incident, by=by, alone=alone)
    async for lines in listing.read(room.means.database, listed, still):
        sys.stdout.buffer.write(lines)
    sys.stdout.flush()


def _document(numbers: Numbers, answers: list[Answer]) -> object:
    from mailkeep.http.api.exposed import shown

    return shown(numbers, answers)


def _text(numbers: Numbers, answers: list[Answer]) -> str:
    lines = [
        f"{counted(numbers.together, 'address', 'addresses')} exposed by {readable(numbers.until)}"
    ]
    if len(numbers.each) > 1:
        lines += [f"  {many:,} of them to {name}" for name, many in numbers.each.items()]
    lines += [
        f"answered {readable(one.at)}: {counted(one.blast.exposed, 'address', 'addresses')},"
        f" {counted(one.blast.requested, 'account')} asked for, {one.blast.half_proven:,} half"
        f" proven, {one.blast.completed:,} recovered"
        for one in answers
    ]
    asked = numbers.request
    if asked is not None and asked.decided_by is not None:
        lines.append(f"{asked.decided_by} agreed that {asked.asked_by} takes the list")
    elif asked is not None:
        until = readable(asked.expires_at)
        lines.append(f"A second person must approve the list by {until}: {asked.id}")
    return "\n".join(lines)

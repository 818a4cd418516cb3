"""``mailkeep incidents preview``, ``apply``, ``undo``, ``stop``, ``approve``: actions on an
incident.

Security: whoever is at this shell could write into the database anyway, so an action that needs two
people can be forced here, and only here (``--alone``). Everybody is paged then. For everything else
the shell is held to what the console is: whoever is one of two people says who they are, by a key
of theirs.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mailkeep.app.environment import NoSecrets
from mailkeep.base.clock import readable
from mailkeep.mail import api_keys
from mailkeep.mail.grants import Scope
from mailkeep.response import approval
from mailkeep.response.services import Response
from mailkeep.response.types import ActionState, ActionView, Approval
from mailkeep.store.database import Tx
from mailkeep.store.migrate import upgrade

from .house import DEFAULT_HOME, Home, operator, read, settings
from .output import Json, note, plain, result, table

if TYPE_CHECKING:
    from mailkeep.app.application import Application

T = TypeVar("T")

KEY = "MAILKEEP_OPERATOR_KEY"  #: of the person at the shell
HERE = "127.0.0.1"  #: from where a key that is bound to networks is presented

Incident = Annotated[str, typer.Argument(help="As the list names it.")]
Name = Annotated[str, typer.Argument(help="The action, as the reference lists them.")]
Request = Annotated[str, typer.Argument(help="As `mailkeep incidents requests` names it.")]
Alone = Annotated[
    str, typer.Option(help="Why it cannot wait for a second person; pages everybody.")
]


def preview(
    incident: Incident, name: Name, as_json: Json = False, home: Home = DEFAULT_HOME
) -> None:
    """Say what an action would do, and keep it as what you were told."""
    _do(home, as_json, lambda room, by: _in(room, room.preview, incident, name, by))


def apply(
    incident: Incident,
    name: Name,
    alone: Alone = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Do an action, or ask for the second person that it wants."""
    _do(home, as_json, lambda room, by: room.apply(incident, name, by=by, alone=alone))


def undo(
    incident: Incident,
    name: Name,
    alone: Alone = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take an action back, or ask for the second person that this wants."""

    def taken_back(room: Response, by: str) -> Awaitable[ActionView]:
        return room.means.database.retrying(
            lambda tx: room.undo(tx, incident, name, by=by, alone=alone)
        )

    _do(home, as_json, taken_back)


def stop(incident: Incident, name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Hold up an action that is on its way; applied again it goes on from there."""
    _do(home, as_json, lambda room, by: _in(room, room.stop, incident, name, by))


def requests(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List what waits for a second person."""
    found = read(home, approval.all_waiting)
    rows = [
        (
            one.id,
            f"{one.step.value} {one.action}",
            one.incident,
            one.asked_by,
            readable(one.expires_at),
        )
        for one in found
    ]
    text = table(rows, "Nothing waits for a second person.")
    result({"approvals": [_request(one) for one in found]}, text, as_json=as_json)


def approve(request: Request, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Approve, as a second person, what another one asked for."""
    _do(home, as_json, lambda room, by: room.approve(request, by=by))


def refuse(request: Request, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Refuse a request, or take back your own."""

    def refused(room: Response, by: str) -> Awaitable[Approval]:
        return room.means.database.retrying(lambda tx: room.refuse(tx, request, by=by))

    found = run(home, refused)
    result(_request(found), "It is refused.", as_json=as_json)


def _do(
    home: Path, as_json: bool, work: Callable[[Response, str], Awaitable[ActionView | Approval]]
) -> None:
    done = run(home, work)
    if isinstance(done, Approval):
        result(_request(done), f"{done.asked_by} may take the list now, once.", as_json=as_json)
        return
    undone = done.state is ActionState.UNDONE
    does = (
        "It is taken back; mail that was sent again stays so." if undone else done.preview.summary
    )
    lines = [f"{done.name}: {done.state.value}", does]
    if done.unchanged:
        since = f"since {readable(done.at)}, by {done.by}"
        lines[0] = f"{done.name}: {done.state.value} already, {since}; nothing was done now"
    lines += [f"! {one}" for one in done.preview.warnings if not undone]
    hand = "where this was done by hand, take it back too" if undone else "by hand"
    lines += [f"{hand}: {one}" for one in done.preview.by_hand]
    figures = (done.result or {}).items()
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in figures]
    if done.waits is not None:
        until = readable(done.waits.expires_at)
        lines.append(f"A second person must approve it by {until}: {done.waits.id}")
    if done.state is ActionState.RUNNING:
        note("It goes on by itself in the running Mailkeep.")
    from mailkeep.http.api.incident_out import action

    result(action(done), "\n".join(map(plain, lines)), as_json=as_json)


def _in(
    room: Response, do: Callable[..., Awaitable[ActionView]], incident: str, name: str, by: str
) -> Awaitable[ActionView]:
    return room.means.database.retrying(lambda tx: do(tx, incident, name, by=by))


async def who(running: "Application") -> str:
    """Who is at the shell: whose key is in ``MAILKEEP_OPERATOR_KEY``, else the machine's number.

    Raises:
        NotSignedIn, NotAllowed: it is no good key, or may not act.
    """
    presented = os.environ.get(KEY, "")
    if not presented:
        return operator()
    async with running.database.read() as tx:
        found = await api_keys.authorise(tx, running.keys, presented, Scope.OPERATE, network=HERE)
    return found.id


def run(home: Path, work: Callable[[Response, str], Awaitable[T]]) -> T:
    """What ``work`` does with the response room of a home, and in whose name."""
    from mailkeep.app.application import Application

    async def work_on() -> T:
        running = Application(settings(home), home, environ=NoSecrets())
        try:
            await upgrade(running.database)
            return await work(running.response, await who(running))
        finally:
            await running.database.close()

    return asyncio.run(work_on())


def write(home: Path, work: Callable[[Response, Tx, str], Awaitable[T]]) -> T:
    """What ``work`` does in one transaction, and in whose name."""
    return run(home, lambda room, by: room.means.database.retrying(lambda tx: work(room, tx, by)))


def _request(one: Approval) -> object:
    from mailkeep.http.api.approval_out import approval as shown

    return shown(one)

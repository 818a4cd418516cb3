"""``mailkeep incidents note``, ``report`` and ``close``: what people say of an incident, its
report, and its end."""

from typing import Annotated

import typer

from mailkeep.app.environment import NoSecrets
from mailkeep.incidents.tracks import Item
from mailkeep.mail import queries as mail
from mailkeep.response import queries, report
from mailkeep.response.services import Response
from mailkeep.response.todo import still_to_do
from mailkeep.store.database import Tx

from .acting import write
from .house import DEFAULT_HOME, Home, read, settings
from .output import Json, plain, result

Incident = Annotated[str, typer.Argument(help="As the list names it.")]


def note(
    incident: Incident,
    text: Annotated[str, typer.Argument(help="What is to stand in the timeline and the report.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write a note into the timeline of an incident; its report has it too."""

    async def work(room: Response, tx: Tx, by: str) -> None:
        await room.means.incidents.note(tx, incident, text, by=by)

    write(home, work)
    result({"incident": incident, "note": text}, "It is in the timeline.", as_json=as_json)


def written(incident: Incident, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Print the report of an incident as it stands, in Markdown; it names no customer."""
    from mailkeep.app.application import Application

    means = Application(settings(home), home, environ=NoSecrets()).response.means

    async def work(tx: Tx) -> str:
        case = await queries.case(tx, means, incident, whole=True)
        return report.markdown(report.written(case, await mail.key_names(tx), tx.now))

    found = read(home, work)
    result({"markdown": found}, "\n".join(map(plain, found.splitlines())), as_json=as_json)


def close(
    incident: Incident,
    reason: Annotated[str, typer.Option(help="Why; it stands in the timeline and the report.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Close an incident and its parts, and say why. What was done about it stays done."""

    async def work(room: Response, tx: Tx, by: str) -> tuple[Item, ...]:
        case = await queries.case(tx, room.means, incident)
        await room.means.incidents.close(tx, incident, reason, by=by)
        return still_to_do(case)

    left = [f"{one.text} ({one.detail})" if one.detail else one.text for one in write(home, work)]
    lines = [f"It is closed; `mailkeep incidents report {incident}` has the whole."]
    lines += ["Still to do:", *(f"  [ ] {plain(one)}" for one in left)] if left else []
    document = {"incident": incident, "state": "closed", "reason": reason, "owed": left}
    result(document, "\n".join(lines), as_json=as_json)

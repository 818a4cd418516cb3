"""``mailkeep incidents``: list and show incidents, and what was done about them."""

from typing import Annotated

import typer

from mailkeep.app.environment import NoSecrets
from mailkeep.incidents import queries as incident_queries
from mailkeep.incidents.types import Entry, Incident
from mailkeep.response import queries as response_queries
from mailkeep.store.database import Tx

from . import documents, evidence, pagers, report
from .house import DEFAULT_HOME, Home, read, settings
from .output import Json, group, result

app = group("Incidents: what may be going on.", alone=True)
app.command("take")(pagers.take)
app.command("evidence")(evidence.take)
app.command("verify")(evidence.verify)


@app.callback()
def alone(context: typer.Context, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the incidents, those that are not closed first."""
    if context.invoked_subcommand is None:
        list_all(as_json=as_json, home=home)


@app.command("list")
def list_all(
    before: Annotated[str, typer.Option(help="The `after` of the page before.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List the incidents, those that are not closed first; so does `mailkeep incidents` alone."""

    async def work(tx: Tx) -> tuple[list[Incident], str | None, dict[str, int]]:
        found, after = await incident_queries.page(tx, before or None)
        return found, after, await response_queries.to_decide(tx, found)

    found, after, deciding = read(home, work)
    lines = [report.line(one, deciding[one.id]) for one in found]
    if after is not None:
        lines.append(f"Older ones: mailkeep incidents list --before {after}")
    document = {
        "incidents": [documents.incident(one, deciding[one.id]) for one in found],
        "after": after,
    }
    result(document, "\n".join(lines) or "No incident so far.", as_json=as_json)


@app.command("timeline")
def timeline(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    before: Annotated[
        int | None, typer.Option(min=1, help="Only lines with a smaller number.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print the timeline of an incident, a thousand lines at a time, the newest ones first."""
    from mailkeep.http.api.incident_out import TimelineOut, entry

    async def work(tx: Tx) -> list[Entry]:
        await incident_queries.one(tx, incident)
        return await incident_queries.timeline(tx, incident, before=before)

    found = read(home, work)
    earlier = found[0].line - 1 if found else 0
    document = TimelineOut([entry(one) for one in found], earlier)
    result(document, report.timeline(incident, found, earlier), as_json=as_json)


@app.command("show")
def show(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say all that is known of an incident."""
    from mailkeep.app.application import Application

    running = Application(settings(home), home, environ=NoSecrets())
    found = read(home, lambda tx: response_queries.case(tx, running.response.means, incident))
    result(documents.case(found), report.full(found), as_json=as_json)

"""``mailkeep incidents``: list and show incidents, and what was done about them."""

from typing import Annotated

import typer

from mailkeep.app.environment import NoSecrets
from mailkeep.incidents import queries as incident_queries
from mailkeep.response import queries as response_queries

from . import documents, evidence, pagers, report
from .house import DEFAULT_HOME, Home, read, settings
from .output import Json, group, result

app = group("Incidents: what may be going on.", alone=True)
app.command("take")(pagers.take)
app.command("evidence")(evidence.take)
app.command("verify")(evidence.verify)


@app.callback()
def alone(context: typer.Context, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the incidents, the newest first."""
    if context.invoked_subcommand is None:
        list_all(as_json=as_json, home=home)


@app.command("list")
def list_all(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the incidents, the newest first; so does `mailkeep incidents` alone."""
    found = read(home, incident_queries.recent)
    text = "\n".join(map(report.line, found)) or "No incident so far."
    result({"incidents": [documents.incident(one) for one in found]}, text, as_json=as_json)


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

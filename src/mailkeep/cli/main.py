"""``mailkeep``: the commands."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailkeep import __version__
from mailkeep.app.application import Application
from mailkeep.base.errors import BadSettings, MailkeepError
from mailkeep.incidents import queries as incident_queries
from mailkeep.response import queries as response_queries
from mailkeep.watch import queries as watch_queries

from . import audit, bench, keys, providers, report, serve
from .house import DEFAULT_HOME, Home, NoSecrets, read, settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Mail that no fallen provider can lose, accounts that none can take.",
)
incidents_app = typer.Typer(invoke_without_command=True, help="Incidents: what may be going on.")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(incidents_app, name="incidents")
app.add_typer(providers.app, name="providers")

app.command()(bench.bench)

out = Console()
err = Console(stderr=True)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version")] = False) -> None:
    """Mail that no fallen provider can lose, accounts that none can take."""
    if version:
        out.print(f"mailkeep {__version__}")
        raise typer.Exit


@app.command()
def up(
    home: Home = DEFAULT_HOME,
    dev: Annotated[
        bool, typer.Option(help="Stand-in providers, mailbox and a key, on loopback only.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8025,
    smtp_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port for SMTP submission, in development; 0 takes a free one."
        ),
    ] = 8026,
) -> None:
    """Start Mailkeep."""
    if dev and host not in {"127.0.0.1", "::1", "localhost"}:
        raise BadSettings("development mode listens on loopback only")
    if dev:
        asyncio.run(serve.development(home, port, smtp_port, out))
    else:
        asyncio.run(serve.production(home, host, port, out))


@app.command("watch")
def watch_opinions(home: Home = DEFAULT_HOME) -> None:
    """Say what may be going on with our providers and customers, and why."""
    watch = settings(home).watch
    found = read(home, lambda tx: watch_queries.opinions(tx, watch))
    if not found:
        out.print("Nothing speaks for anything unusual.")
    for opinion in found:
        word = "OPEN" if opinion.open else "below the line"
        out.print(f"[{word}] {opinion.explain()}", markup=False, highlight=False)


@incidents_app.callback()
def incidents_list(context: typer.Context, home: Home = DEFAULT_HOME) -> None:
    """List the incidents, the newest first."""
    if context.invoked_subcommand is not None:
        return
    found = read(home, incident_queries.recent)
    if not found:
        out.print("No incident so far.")
    for one in found:
        out.print(report.line(one), markup=False, highlight=False)


@incidents_app.command("show")
def incidents_show(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Say all that is known of an incident."""
    running = Application(settings(home), home, environ=NoSecrets())
    found = read(home, lambda tx: response_queries.case(tx, running.response.means, incident))
    out.print(report.full(found), markup=False, highlight=False)


def main() -> None:
    """Run a command; what the user can mend is said in one line, without a trace."""
    try:
        app()
    except MailkeepError as error:
        err.print(f"[bold red]mailkeep:[/] {escape(str(error))}", highlight=False)
        sys.exit(2)
    except OSError as error:  # a home that cannot be made, a database that is not there
        err.print(f"[bold red]mailkeep:[/] {escape(str(error))}", highlight=False)
        sys.exit(2)

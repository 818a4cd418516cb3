"""``mailkeep``: the commands."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailkeep import __version__
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings, MailkeepError
from mailkeep.incidents import queries as incident_queries
from mailkeep.incidents.types import Incident
from mailkeep.mail import services
from mailkeep.response import queries as response_queries
from mailkeep.response.types import CaseView
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.watch import queries as watch_queries
from mailkeep.watch.correlation import Opinion

from . import report, serve

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
keys_app = typer.Typer(no_args_is_help=True, help="API keys.")
providers_app = typer.Typer(no_args_is_help=True, help="Providers: cut one off, restore it.")
incidents_app = typer.Typer(invoke_without_command=True, help="Incidents: what may be going on.")
app.add_typer(keys_app, name="keys")
app.add_typer(incidents_app, name="incidents")
app.add_typer(providers_app, name="providers")

out = Console()
err = Console(stderr=True)

Home = Annotated[
    Path,
    typer.Option(envvar="MAILKEEP_HOME", help="Where the database and the keys are."),
]
DEFAULT_HOME = Path("mailkeep-data")


def _application(home: Path) -> Application:
    return Application(app_settings.load(home / "mailkeep.toml"), home)


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
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8025,
    smtp_port: Annotated[
        int, typer.Option(help="Port for SMTP submission, in development; 0 takes a free one.")
    ] = 8026,
) -> None:
    """Start Mailkeep."""
    if dev and host not in {"127.0.0.1", "::1", "localhost"}:
        raise BadSettings("development mode listens on loopback only")
    if dev:
        asyncio.run(serve.development(home, port, smtp_port, out))
    else:
        asyncio.run(serve.production(home, host, port, out))


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What or whom it is for.")],
    scope: Annotated[list[str], typer.Option(help="send, read or operate; may be repeated.")],
    stream: Annotated[list[str] | None, typer.Option(help="Only these streams.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make an API key and print it, once."""
    unknown = set(scope) - services.SCOPES
    if unknown:
        known = ", ".join(sorted(services.SCOPES))
        raise BadSettings(f"no scope {sorted(unknown)[0]!r}; there are {known}")

    async def make() -> str:
        running = _application(home)
        await upgrade(running.database)
        async with running.database.write() as tx:
            key = await services.create_key(
                tx, running.keys, name, tuple(scope), tuple(stream or ())
            )
        await running.database.close()
        return key

    out.print(asyncio.run(make()), highlight=False)


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="The name that it was made under.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Revoke every API key of that name."""

    async def revoke() -> int:
        running = _application(home)
        await upgrade(running.database)
        async with running.database.write() as tx:
            count = await services.revoke_keys(tx, name)
        await running.database.close()
        return count

    count = asyncio.run(revoke())
    if not count:
        raise BadSettings(f"no key called {name!r} was in use")
    out.print(f"{count} revoked.")


@providers_app.command("cut")
def providers_cut(
    provider: str,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")],
    minutes: Annotated[
        float, typer.Option(help="Send again what it took in the last minutes, unconfirmed.")
    ] = 60.0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Cut a provider off: no request to it starts any more."""

    async def cut() -> int:
        running = _application(home)
        if provider not in running.providers:
            raise BadSettings(
                f"no provider {provider!r}; there are {', '.join(sorted(running.providers))}"
            )
        async with running.database.write() as tx:
            again = await services.cut_off(
                running.database,
                tx,
                provider,
                by=_operator(),
                reason=reason,
                since=tx.now - round(minutes * 60_000_000),
            )
        await running.database.close()
        return again

    out.print(f"{provider} is cut off; {asyncio.run(cut())} messages are sent again elsewhere.")


@providers_app.command("restore")
def providers_restore(
    provider: str,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Let a provider that was cut off carry mail again."""

    async def restore() -> bool:
        running = _application(home)
        async with running.database.write() as tx:
            changed = await services.restore(
                running.database, tx, provider, by=_operator(), reason=reason
            )
        await running.database.close()
        return changed

    changed = asyncio.run(restore())
    out.print(f"{provider} carries mail again." if changed else f"{provider} was not cut off.")


@providers_app.command("rest")
def providers_rest(
    provider: str,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")],
    minutes: Annotated[
        float, typer.Option(help="Send again what it took in the last minutes, unconfirmed.")
    ] = 5.0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Leave a silent provider alone: canaries go through it, other mail only if nothing stands."""

    async def rest() -> int:
        running = _application(home)
        if provider not in running.providers:
            raise BadSettings(
                f"no provider {provider!r}; there are {', '.join(sorted(running.providers))}"
            )
        await upgrade(running.database)
        async with running.database.write() as tx:
            again = await services.rest_provider(
                running.database,
                tx,
                provider,
                by=_operator(),
                reason=reason,
                since=tx.now - round(minutes * 60_000_000),
            )
        await running.database.close()
        return again

    out.print(f"{provider} rests; {asyncio.run(rest())} messages are sent again elsewhere.")


@providers_app.command("unrest")
def providers_unrest(
    provider: str,
    reason: Annotated[str, typer.Option(help="Goes into the audit log.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Let a provider that rests carry ordinary mail again."""

    async def unrest() -> bool:
        running = _application(home)
        await upgrade(running.database)
        async with running.database.write() as tx:
            changed = await services.unrest_provider(
                running.database, tx, provider, by=_operator(), reason=reason
            )
        await running.database.close()
        return changed

    changed = asyncio.run(unrest())
    out.print(f"{provider} carries mail again." if changed else f"{provider} did not rest.")


@app.command("watch")
def watch_opinions(home: Home = DEFAULT_HOME) -> None:
    """Say what may be going on with our providers and customers, and why."""

    async def read() -> list[Opinion]:
        settings = _settings(home)
        database = Database(settings.database_url(home), SystemClock())
        async with database.read() as tx:
            found = await watch_queries.opinions(tx, settings.watch)
        await database.close()
        return found

    found = asyncio.run(read())
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

    async def read() -> list[Incident]:
        database = Database(_settings(home).database_url(home), SystemClock())
        async with database.read() as tx:
            found = await incident_queries.recent(tx)
        await database.close()
        return found

    found = asyncio.run(read())
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

    async def read() -> CaseView:
        running = Application(_settings(home), home)
        async with running.database.read() as tx:
            found = await response_queries.case(tx, running.response.means, incident)
        await running.database.close()
        return found

    out.print(report.full(asyncio.run(read())), markup=False, highlight=False)


def _settings(home: Path) -> app_settings.Settings:
    """The settings of a home that has a database; in development there is no file of them."""
    file = home / "mailkeep.toml"
    settings = app_settings.load(file) if file.exists() else app_settings.Settings()
    if not settings.database and not (home / "mailkeep.db").exists():
        raise BadSettings(f"there is no Mailkeep in {home}")
    return settings


def _operator() -> str:
    """Who is at the keyboard, as the machine knows them: a number, not a name."""
    return f"uid:{os.getuid()}"


def main() -> None:
    """Run a command; what the user can mend is said in one line, without a trace."""
    try:
        app()
    except MailkeepError as error:
        err.print(f"[bold red]mailkeep:[/] {error}", highlight=False)
        sys.exit(2)

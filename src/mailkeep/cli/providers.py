"""``mailkeep providers``: cut one off, let it rest, and back. Every one goes into the audit log."""

from typing import Annotated

import typer
from rich.console import Console

from mailkeep.base.clock import MINUTE
from mailkeep.mail import services
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, provider, write

app = typer.Typer(no_args_is_help=True, help="Providers: cut one off, let one rest, restore it.")
out = Console()

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name in the settings.")]
Reason = Annotated[str, typer.Option(help="Goes into the audit log.")]
Minutes = Annotated[
    float, typer.Option(min=0, help="Send again what it took in the last minutes, unconfirmed.")
]


@app.command()
def cut(name: Name, reason: Reason, minutes: Minutes = 60.0, home: Home = DEFAULT_HOME) -> None:
    """Cut a provider off: no request to it starts any more."""
    provider(home, name)

    async def work(database: Database, tx: Tx) -> int:
        since = tx.now - round(minutes * MINUTE)
        return await services.cut_off(database, tx, name, by=operator(), reason=reason, since=since)

    out.print(f"{name} is cut off; {write(home, work)} messages are sent again elsewhere.")


@app.command()
def restore(name: Name, reason: Reason, home: Home = DEFAULT_HOME) -> None:
    """Let a provider that was cut off carry mail again."""
    provider(home, name)

    async def work(database: Database, tx: Tx) -> bool:
        return await services.restore(database, tx, name, by=operator(), reason=reason)

    out.print(f"{name} carries mail again." if write(home, work) else f"{name} was not cut off.")


@app.command()
def rest(name: Name, reason: Reason, minutes: Minutes = 5.0, home: Home = DEFAULT_HOME) -> None:
    """Leave a silent provider alone: canaries go through it, other mail only if nothing stands."""
    provider(home, name)

    async def work(database: Database, tx: Tx) -> int:
        since = tx.now - round(minutes * MINUTE)
        return await services.rest_provider(
            database, tx, name, by=operator(), reason=reason, since=since
        )

    out.print(f"{name} rests; {write(home, work)} messages are sent again elsewhere.")


@app.command()
def unrest(name: Name, reason: Reason, home: Home = DEFAULT_HOME) -> None:
    """Let a provider that rests carry ordinary mail again."""
    provider(home, name)

    async def work(database: Database, tx: Tx) -> bool:
        return await services.unrest_provider(database, tx, name, by=operator(), reason=reason)

    out.print(f"{name} carries mail again." if write(home, work) else f"{name} did not rest.")

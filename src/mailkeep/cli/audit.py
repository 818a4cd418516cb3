"""``mailkeep audit``: check the chain, and take its head to where this machine cannot write."""

import json

import typer
from rich.console import Console

from mailkeep.base.errors import Conflict
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read

app = typer.Typer(no_args_is_help=True, help="The audit log: a hash chain with a signed head.")
out = Console()


@app.command()
def verify(home: Home = DEFAULT_HOME) -> None:
    """Check every entry against the one before it."""
    broken = read(home, audit.verify)
    if broken is not None:
        raise Conflict(f"entry {broken} does not fit the chain: it was altered, or one is missing")
    out.print("Every entry fits the chain.")


@app.command()
def head(home: Home = DEFAULT_HOME) -> None:
    """Print the signed head as one line of JSON, to be kept where this machine cannot write.

    A chain that was cut short still fits; it no longer has the entries that a kept head counts.
    """
    keys = KeyRing(home)

    async def work(tx: Tx) -> audit.AuditHead:
        return await audit.head(tx, keys)

    found = read(home, work)
    line = {
        "number": found.number,
        "hash": found.hash,
        "signature": found.signature,
        "public_key": keys.public_key(),
    }
    out.file.write(json.dumps(line) + "\n")

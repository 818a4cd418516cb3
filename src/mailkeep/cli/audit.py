"""``mailkeep audit``: check the chain, and take its head to where this machine cannot write."""

import json

import typer

from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read
from .output import FOUND, Json, group, result

app = group("The audit log: a hash chain with a signed head.")


@app.command()
def verify(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Check every entry against the one before it; ends with 1 where one does not fit."""
    broken = read(home, audit.verify)
    text = "Every entry fits the chain."
    if broken is not None:
        text = f"Entry {broken} does not fit the chain: it was altered, or one is missing."
    result({"fits": broken is None, "first_broken": broken}, text, as_json=as_json)
    if broken is not None:
        raise typer.Exit(FOUND)


@app.command()
def head(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
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
    result(line, json.dumps(line), as_json=as_json)

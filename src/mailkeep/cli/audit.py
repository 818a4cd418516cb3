"""``mailkeep audit``: check the chain, and take its head to where this machine cannot write."""

import json
from typing import Annotated

import typer

from mailkeep.base.clock import iso
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit, queries
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read
from .output import FOUND, Json, group, plain, result, table

app = group("The audit log: a hash chain with a signed head.")


@app.command("list")
def list_all(
    act: Annotated[str, typer.Option(help="Only acts that begin so.")] = "",
    before: Annotated[int | None, typer.Option(help="Only entries with a lower number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List what operators and playbooks did, the newest first."""
    found = read(home, lambda tx: queries.entries(tx, before=before, act=act, limit=limit))
    documents = [
        {
            "number": one.number,
            "at": iso(one.at),
            "actor": one.actor,
            "act": one.act,
            "data": json.loads(one.data),
            "hash": one.hash,
        }
        for one in found
    ]
    rows = [(str(one.number), iso(one.at), one.actor, one.act, plain(one.data)) for one in found]
    result({"entries": documents}, table(rows, "There is no such entry."), as_json=as_json)


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

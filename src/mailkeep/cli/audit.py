"""``mailkeep audit``: verify the audit chain, and compare it with anchors stored elsewhere."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mailkeep.app import audit_anchors
from mailkeep.base.clock import SystemClock, iso, readable
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.events import anchors, audit, queries
from mailkeep.events.anchors import Compared
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read, settings
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
    rows = [
        (str(one.number), readable(one.at), one.actor, one.act, plain(one.data)) for one in found
    ]
    result({"entries": documents}, table(rows, "There is no such entry."), as_json=as_json)


@app.command()
def verify(
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A file of heads that were taken elsewhere; repeatable."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="The house's public key, as you kept it elsewhere.")
    ] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Check every entry, and the chain against its anchors; ends with 1 where one does not fit."""
    files = against or [one for one in audit_anchors.files(settings(home).audit) if one.exists()]
    try:
        kept = [found for file in files for found in anchors.read(file.read_text())]
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"--against: {error}") from error
    ours = key or KeyRing(home).public_key()

    async def work(tx: Tx) -> tuple[int | None, Compared]:
        return await audit.verify(tx), await anchors.compare(tx, kept, ours)

    broken, found = read(home, work)
    lines = ["Every entry fits the chain."]
    if broken is not None:
        lines = [f"Entry {broken} does not fit the chain: it was altered, or one is missing."]
    lines += _words(found) if files else ["No anchor to hold it against: a whole rewrite fits too."]
    document = {
        "fits": broken is None,
        "first_broken": broken,
        "anchors": found.anchors,
        "fits_anchors_up_to": found.fits if files else None,
        "rewritten": found.rewritten,
        "cut": found.cut,
        "foreign": found.foreign,
    }
    result(document, "\n".join(lines), as_json=as_json)
    if broken is not None or not found.fine:
        raise typer.Exit(FOUND)


def _words(found: Compared) -> list[str]:
    lines = [
        f"{counted(found.anchors, 'anchor')}; the chain is what it was up to entry {found.fits}."
    ]
    if found.cut is not None:
        lines.append(f"CUT OFF: entries from {found.cut} on are missing that an anchor counts.")
    if found.rewritten is not None:
        lines.append(
            f"REWRITTEN: between entry {found.fits + 1} and {found.rewritten} something was"
            " altered, and the chain was made anew over it."
        )
    if found.foreign:
        lines.append(
            f"{counted(found.foreign, 'anchor is', 'anchors are')} signed by another key: somebody"
            " wrote them there, or this house's key was changed. Say with --key which one you kept."
        )
    return lines


@app.command()
def head(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Print the signed head as one line of JSON, to be kept where this machine cannot write.

    A chain that was cut short still fits; it no longer has the entries that a kept head counts.
    """
    keys = KeyRing(home)

    async def work(tx: Tx) -> audit.AuditHead:
        return await audit.head(tx, keys)

    line = anchors.line(read(home, work), keys.public_key(), iso(SystemClock().now()))
    result(json.loads(line), line, as_json=as_json)

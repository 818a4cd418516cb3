"""``mailkeep privacy``: export or erase one person's data, or place it under legal hold.

Security: needs the home directory, as every command that writes; each use is audited, and counts
against the same limits as a key's.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mailkeep.base.clock import iso, readable, when
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.privacy import holds, people, restoring
from mailkeep.privacy.services import Privacy
from mailkeep.privacy.types import Erasure, LegalHold, Preview
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, at_length, operator, read, read_long, settings, write
from .output import Json, group, result, table

app = group(
    "What is kept about one person: handed out, erased, or held.", also={"list": "erasures"}
)

Person = Annotated[str, typer.Argument(help="An address, or an account's id.")]


@app.command("export")
def take(
    person: Person,
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write all that is kept about a person into a file that only you can read."""
    if file.exists():
        raise BadSettings(f"{file} is there already")
    if not file.parent.is_dir():  # before it is audited, and counted as handed out
        raise BadSettings(f"{file.parent} is no directory")

    async def work(database: Database) -> dict[str, Any]:
        return await _room(home, database).export(person, by=operator())

    found = at_length(home, work)
    write_new(file, json.dumps(found, indent=1, ensure_ascii=False).encode())
    rows = sum(map(len, found["tables"].values()))
    document = {"file": str(file), "rows": rows, "facts": len(found["facts"])}
    text = f"{rows} rows and {len(found['facts'])} facts are in {file}."
    result(document, text, as_json=as_json)


@app.command()
def erase(
    person: Person,
    apply: Annotated[bool, typer.Option("--apply", help="Ask for it; else only say.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what an erasure would do, or with --apply ask for it; the owner is told, and it waits."""
    if not apply:

        async def look(database: Database) -> Preview:
            async with database.read() as tx:
                found = await people.find(tx, KeyRing(home), person)
                return await _room(home, database).erasing.preview(tx, found)

        seen = read_long(home, look)
        result(_seen(seen), _words(seen), as_json=as_json)
        return

    async def ask(database: Database, tx: Tx) -> Erasure:
        found = await people.find(tx, KeyRing(home), person)
        return await _room(home, database).erasing.ask(tx, found, by=operator())

    made = write(home, ask)
    text = f"{made.id}: will be done from {readable(made.due_at)} on; until then it can be stopped."
    result(shown(made), text, as_json=as_json)


@app.command()
def erasures(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the erasures, the newest first."""

    async def work(database: Database) -> list[Erasure]:
        async with database.read() as tx:
            return await _room(home, database).erasing.listing(tx)

    found = read_long(home, work)
    rows = [
        (
            one.id,
            one.state.value,
            f"asked {readable(one.at)} by {one.by}",
            f"due {readable(one.due_at)}",
            one.waits_for and f"waits for: {one.waits_for}",
        )
        for one in found
    ]
    text = table(rows, "Nobody was erased.")
    result({"erasures": [shown(one) for one in found]}, text, as_json=as_json)


@app.command()
def stop(
    erasure: Annotated[str, typer.Argument(help="As `erasures` names it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Stop an erasure that has not begun."""

    async def work(database: Database, tx: Tx) -> Erasure:
        return await _room(home, database).erasing.stop(tx, erasure, by=operator())

    made = write(home, work)
    result(shown(made), f"{made.id} is stopped.", as_json=as_json)


@app.command()
def hold(
    person: Annotated[str, typer.Argument(help="An address, or an account's id.")] = "",
    reason: Annotated[str, typer.Option(help="A reference, as a case's number.")] = "",
    end: Annotated[str, typer.Option(help="End this hold.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List the legal holds; with a person place one, with --end end one."""
    if bool(person) and bool(end):
        raise Invalid("say a person or --end, not both", field="--end")
    if end:
        made = write(home, lambda _database, tx: holds.end(tx, end, by=operator()))
        result(held(made), f"{made.id} is over.", as_json=as_json)
        return
    if person:

        async def place(_database: Database, tx: Tx) -> LegalHold:
            found = await people.find(tx, KeyRing(home), person)
            return await holds.place(tx, found, reason, by=operator())

        made = write(home, place)
        result(held(made), f"{made.id}: nothing of them is erased.", as_json=as_json)
        return
    found = read(home, holds.lasting)
    rows = [(one.id, f"since {readable(one.at)}", f"by {one.by}", one.reason) for one in found]
    text = table(rows, "No legal hold is on anybody.")
    result({"holds": [held(one) for one in found]}, text, as_json=as_json)


@app.command()
def keep(
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write down who was erased and who is held, by pseudonyms, to be kept apart from backups."""
    found = read(home, restoring.kept)
    write_new(file, msgspec.json.encode(found))
    document = {"file": str(file), "erasures": len(found.erasures), "holds": len(found.holds)}
    text = f"{len(found.erasures)} erasures and {len(found.holds)} holds are in {file}."
    result(document, text, as_json=as_json)


@app.command()
def repeat(
    file: Annotated[Path, typer.Argument(help="As `keep` wrote it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """After an older copy of the database was restored: erase and hold again."""
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=restoring.Kept)
    except msgspec.DecodeError as error:
        raise BadSettings(f"{file} is not what `mailkeep privacy keep` writes") from error
    again = write(home, lambda _database, tx: restoring.keep(tx, kept, by=operator()))
    text = f"{again} erasures will be done again, {len(kept.holds)} holds are on."
    result({"erasures": again, "holds": len(kept.holds)}, text, as_json=as_json)


def shown(one: Erasure) -> dict[str, object]:
    """An erasure as the command line and the API write it; it names nobody."""
    return {
        "id": one.id,
        "state": one.state.value,
        "by": one.by,
        "at": iso(one.at),
        "due_at": iso(one.due_at),
        "ended_at": when(one.ended_at),
        "rows": one.counts,
        "waits_for": one.waits_for or None,
    }


def held(one: LegalHold) -> dict[str, object]:
    """A hold as the command line writes it."""
    return {
        "id": one.id,
        "reason": one.reason,
        "by": one.by,
        "at": iso(one.at),
        "ended_at": when(one.ended_at),
    }


def _seen(one: Preview) -> dict[str, object]:
    return {
        "accounts": len(one.person.accounts),
        "addresses": len(one.person.addresses),
        "removed": one.removed,
        "blanked": one.blanked,
        "kept": one.kept,
        "due_at": iso(one.due_at),
        "refused": one.refused or None,
    }


def _words(one: Preview) -> str:
    accounts = counted(len(one.person.accounts), "account")
    lines = [f"{accounts}, {counted(len(one.person.addresses), 'address', 'addresses')}."]
    for what, rows in (("Removed", one.removed), ("Blanked", one.blanked), ("Kept", one.kept)):
        each = ", ".join(f"{count} of {name}" for name, count in rows.items())
        lines.append(f"{what}: {each or 'nothing'}.")
    lines.append(f"Refused now: {one.refused}." if one.refused else "Ask for it with --apply.")
    return "\n".join(lines)


def _room(home: Path, database: Database) -> Privacy:
    known = settings(home)
    return Privacy(database, KeyRing(home), known.privacy, known.incidents.lead)

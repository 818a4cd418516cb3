"""``mailkeep watch consoles``, ``bring``, ``accept``: audit logs of third parties, on who used our
accounts there.

What audit logs tell is shown with names and addresses: whoever runs the command has the home and
its keys. ``accept`` goes into the audit log.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from mailkeep.base.clock import SystemClock, iso, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade
from mailkeep.watch import console_lines as room
from mailkeep.watch import packed
from mailkeep.watch.console_lines import SHORT, Line
from mailkeep.watch.consoles import Taken

from .house import DEFAULT_HOME, Home, Reason, operator, read, settings, write
from .output import Json, plain, result, table


def consoles(
    party: Annotated[str, typer.Option(help="Only what was done at this provider or party.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List what audit logs told of our accounts at third parties, the newest first."""
    known = settings(home)
    found = read(home, lambda tx: room.view(tx, KeyRing(home), party))
    text = table((_row(one) for one in found), "No audit log has told of anything so far.")
    if not known.console_log:
        text += "\nNone is brought in: there is no [[console_log]] in the settings."
    result([_document(one) for one in found], text, as_json=as_json)


def bring(
    log: Annotated[str, typer.Argument(help="Its name in the settings.")],
    file: Annotated[Path, typer.Argument(help="In the form of its kind, gzipped or not.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Bring lines of an audit log in, out of a file; what is known already changes nothing."""
    from mailkeep.app import wiring_observation, wiring_reports

    known = settings(home)
    if file.stat().st_size > packed.MAX_PACKED:
        raise BadSettings("the file is too large; bring its lines in parts")
    raw = file.read_bytes()

    async def take() -> Taken:
        database = Database(known.database_url(home), SystemClock())
        try:
            await upgrade(database)
            sending = wiring_reports.sending(known)
            return await wiring_observation.consoles(known, database, KeyRing(home), sending).take(
                log, raw
            )
        finally:
            await database.close()

    found = asyncio.run(take())
    counts = {name: getattr(found, name) for name in found.__struct_fields__}
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    result(counts, f"Lines: {text}.", as_json=as_json)


def accept(
    line: Annotated[list[str], typer.Argument(help="As `watch consoles` shows it; repeatable.")],
    reason: Reason,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that what an audit log told of was done by our own people."""

    async def work(database: Database, tx: Tx) -> tuple[str, ...]:
        return await room.accept(database, tx, line, by=operator(), reason=reason)

    done = write(home, work)
    result(
        {"accepted": list(done)},
        f"{counted(len(done), 'line is', 'lines are')} taken for ours.",
        as_json=as_json,
    )


def _row(one: Line) -> tuple[str, ...]:
    state = "announced" if one.expected else "open" if one.accepted_at is None else "accepted"
    who = one.who
    return (
        one.id[:SHORT],
        readable(one.at),
        one.party,
        one.act,
        "?" if who is None else plain(who.name),
        "" if who is None else plain(who.address),
        "" if who is None else plain(who.what),
        one.log,
        state,
    )


def _document(one: Line) -> dict[str, object]:
    who = one.who
    return {
        "id": one.id,
        "at": iso(one.at),
        "party": one.party,
        "act": one.act,
        "who": None if who is None else who.name,
        "address": None if who is None else who.address or None,
        "what": None if who is None else who.what or None,
        "line": None if who is None else who.line,
        "log": one.log,
        "announced": one.expected,
        "accepted_at": when(one.accepted_at),
        "by": one.accepted_by or None,
        "reason": one.reason or None,
    }

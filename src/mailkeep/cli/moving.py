"""``mailkeep accounts import`` and ``export``: import accounts from another system, export ours.

Security: a file of these holds addresses and password hashes. An export is readable by its owner
only; what was done stands in the audit chain with counts and the file's digest, and no address.
"""

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer

from mailkeep.accounts import importing
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.importing import Bad, Importing, Line
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.events import audit
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade

from . import house
from .house import DEFAULT_HOME, Home
from .output import FOUND, Json, Progress, result

AT_ONCE = max(2, os.cpu_count() or 2)
MOST_BAD = 100  #: bad lines that are named; the others are counted
BATCH = 500

File = Annotated[Path, typer.Argument(help="NDJSON, or CSV with a header when it ends in .csv.")]


class Taken(msgspec.Struct):
    """What came of the lines: ``taken``, ``there_already``; and the bad ones."""

    count: Counter[str] = msgspec.field(default_factory=Counter)
    bad: list[Bad] = msgspec.field(default_factory=list)


def take(
    file: File,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what would be taken over.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the good lines though others are bad.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take accounts of another system over. Begun again, it goes on where it was stopped."""
    classes = Classes(house.settings(home).accounts.classes)
    progress = Progress(f"reading {file.name}", quiet=as_json)
    bad, good = _look(file, classes)
    progress.say(f"{good} good lines, {len(bad)} bad")
    if check or (bad and not partial):
        _say({"good": good}, bad, as_json=as_json)
        if not check:
            progress.say("nothing was taken over; --partial takes the good lines")
        raise typer.Exit(FOUND if bad else 0)
    working = Progress("taking over", quiet=as_json)
    done = asyncio.run(_take(home, file, classes, good, working, _digest(file)))
    bad += done.bad
    taken: dict[str, object] = {
        "taken": done.count["taken"],
        "there_already": done.count["there_already"],
    }
    _say(taken, bad, as_json=as_json)
    if bad:
        raise typer.Exit(FOUND)


def give(
    file: Annotated[Path, typer.Argument(help="Where to write NDJSON; it must not be there.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write all accounts with addresses and password hashes, one a line. The hashes need the key
    ``pepper.key`` of the home, which is not in the file."""
    progress = Progress(f"writing {file.name}", quiet=as_json)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadSettings(f"{file} is there already") from error
    with os.fdopen(handle, "w") as out:
        count = asyncio.run(_give(home, out, progress))
        out.flush()
        os.fsync(out.fileno())
    result(
        {"accounts": count, "file": str(file)},
        f"{counted(count, 'account')} in {file}.",
        as_json=as_json,
    )


def _lines(file: Path, classes: Classes) -> Iterator[Line | Bad]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            for number, fields in importing.rows(opened, is_csv=file.suffix.lower() == ".csv"):
                yield importing.read(number, fields, classes)
    except UnicodeDecodeError as error:
        raise BadSettings(f"{file}: not UTF-8") from error


def _look(file: Path, classes: Classes) -> tuple[list[Bad], int]:
    """Every line is read before the first is taken over; an address that stands in two is bad."""
    bad: list[Bad] = []
    seen: set[str] = set()
    good = 0
    for line in _lines(file, classes):
        if isinstance(line, Bad):
            bad.append(line)
            continue
        keys = {one.lower() for one in line.addresses}
        if keys & seen:
            bad.append(Bad(line.number, "an address of an earlier line"))
            continue
        seen |= keys
        good += 1
    return bad, good


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def _take(
    home: Path, file: Path, classes: Classes, whole: int, progress: Progress, digest: str
) -> Taken:
    keys = KeyRing(home)
    database = Database(house.settings(home).database_url(home), SystemClock())
    slow = SlowHash(keys, at_once=AT_ONCE, reserved=0)
    rooms = Importing(database, keys, slow)
    done = Taken()
    at = 0
    try:
        await upgrade(database)
        async for group in _groups(file, classes):
            for became in await asyncio.gather(*map(rooms.take, group)):
                if isinstance(became, Bad):
                    done.bad.append(became)
                else:
                    done.count["there_already" if became is None else "taken"] += 1
            at += len(group)
            progress.at(at, whole)

        async def note(tx: Tx) -> None:
            data = {"file": digest, "taken": done.count["taken"], "bad": len(done.bad)}
            await audit.write(tx, house.operator(), "accounts.import", data)

        await database.retrying(note)
    finally:
        slow.close()
        await database.close()
    return done


async def _groups(file: Path, classes: Classes) -> AsyncIterator[list[Line]]:
    """As many good lines as are hashed at once; a second one of an address was told as bad."""
    group: list[Line] = []
    seen: set[str] = set()
    for line in _lines(file, classes):
        if isinstance(line, Bad):
            continue
        keys = {one.lower() for one in line.addresses}
        if keys & seen:
            continue
        seen |= keys
        group.append(line)
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group


async def _give(home: Path, out: TextIO, progress: Progress) -> int:
    database = Database(house.settings(home).database_url(home), SystemClock())
    after, count = "", 0
    try:
        while True:
            async with database.read() as tx:
                found = await importing.exported(tx, after, BATCH)
            if not found:
                break
            out.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in found)
            after, count = str(found[-1]["id"]), count + len(found)
            progress.say(f"{count} written")

        async def note(tx: Tx) -> None:
            await audit.write(tx, house.operator(), "accounts.export", {"accounts": count})

        await database.retrying(note)
    finally:
        await database.close()
    return count


def _say(counts: dict[str, object], bad: list[Bad], *, as_json: bool) -> None:
    bad.sort(key=lambda one: one.number)
    named = [{"line": one.number, "why": one.why} for one in bad[:MOST_BAD]]
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in counts.items()]
    lines += [f"bad: {len(bad)}"] if bad else []
    lines += [f"line {one['line']}: {one['why']}" for one in named]
    result({**counts, "bad": len(bad), "lines": named}, "\n".join(lines), as_json=as_json)

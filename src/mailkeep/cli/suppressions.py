"""``mailkeep suppressions``: our own list of addresses that some mail is held back from."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, when
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.events import audit
from mailkeep.mail import suppressions
from mailkeep.mail.suppression_files import Row, Said, read
from mailkeep.mail.suppressions import Entry, Listed, Put
from mailkeep.mail.types import SuppressionReason
from mailkeep.store.database import Database, Tx

from . import house
from .house import DEFAULT_HOME, Home, at_length, operator, read_long, settings, write
from .output import Json, Progress, group, note, result, table

BATCH = 500  #: entries in one transaction: nothing else waits long for it
SHOWN = 20  #: lines that are told of which cannot be read

app = group("Our own list of addresses that some mail is held back from.")

Stream = Annotated[
    str, typer.Option(help="It holds in this stream; without it in all that mind the list.")
]
Why = Annotated[SuppressionReason | None, typer.Option(help="For this reason only.")]


@app.command("import")
def bring(
    file: Annotated[Path, typer.Argument(help="CSV, lines of JSON, or one JSON document.")],
    provider: Annotated[str, typer.Option(help="Whose list it is, to be told later.")] = "",
    reason: Annotated[
        SuppressionReason | None, typer.Option(help="Of the lines that name none.")
    ] = None,
    stream: Stream = "",
    check: Annotated[
        bool, typer.Option("--check", help="Say what would be; write nothing.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the good lines though others are bad.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take over a list that a provider exported; all of it is read before a line is written."""
    said = Said(reason, provider[:40], stream, _stream(home, stream))
    good, bad, reasons = 0, 0, Counter[str]()
    problems: list[dict[str, object]] = []
    for row in _rows(file, said):
        if row.entry is None:
            bad += 1
            if len(problems) < SHOWN:
                problems.append({"line": row.line, "problem": row.problem})
        else:
            good += 1
            reasons[row.entry.reason.value] += 1
    for one in problems:
        note(f"line {one['line']}: {one['problem']}")
    if bad > len(problems):
        note(f"and {bad - len(problems)} more lines that cannot be taken")
    stops = bool(bad) and not partial
    done = Put()
    if good and not check and not stops:
        done = _write(home, file, said, good, quiet=as_json)
    document = {
        "lines": good + bad,
        "bad": bad,
        "problems": problems,
        "reasons": dict(reasons),
        "written": not check and not stops,
        "new": done.new,
        "known": done.known,
        "over": done.over,
        "minding": _minding(home),
    }
    words = ", ".join(f"{number} {name}" for name, number in sorted(reasons.items()))
    if check or stops:
        text = f"{good} of {good + bad} lines can be taken ({words or 'none'}); nothing was written"
    else:
        text = f"{done.new} new, {done.known} known before, {done.over} ended already ({words})"
    result(document, text, as_json=as_json)
    if not document["minding"]:
        note("No stream minds the list: say suppress = [...] in its [[stream]].")
    if bad:
        raise typer.Exit(1)


@app.command("list")
def show(
    address: Annotated[str, typer.Option(help="The entries of this address only.")] = "",
    reason: Why = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List who is on it: why, in which streams, by whose list, who put them there, until when."""

    async def work(tx: Tx) -> tuple[list[Listed], Counter[str]]:
        if address:
            known = await suppressions.of(tx, KeyRing(home), _address(address))
            found = [one for one in known if reason in (None, one.reason)]
        else:
            found = await suppressions.page(tx, None, limit, reason=reason)
        return found, await suppressions.counts(tx)

    found, counts = house.read(home, work)
    rows = [
        (
            one.address or one.address_id,
            one.reason.value,
            one.stream or "every stream",
            one.provider or "-",
            one.by,
            f"until {when(one.expires_at)}" if one.expires_at else "",
        )
        for one in found
    ]
    document = {"entries": [_document(one) for one in found], "counts": dict(counts)}
    none = "Nobody is on the list." if not address else "This address is not on the list."
    result(document, table(rows, none), as_json=as_json)


@app.command()
def add(
    address: str,
    reason: Annotated[SuppressionReason, typer.Option(help="Why.")] = SuppressionReason.MANUAL,
    stream: Stream = "",
    days: Annotated[float | None, typer.Option(min=0.01, help="It ends after so many.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Put an address on it; audited."""
    _stream(home, stream)
    found = _address(address)

    async def work(database: Database, tx: Tx) -> Put:
        ends = None if days is None else tx.now + round(days * DAY)
        entry = Entry(found, reason, stream, expires_at=ends)
        return await suppressions.add(database, tx, KeyRing(home), entry, by=operator())

    done = write(home, work)
    minding = _minding(home)
    text = "It is on the list." if done.new else "It was on the list, and is said anew."
    result({"new": bool(done.new), "minding": minding}, text, as_json=as_json)
    if not minding:
        note("No stream minds the list: say suppress = [...] in its [[stream]].")


@app.command()
def remove(
    address: str,
    reason: Why = None,
    stream: Annotated[
        str | None, typer.Option(help="Only what holds in this stream; '' is every stream.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take an address off it; audited. Mail that was held back is sent by `messages requeue`."""
    found = _address(address)
    streams = None if stream is None else (stream,)

    async def work(database: Database, tx: Tx) -> int:
        keys = KeyRing(home)
        return await suppressions.remove(
            database, tx, keys, found, reason=reason, streams=streams, by=operator()
        )

    gone = write(home, work)
    text = f"{gone} entries are gone." if gone else "This address was not on the list."
    result({"removed": gone}, text, as_json=as_json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: lines of JSON; it must not be there.")],
    reason: Why = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write all of it as lines of JSON, readable by you only; `import` reads them again."""

    async def work(database: Database) -> int:
        count, last = 0, None
        where = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(where, "wb") as out:
            while True:
                async with database.read() as tx:
                    found = await suppressions.page(tx, last, BATCH, reason=reason)
                for one in found:
                    if one.address:  # who was erased has none to be written
                        out.write(msgspec.json.encode(_document(one)) + b"\n")
                        count += 1
                if len(found) < BATCH:
                    return count
                last = found[-1].address_id, found[-1].stream, found[-1].reason.value

    count = read_long(home, work)

    async def told(_database: Database, tx: Tx) -> None:
        await audit.write(tx, operator(), "export_suppressions", {"entries": count})

    write(home, told)
    result({"file": str(file), "entries": count}, f"{count} entries: {file}", as_json=as_json)


def _write(home: Path, file: Path, said: Said, whole: int, *, quiet: bool) -> Put:
    """Write what was found good, a batch at a time; repeated after a kill it writes the same."""
    keys, progress = KeyRing(home), Progress("taking the list over", quiet=quiet)

    async def work(database: Database) -> Put:
        done, seen, batch = Put(), 0, list[Entry]()

        async def flush() -> None:
            nonlocal done
            entries = tuple(batch)
            batch.clear()
            by = operator()
            done += await database.retrying(lambda tx: suppressions.put(tx, keys, entries, by=by))
            progress.at(seen, whole)

        for row in _rows(file, said):
            if row.entry is not None:
                seen += 1
                batch.append(row.entry)
            if len(batch) == BATCH:
                await flush()
        if batch:
            await flush()
        entry = {"provider": said.provider, "new": done.new, "known": done.known}
        async with database.write() as tx:
            await audit.write(tx, operator(), "import_suppressions", entry)
        return done

    return at_length(home, work)


def _rows(file: Path, said: Said) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        yield from read(lines, said)


def _stream(home: Path, stream: str) -> frozenset[str]:
    """The streams that there are. Raises ``BadSettings`` where this one is not among them."""
    known = frozenset(settings(home).streams())
    if stream and stream not in known:
        raise BadSettings(f"no stream {stream!r}{nearest(stream, known)}")
    return known


def _minding(home: Path) -> list[str]:
    return [one.name for one in settings(home).stream if one.suppress]


def _address(text: str) -> str:
    try:
        return addresses.parse(text)
    except Invalid as error:
        raise BadSettings("that is not a mail address") from error


def _document(one: Listed) -> dict[str, object]:
    return {
        "address": one.address,
        "reason": one.reason.value,
        "stream": one.stream,
        "provider": one.provider,
        "by": one.by,
        "added_at": when(one.added_at),
        "since": when(one.since),
        "expires_at": when(one.expires_at),
    }

"""``mailkeep watch``: current suspicions with their reasons; export and replay the event log."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from mailkeep.app import canary_ties
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant, SystemClock, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import head, placed_through
from mailkeep.incidents import suspicions
from mailkeep.incidents.suspicions import Standing, Suspicion
from mailkeep.store.database import Database
from mailkeep.watch import logs, queries
from mailkeep.watch.types import Signal, WatchSettings

from . import documents
from .house import DEFAULT_HOME, Home, read, read_long, settings
from .output import FOUND, Json, Progress, group, note, plain, result

app = group("What may be going on; the log again, measured and tuned.", alone=True)

AT_ONCE = 5000  #: facts read in one transaction
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}

Log = Annotated[
    Path | None, typer.Argument(help="A file that `mailkeep watch export` wrote; else this home's.")
]


@app.callback()
def alone(context: typer.Context, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say what may be going on with our providers and customers, and why."""
    if context.invoked_subcommand is None:
        opinions(as_json=as_json, home=home)


@app.command("list")
def opinions(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say what may be going on, and why; so does `mailkeep watch` alone."""
    watch = settings(home).watch
    found = read(home, lambda tx: suspicions.listing(tx, watch))
    text = "\n".join(map(_words, found)) or "Nothing speaks for anything unusual."
    result({"opinions": [documents.suspicion(one) for one in found]}, text, as_json=as_json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    since: Annotated[str, typer.Option(help="Only what is younger than so long, as 30d.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the log of facts as JSON lines, for a replay elsewhere; pseudonymous."""
    start = SystemClock().now() - span(since) if since else None
    progress = Progress("writing the log", quiet=as_json)

    async def work(database: Database) -> int:
        async with database.read() as tx:
            last, through = await head(tx), await placed_through(tx)
            position = 0 if start is None else await queries.place_at(tx, start)
        count = 0
        with file.open("xb") as out:
            out.write(next(logs.write(logs.Head(logs.FORMAT, through, position), ())))
            async for line in _live(database, position, last):
                out.write(logs.encode(line))
                count += 1
                progress.at(line.position, last)
        return count

    try:
        count = read_long(home, work)
    except FileExistsError as error:
        raise BadSettings(f"{file} is there already") from error
    text = f"{count} facts are in {file}."
    result({"file": str(file), "facts": count}, text, as_json=as_json)


@app.command()
def replay(
    log: Log = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let every detector read the log again; ends with 1 where it says other things than then."""
    found = replayed(log, home, quiet=as_json)
    compared = found.compared()
    differs = bool(compared.missing or compared.new)
    unknown = dict(sorted(found.unknown.items()))
    document = {
        "facts": found.facts,
        "unknown": unknown,
        "since": when(found.first),
        "through": when(found.engine.clock),
        "same": compared.same,
        "missing": compared.missing,
        "new": compared.new,
        "signals": [signal(one) for one in found.signals],
    }
    lines = [
        f"{readable(one.at)}  {one.detector}  {one.subject.id}: {one.reason}"
        for one in found.signals
    ]
    lines.append(
        f"{found.facts} facts, {len(found.signals)} signals: {compared.same} as they were raised "
        f"then, {compared.missing} raised then and not now, {compared.new} now and not then."
    )
    if unknown:
        lines.append(f"Skipped, of kinds that this version does not know: {found.unknown.total()}.")
    if differs:
        lines.append(
            "They differ where the log begins later than the watch did, or where detectors or "
            "their settings have changed."
        )
    result(document, "\n".join(map(plain, lines)), as_json=as_json)
    if differs:
        raise typer.Exit(FOUND)


def _words(one: Suspicion) -> str:
    """A suspicion with its sum, a line a term."""
    head = {
        Standing.HELD: f"OPEN, {one.incident}",
        Standing.CLOSED: "closed by a person on these signs",
        Standing.BELOW: "below the line",
    }[one.standing]
    said = "\n".join(map(plain, one.opinion.explain().split("\n")))
    if one.first is None or one.last is None:
        return f"[{head}] {said}"
    return f"[{head}] {said}\n  signs from {readable(one.first)} to {readable(one.last)}"


def replayed(log: Path | None, home: Path, *, quiet: bool) -> logs.Replay:
    """A log through every detector: a file's, or this home's. Raises ``Invalid``."""
    found = logs.Replay(watch_settings(home, needed=log is None, quiet=quiet))
    found.end(over(log, home, found.take, quiet=quiet))
    return found


def over(
    log: Path | None, home: Path, take: Callable[[logs.Line], None], *, quiet: bool
) -> Instant:
    """Hand each line of a log on; returns how far the log's time had passed. Raises ``Invalid``."""
    progress = Progress("reading the log", quiet=quiet)
    if log is not None:
        with log.open("rb") as file:
            head_line = logs.head_of(file.readline())
            whole = log.stat().st_size
            for line in _lines(file):
                take(line)
                progress.at(file.tell(), whole)
        return head_line.through

    async def work(database: Database) -> Instant:
        async with database.read() as tx:
            last, through = await head(tx), await placed_through(tx)
        async for line in _live(database, 0, last):
            take(line)
            progress.at(line.position, last)
        return through

    return read_long(home, work)


def watch_settings(home: Path, *, needed: bool, quiet: bool) -> WatchSettings:
    """The detectors' settings of a home; the defaults where there is none and it is not needed."""
    try:
        return canary_ties.detectors(settings(home), KeyRing(home))
    except BadSettings:
        if needed or (home / "mailkeep.toml").exists():
            raise
    if not quiet:
        note("There is no Mailkeep here: the detectors have their default settings.")
    return WatchSettings()


def span(text: str) -> int:
    """How long ``30d``, ``12h``, ``5m`` or ``10s`` is, in microseconds. Raises ``BadSettings``."""
    try:
        number, unit = float(text[:-1]), _UNITS[text[-1:]]
    except (ValueError, KeyError) as error:
        raise BadSettings(f"say how long as 30d, 12h, 5m or 10s, not {text!r}") from error
    if not 0 < number < 1e6:
        raise BadSettings(f"say how long as 30d, 12h, 5m or 10s, not {text!r}")
    return round(number * unit)


def signal(one: Signal) -> dict[str, object]:
    """A signal as JSON."""
    return {
        "detector": one.detector,
        "family": one.family.value,
        "subject": {"kind": one.subject.kind, "id": one.subject.id},
        "at": when(one.at),
        "evidence": {name.value: nats for name, nats in one.evidence.items()},
        "reason": one.reason,
        "events": one.events,
        "own_observation": one.own_observation,
        "forger": one.forger.value,
        "half_life": one.half_life,
        "expires_at": when(one.expires_at),
        "restates": one.restates,
        "backs": one.backs,
    }


def _lines(file: BinaryIO) -> Iterator[logs.Line]:
    for number, text in enumerate(iter(file.readline, b""), start=2):
        yield logs.line_of(text, number)


async def _live(database: Database, position: int, last: int) -> AsyncIterator[logs.Line]:
    wanted = logs.kinds()
    while position < last:
        async with database.read() as tx:
            batch = await queries.lines(tx, position, AT_ONCE, wanted)
        if not batch:
            return
        for line in batch:
            if line.position > last:
                return
            yield line
        position = batch[-1].position

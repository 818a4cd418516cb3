"""``python -m mailkeep_bench``: what the gateway does on this machine, beside Postfix."""

import argparse
import asyncio
import dataclasses
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from . import goals, machine, postfix, report
from .bench import Bench, Options
from .children import Broken
from .results import Row, Run
from .rows.catalogue import ROWS

_MISSED = 1  # exit codes
_BROKEN = 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m mailkeep_bench", description=__doc__)
    made.add_argument("--only", action="append", choices=sorted(ROWS), metavar="ROW", default=[])
    made.add_argument("--quick", action="store_true", help="short rounds, few of them")
    made.add_argument("--own", action="store_true", help="without Postfix")
    made.add_argument("--rounds", type=int, help="of each system, in turn (5)")
    made.add_argument("--messages", type=int, help="in a round (4000); five times that in batches")
    made.add_argument("--connections", type=int, default=50, help="of the load by HTTP")
    made.add_argument("--sessions", type=int, default=30, help="of the load by SMTP")
    made.add_argument("--concurrency", type=int, default=20, help="of Mailkeep's streams")
    made.add_argument("--depth", type=int, help="bulk that waits while recoveries are timed")
    made.add_argument("--samples", type=int, help="recoveries that are timed (300)")
    made.add_argument("--million", action="store_true", help="also the row “memory”; minutes")
    made.add_argument("--queued", type=int, default=1_000_000, help="messages of “memory”")
    made.add_argument("--soak", type=float, metavar="SECONDS", help="also the row “life”")
    made.add_argument("--rate", type=float, default=1000.0, help="messages a second of “life”")
    made.add_argument("--batch", type=int, default=0, help="to a request of “life”; 0 is no batch")
    made.add_argument("--retention", type=float, metavar="HOURS", help="of “life” (1)")
    made.add_argument("--profile", type=Path, metavar="DIR", help="where Mailkeep's time goes")
    made.add_argument("--place", type=Path, help="directory on the disk that is to be measured")
    made.add_argument(
        "--json", type=Path, metavar="PATH", help="write all figures there; - is here"
    )
    made.add_argument("--markdown", type=Path, metavar="PATH", help="write the report there")
    made.add_argument("--list", action="store_true", help="name the rows and end")
    made.add_argument("--keep", action="store_true", help="keep homes and logs, say where")
    return made


def options(args: argparse.Namespace) -> Options:
    """What was asked for, with the defaults of the usual or the quick run (pure)."""
    quick = args.quick
    return Options(
        rounds=args.rounds or (2 if quick else 5),
        messages=args.messages or (400 if quick else 4000),
        seconds=10.0 if quick else 30.0,
        connections=args.connections,
        sessions=args.sessions,
        concurrency=args.concurrency,
        own=args.own,
        depth=args.depth or (2000 if quick else 100_000),
        samples=args.samples or (60 if quick else 300),
        queued=args.queued,
        soak=args.soak or 60.0,
        rate=args.rate,
        batch=args.batch,
        retention=args.retention or 1.0,
        profile=None if args.profile is None else args.profile.resolve(),
    )


def chosen(args: argparse.Namespace) -> list[str]:
    """The rows to run (pure)."""
    if args.only:
        return [name for name in ROWS if name in args.only]
    extra = {"memory"} if args.million else set()
    extra |= {"life"} if args.soak else set()
    return [name for name, entry in ROWS.items() if not entry.asked or name in extra]


async def run(names: list[str], asked: Options, directory: Path, console: Console) -> Run:
    """Measure these rows, one after the other; a row that breaks does not end the others."""
    about = machine.about(directory, await postfix.version())
    found = Run(about | {"asked for": asked.words()}, [])
    with console.status("") as status:

        def say(text: str) -> None:
            status.update(text)

        async with Bench(asked, directory, say) as bench:
            for name in names:
                row = Row(name, ROWS[name].title)
                found.rows.append(row)
                try:
                    await ROWS[name].measure(bench, row)
                except Broken as error:
                    row.broken = str(error)
                found.verdicts += [] if row.broken else goals.judge(row)
                show(found, row, console)
    return found


def show(found: Run, row: Row, console: Console) -> None:
    """One row, as soon as it is measured."""
    table = Table(title=row.title, title_justify="left", title_style="bold")
    table.add_column("system")
    table.add_column("measure")
    for name in ("min", "median", "max", "ratio"):
        table.add_column(name, justify="right")
    for line in report.lines(row):
        table.add_row(*line)
    console.print()
    if row.series:
        console.print(table)
        if row.counted:
            console.print(f"{row.counted:,} messages counted.", highlight=False)
    else:
        console.print(row.title, style="bold")
    if row.absent:
        console.print(f"Not measured: {row.absent}.", markup=False)
    if row.broken:
        console.print(f"Broken off: {row.broken}", markup=False, style="red")
    if row.short:
        console.print(f"Not judged: {row.short}.", markup=False, highlight=False)
    for note in row.notes:
        console.print(note, markup=False, highlight=False)
    for one in found.verdicts:
        if one.row == row.name:
            style = {True: "green", False: "yellow", None: "dim"}[one.met]
            console.print(report.verdict(one), style=style, highlight=False)


def listing(console: Console) -> int:
    """Name the rows."""
    for name, entry in ROWS.items():
        asked = " (when asked for)" if entry.asked else ""
        console.print(f"{name:<16}{entry.title}{asked}", highlight=False)
    return 0


def write(found: Run, figures: Path | None, text: Path | None) -> None:
    """Write the figures as JSON (``-`` is standard output) and the report, where asked for."""
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=1)
    if figures == Path("-"):
        sys.stdout.write(encoded.decode() + "\n")
    elif figures is not None:
        figures.write_bytes(encoded)
    if text is not None:
        text.write_text(report.markdown(found), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when every goal that was measured was met, 1 when not, 2 when a row broke."""
    args = parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    console = Console(stderr=args.json == Path("-"))
    if args.list:
        return listing(console)
    place = (args.place or Path(tempfile.gettempdir())).resolve()
    if machine.in_memory(place):
        console.print(f"{place} is in memory: nothing is durable there. Say another with --place.")
        return _BROKEN
    wanted = options(args)
    if not wanted.own and (why := postfix.missing(place)):
        console.print(f"Without Postfix: {why}.", highlight=False)
        wanted = dataclasses.replace(wanted, own=True)
    directory = Path(tempfile.mkdtemp(prefix="mailkeep-bench-", dir=place))
    directory.chmod(0o755)  # Postfix's own user must get through
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored behind "&"
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: everything is ended in good order
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        found = asyncio.run(run(chosen(args), wanted, directory, console))
    except Broken as error:
        console.print(f"The benchmark broke off: {error}", markup=False, style="red")
        console.print(f"Logs: {directory}", highlight=False)
        return _BROKEN
    except KeyboardInterrupt:
        console.print("Stopped.")
        shutil.rmtree(directory, ignore_errors=True)
        return _BROKEN
    write(found, args.json, args.markdown)
    broken = [row for row in found.rows if row.broken]
    if args.keep or broken:
        console.print(f"Homes and logs: {directory}", highlight=False)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if broken:
        return _BROKEN
    return _MISSED if any(one.met is False for one in found.verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())

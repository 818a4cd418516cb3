"""``python -m mailkeep_drill``: the 8th of August 2022, against an ordinary set-up and Mailkeep."""

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import msgspec
from rich.console import Console

from . import report, show
from .processes import NotStarted
from .record import Facts
from .report_words import AUGUST, Words, of_scenario
from .scorecard import Card, score
from .stage import ALL, Options, Stage
from .systems.base import Failed

_MISSED = 1  # exit codes
_BROKEN = 2


def options(arguments: list[str]) -> tuple[Options, Path, bool]:
    """Read the command line: (options, where the report goes, whether to keep what ran)."""
    parser = argparse.ArgumentParser(prog="python -m mailkeep_drill", description=__doc__)
    parser.add_argument("--customers", type=int, default=200, help="who have an account on each")
    parser.add_argument("--attacked", type=int, default=40, help="accounts the thief goes for")
    parser.add_argument("--reader", choices=("a", "b", "both"), default="both")
    parser.add_argument("--rate", type=float, default=2.0, help="background mails a second")
    parser.add_argument("--fast", action="store_true", help="fewer and shorter; for tests")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--kill9", type=int, default=0, metavar="N", help="SIGKILLs while it runs")
    parser.add_argument("--without-ordinary", action="store_true", help="only Mailkeep")
    parser.add_argument(
        "--at-once",
        type=int,
        metavar="N",
        help="runs played beside each other: one more than there are cores; all with --fast",
    )
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="play this one, and no other")
    parser.add_argument("--report", type=Path, default=Path("drill-report"))
    parser.add_argument("--keep", action="store_true", help="keep databases and logs, say where")
    args = parser.parse_args(arguments)
    if not 12 <= args.customers <= 1000:
        parser.error("--customers: 12 to 1000")
    if not 2 <= args.attacked <= args.customers - 8:
        parser.error("--attacked: from 2 to 8 less than there are customers")
    if not 0.5 <= args.rate <= 20:
        parser.error("--rate: 0.5 to 20")
    if not 0 <= args.kill9 <= 20:
        parser.error("--kill9: 0 to 20")
    if args.at_once is not None and not 1 <= args.at_once <= ALL:
        parser.error(f"--at-once: 1 to {ALL}")
    if args.scenario is not None and not args.scenario.is_file():
        parser.error(f"--scenario: there is no file {args.scenario}")
    chosen = Options(
        customers=args.customers,
        attacked=args.attacked,
        reader=args.reader,
        rate=args.rate,
        fast=args.fast,
        seed=args.seed,
        kills=args.kill9,
        ordinary=not args.without_ordinary and args.scenario is None,
        scenario=args.scenario,
        at_once=args.at_once or (ALL if args.fast else min((os.cpu_count() or 1) + 1, ALL)),
    )
    return chosen, args.report, args.keep


async def _drill(chosen: Options, home: Path, console: Console) -> list[Facts]:
    stage = Stage(chosen, home)
    try:
        await stage.open()
        watching = asyncio.create_task(show.watch(stage, console))
        try:
            return await stage.play()
        finally:
            await asyncio.sleep(0.6)  # the last words are still to be shown
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    finally:
        await stage.close()


def write(
    directory: Path, cards: list[Card], runs: list[Facts], about: dict[str, str], words: Words
) -> None:
    """Write the scorecard, for machines and for people."""
    directory.mkdir(parents=True, exist_ok=True)
    everything = {"about": about, "passed": all(c.passed for c in cards), "cards": cards}
    text = msgspec.json.format(msgspec.json.encode({**everything, "runs": runs}), indent=1)
    (directory / "scorecard.json").write_bytes(text)
    (directory / "scorecard.md").write_text(report.markdown(cards, about, words), encoding="utf-8")
    (directory / "scorecard.html").write_text(
        report.page(cards, runs, about, words), encoding="utf-8"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the drill; 0 when every target was met, 1 when one was missed, 2 when it broke off."""
    chosen, directory, keep = options(sys.argv[1:] if arguments is None else arguments)
    console = Console()
    if chosen.ordinary and find_spec("allauth") is None:
        console.print("The ordinary set-up needs the extra “drill”: pip install mailkeep\\[drill]")
        return _BROKEN
    home = Path(tempfile.mkdtemp(prefix="mailkeep-drill-"))
    runs: list[Facts] = []
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: everything is ended in good order
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        runs = asyncio.run(_drill(chosen, home, console))
    except* (NotStarted, Failed) as broken:
        for error in broken.exceptions:
            console.print(f"The drill broke off: {error}", markup=False)
    except* KeyboardInterrupt:
        console.print("Stopped.")
    if not runs:
        console.print(f"Logs: {home}", highlight=False)
        return _BROKEN
    cards = [score(facts) for facts in runs]
    about = {
        "customers": str(chosen.customers),
        "background mail": f"{chosen.rate:g} a second",
        "seed": str(chosen.seed),
        "script": "fast" if chosen.fast else "usual",
        "SIGKILLs": str(chosen.kills),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    played = chosen.scenario
    words = AUGUST if played is None else of_scenario(runs[0].title, played)
    write(directory, cards, runs, about, words)
    show.summary(cards, console, words)
    console.print(f"Report: {directory / 'scorecard.html'}", highlight=False)
    if keep:
        console.print(f"Kept: {home}", highlight=False)
    else:
        import shutil

        shutil.rmtree(home, ignore_errors=True)
    return 0 if all(card.passed for card in cards) else _MISSED


if __name__ == "__main__":
    sys.exit(main())

"""``python -m mailkeep_drill.matrix --size 2 --report matrix.md``

Beside a report stands the same for programs, ``matrix.json``.
"""

import argparse
import asyncio
import sys
import traceback
from pathlib import Path

from .report import document, markdown, verdict
from .search import open_kinds, sets
from .words import AT_STOCK, STOCK_KINDS, Can, Cell, Kind
from .world import PATIENCE, play


def main() -> int:
    """Play, write the report, and say with 1 that a single third party won something, with 2
    that a set broke off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1, help="largest set of capabilities")
    parser.add_argument(
        "--only", action="append", default=[], help="capabilities, by name (READS_A)"
    )
    parser.add_argument("--kind", action="append", default=[], help="kinds of account, by name")
    parser.add_argument("--at-once", type=int, default=2, help="systems that run side by side")
    parser.add_argument("--stock", action="store_true", help="at a stock allauth site instead")
    parser.add_argument("--report", type=Path, help="where the report goes; standard output")
    chosen = parser.parse_args()
    possible = AT_STOCK if chosen.stock else list(Can)
    capabilities = [Can[name] for name in chosen.only] or possible
    kinds = [Kind[name] for name in chosen.kind] or (STOCK_KINDS if chosen.stock else list(Kind))
    played = Played(chosen.report, kinds)
    asyncio.run(run(played, capabilities, chosen.size, chosen.at_once, stock=chosen.stock))
    if chosen.report is None:
        sys.stdout.write(f"{played.text()}\n")
    lost = [] if chosen.stock else verdict(played.cells)
    for one in lost:
        _say(one)
    return 2 if played.broken else 1 if lost else 0


class Played:
    """What has been played by now; the report is written anew after each set, so that a run that
    is ended leaves what it saw.

    Attributes:
        kinds: of account.
        broken: sets that could not be played to their end, and why.
    """

    def __init__(self, report: Path | None, kinds: list[Kind]) -> None:
        self.cells: list[Cell] = []
        self.broken: list[str] = []
        self._report = report
        self.kinds = kinds

    def add(self, can: frozenset[Can], found: list[Cell]) -> None:
        self.cells += found
        told = "; ".join(f"{cell.kind}: {_word(cell)}" for cell in found)
        self._told(f"{' + '.join(sorted(can))}: {told}")

    def broke(self, can: frozenset[Can], error: Exception) -> None:
        self.broken.append(f"{' + '.join(sorted(can))}: {error!r}")
        self._told(f"{self.broken[-1]}\n{''.join(traceback.format_exception(error))}")

    def text(self) -> str:
        return markdown(self.cells, self.kinds, PATIENCE, self.broken)

    def _told(self, said: str) -> None:
        _say(said)
        if self._report is not None:
            self._report.write_text(f"{self.text()}\n")
            written = document(self.cells, PATIENCE)
            self._report.with_suffix(".json").write_text(f"{written}\n")


async def run(
    played: Played, capabilities: list[Can], size: int, at_once: int, *, stock: bool
) -> None:
    """All sets up to a size, small ones first; a set that breaks off ends no other."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int, can: frozenset[Can], left: list[Kind]) -> None:
        async with places:
            try:
                found = await play(can, left, number, stock=stock)
            except Exception as error:
                played.broke(can, error)
            else:
                played.add(can, found)

    for count in range(1, size + 1):
        won = [cell for cell in played.cells if cell.lost]
        todo = [
            (can, left)
            for can in sets(capabilities, count)
            if (left := open_kinds(can, played.kinds, won))
        ]
        await asyncio.gather(*(one(number, *which) for number, which in enumerate(todo)))


def _word(cell: Cell) -> str:
    return "lost" if cell.lost else "locked out" if cell.locked_out else f"kept, {cell.how}"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

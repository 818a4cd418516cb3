"""``python -m mailkeep_drill.matrix --size 2 --report matrix.md``

Beside a report stands the same for programs, ``matrix.json``.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from .report import document, markdown, verdict
from .search import open_kinds, sets
from .words import AT_STOCK, STOCK_KINDS, Can, Cell, Kind
from .world import PATIENCE, play


def main() -> int:
    """Play, write the report, and say with 1 that a single third party won something."""
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
    cells = asyncio.run(run(capabilities, kinds, chosen.size, chosen.at_once, stock=chosen.stock))
    text = markdown(cells, kinds, PATIENCE)
    if chosen.report:
        chosen.report.write_text(f"{text}\n")
        chosen.report.with_suffix(".json").write_text(f"{document(cells, PATIENCE)}\n")
    else:
        sys.stdout.write(f"{text}\n")
    broken = [] if chosen.stock else verdict(cells)
    for one in broken:
        _say(one)
    return 1 if broken else 0


async def run(
    capabilities: list[Can], kinds: list[Kind], size: int, at_once: int, *, stock: bool
) -> list[Cell]:
    """All sets up to a size, small ones first."""
    cells: list[Cell] = []
    places = asyncio.Semaphore(at_once)

    async def one(number: int, can: frozenset[Can], left: list[Kind]) -> list[Cell]:
        async with places:
            found = await play(can, left, number, stock=stock)
        told = "; ".join(f"{cell.kind}: {_word(cell)}" for cell in found)
        _say(f"{' + '.join(sorted(can))}: {told}")
        return found

    for count in range(1, size + 1):
        won = [cell for cell in cells if cell.lost]
        todo = [
            (can, left)
            for can in sets(capabilities, count)
            if (left := open_kinds(can, kinds, won))
        ]
        played = (one(number, can, left) for number, (can, left) in enumerate(todo))
        for found in await asyncio.gather(*played):
            cells += found
    return cells


def _word(cell: Cell) -> str:
    return "lost" if cell.lost else "locked out" if cell.locked_out else f"kept, {cell.how}"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Renders the matrix as Markdown (pure)."""

import json
from collections.abc import Iterable, Sequence

from .search import smallest
from .words import STATED, THIRD_PARTY, Can, Cell, Kind


def verdict(cells: Iterable[Cell]) -> list[str]:
    """What breaks the promise: a single capability at a third party that wins anything."""
    return [
        f"{_names(cell.can)} against {cell.kind}: "
        + (f"lost; {cell.how}" if cell.lost else "its owner did not get back in")
        for cell in cells
        if len(cell.can) == 1 and cell.can <= THIRD_PARTY and (cell.lost or cell.locked_out)
    ]


def markdown(
    cells: Sequence[Cell], kinds: Sequence[Kind], patience: float, broken: Sequence[str] = ()
) -> str:
    """The report: singles as a table, then the smallest winning sets, then what was not played, and
    what broke off."""
    lines = ["## One capability alone", ""]
    lines += ["| | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    by = {(cell.can, cell.kind): cell for cell in cells}
    for can in (one for one in Can if any(cell.can == {one} for cell in cells)):
        row = [by.get((frozenset({can}), kind)) for kind in kinds]
        mark = " (third party)" if can in THIRD_PARTY else ""
        lines.append(f"| {can}{mark} | " + " | ".join(_cell(cell) for cell in row) + " |")
    for lost, title in (
        (True, "Smallest sets that take an account"),
        (False, "Smallest sets that lock its owner out"),
    ):
        lines += ["", f"## {title}", ""]
        found = smallest(cells, lost=lost)
        for kind in kinds:
            for one in found.get(kind, []):
                how = next(
                    (cell.how for cell in cells if cell.can == one and cell.kind == kind), ""
                )
                lines.append(f"- **{kind}**: {_names(one)}" + (f" ({how})" if lost else ""))
        if not found:
            lines.append("None.")
    lines += ["", "## Not played", ""]
    lines += [f"- {name}: {why}." for name, why in STATED.items()]
    if broken:
        lines += ["", "## Broke off", "", *(f"- {one}." for one in broken)]
    lines += ["", f"An owner counts as locked out after {patience:.0f} seconds of trying."]
    return "\n".join(lines)


def document(cells: Sequence[Cell], patience: float) -> str:
    """The same for programs, as JSON: names and not words, so that it can be held to a model."""
    rows = [
        {
            "can": sorted(one.name for one in cell.can),
            "kind": cell.kind.name,
            "lost": cell.lost,
            "locked_out": cell.locked_out,
            "how": cell.how,
        }
        for cell in sorted(cells, key=lambda one: (len(one.can), sorted(one.can), one.kind))
    ]
    written = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{{"patience": {patience:.0f}, "cells": [\n{written}\n]}}'


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "not played"
    if cell.lost:
        return f"**lost**: {cell.how}"
    if cell.locked_out:
        return f"**locked out**: {cell.how}"
    return f"kept; {cell.how}; owner back after {cell.back:.0f} s"


def _names(can: frozenset[Can]) -> str:
    return " + ".join(sorted(can))

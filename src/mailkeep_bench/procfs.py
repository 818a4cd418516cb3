"""Reads CPU time and memory of a process tree from ``/proc`` (proc(5))."""

import os
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """What of ``/proc/PID/stat`` is used; ticks include children that were waited for."""

    pid: int
    parent: int
    ticks: int
    pages: int


def parse(text: str) -> Stat:
    """Read a line of ``/proc/PID/stat``. The name may hold spaces and brackets."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    # Fields 4, 14 to 17 and 24 of proc(5), whose first two are before the bracket.
    ticks = sum(int(fields[place - 3]) for place in (14, 15, 16, 17))
    return Stat(int(head.split()[0]), int(fields[1]), ticks, int(fields[21]))


def family(stats: list[Stat], root: int) -> list[Stat]:
    """``root`` and all below it (pure)."""
    below: dict[int, list[Stat]] = {}
    for one in stats:
        below.setdefault(one.parent, []).append(one)
    found = [one for one in stats if one.pid == root]
    for one in found:
        found.extend(below.get(one.pid, []))
    return found


def _family(root: int) -> list[Stat]:
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stats.append(parse(path.read_text()))
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return family(stats, root)


def cpu(root: int) -> float:
    """CPU seconds that ``root`` and its family have used, the dead that were waited for included.

    A child that ended counts in its parent, so that short-lived workers are not forgotten.
    """
    return sum(one.ticks for one in _family(root)) / _TICKS


def resident(root: int) -> float:
    """Memory resident of ``root`` and its family, in MiB; pages that they share count in each."""
    return sum(one.pages for one in _family(root)) * _PAGE / 2**20

"""Describes the machine that a benchmark ran on."""

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
from pathlib import Path

_MEMORY = ("tmpfs", "ramfs")


def mount(path: Path, mounts: str) -> tuple[str, str]:
    """(device, type) of the file system that holds a path, out of ``/proc/mounts`` (pure)."""
    best = ("", "?", "?")
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        device, point, kind = fields[:3]
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best[0]):
            best = (point, device, kind)
    return best[1], best[2]


def in_memory(place: Path) -> bool:
    """Whether a place is no disk, so that nothing there is durable."""
    return mount(place.resolve(), Path("/proc/mounts").read_text())[1] in _MEMORY


def about(place: Path, postfix_version: str) -> dict[str, str]:
    """Machine, disk and versions, as the report states them."""
    device, kind = mount(place.resolve(), Path("/proc/mounts").read_text())
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    load = os.getloadavg()[0]
    return {
        "processor": f"{os.cpu_count()} cores, {model[0] if model else platform.machine()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "queue on": f"{kind} ({device})",
        "load before": f"{load:.2f}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Mailkeep": f"{importlib.metadata.version('mailkeep')} {_commit()}".strip(),
        "Postfix": postfix_version,
    }


def _commit() -> str:
    """The commit that the source stands at; "" where there is no repository, or no git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"({found.stdout.strip()})"

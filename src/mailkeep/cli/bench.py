"""``mailkeep bench``: measure what this machine and the disk of the home directory can do.

Nothing of the benchmark is imported: it runs as a program of its own, on a home of its own that it
makes inside this one, so that the same disk is measured and no mail of ours is touched.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailkeep.base.errors import BadSettings

from .house import DEFAULT_HOME, Home


def command(home: Path, only: list[str], quick: bool, as_json: bool) -> list[str]:
    """The program and its arguments (pure)."""
    found = [sys.executable, "-m", "mailkeep_bench", "--own", f"--place={home}"]
    found += [f"--only={row}" for row in only]
    if quick:
        found.append("--quick")
    if as_json:
        found.append("--json=-")
    return found


def bench(
    home: Home = DEFAULT_HOME,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this row, such as http-accept; may be repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Short rounds, few of them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure what this machine and the home's disk can do."""
    if not home.is_dir():
        raise BadSettings(f"there is no {home}; say where the disk is with --home")
    asked = command(home.resolve(), only or [], quick, as_json)
    running = subprocess.Popen(asked)  # noqa: S603
    # A Ctrl-C reaches it too; it ends its processes and its home, and we wait for that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: running.terminate())
    raise typer.Exit(running.wait())
